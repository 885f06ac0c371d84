# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fields of a Config: a type, bounds and a text each, checked alike for flags and notebooks.

  @dataclasses.dataclass(frozen=True)
  class Config:
    seeds: tuple[int, ...] = option((0, 1), "seeds of all draws", low=0)

``check(config)`` tells everything that is wrong with the values; ``script`` makes flags of them.
"""

import dataclasses
import math
import operator
import types
import typing
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from posenc_jax._errors import describe, explain_fault, near

_CONTROL = ("Cc", "Zl", "Zp")  # of Unicode: control characters, ends of lines and paragraphs


class Faults(ValueError):
  """Everything that is wrong with a config, one line each."""

  def __init__(self, faults: list[str]):
    super().__init__("\n".join(faults))
    self.faults = faults


@dataclasses.dataclass(frozen=True)
class Option:
  """What is known of a field beside its type.

  Attributes:
    text: the flag's help.
    low, high: bounds of numbers, inclusive.
    choices: the values there are, of texts.
    empty: whether a list may have no values.
    below: whether ``high`` itself is too much.
    repeats: whether a list may have a value twice.
    lines: whether a text may have several lines, and other control characters.
  """

  text: str
  low: float | None = None
  high: float | None = None
  choices: tuple[str, ...] = ()
  empty: bool = False
  below: bool = False
  repeats: bool = False
  lines: bool = False


def option(default: Any, text: str, *, low: float | None = None, high: float | None = None,
           choices: Iterable[str] = (), empty: bool = False, below: bool = False,
           repeats: bool = False, lines: bool = False) -> Any:
  """A dataclass field that becomes a flag; see ``Option``."""
  about = Option(text, low, high, tuple(choices), empty, below, repeats, lines)
  return dataclasses.field(default=default, metadata={"option": about})


@dataclasses.dataclass(frozen=True)
class Kind:
  """A field's type: one value or a list of ``of``, None allowed or not."""

  of: type
  many: bool = False
  optional: bool = False


def kind_of(annotation: Any) -> Kind:
  """The Kind of an annotation.

  Raises:
    TypeError: it is neither bool, int, float or str, nor a tuple of one, nor such a type or None.

  Example:
    >>> kind_of(tuple[int, ...]), kind_of(float | None).optional
    (Kind(of=<class 'int'>, many=True, optional=False), True)
  """
  args = typing.get_args(annotation)
  if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
    inner = [a for a in args if a is not type(None)]
    if len(inner) == 1:
      return dataclasses.replace(kind_of(inner[0]), optional=True)
  elif typing.get_origin(annotation) is tuple and args[1:] == (Ellipsis,):
    return Kind(kind_of(args[0]).of, many=True)
  elif annotation in (bool, int, float, str):
    return Kind(annotation)
  raise TypeError(explain_fault("field", annotation, "bool, int, float, str, tuple[.., ...] or one "
                                "of them or None", "Give the field no option()"))


def options_of(cls: Any) -> dict[str, tuple[Kind, Option, Any]]:
  """{field: (kind, option, default)} of the fields that ``option`` made."""
  hints = typing.get_type_hints(cls)
  return {f.name: (kind_of(hints[f.name]), f.metadata["option"], f.default)
          for f in dataclasses.fields(cls) if "option" in f.metadata}


def tuples(config: Any) -> None:
  """Turns lists, ranges, arrays and iterators in fields that are lists into tuples, so that a
  frozen dataclass hashes; scalars of arrays in them become numbers. For its ``__post_init__``.
  """
  number = lambda x: x.item() if getattr(x, "shape", None) == () else x
  for name, (kind, _, _) in options_of(type(config)).items():
    value = getattr(config, name)
    text = isinstance(value, str | bytes | Mapping)
    if kind.many and isinstance(value, Iterable) and not text and getattr(value, "ndim", 1) == 1:
      object.__setattr__(config, name, tuple(map(number, value)))


class Check:
  """Faults of a config, collected: those of single values first.

  Args:
    config: a dataclass with fields that ``option`` made.
    bad: fields of which it is known that their values are wrong (flags that could not be read).

  Attributes:
    faults: one line each.
  """

  def __init__(self, config: Any, bad: Collection[str] = ()):
    self.bad, self.faults = set(bad), []
    for name, (kind, about, _) in options_of(type(config)).items():
      if name in self.bad:
        continue
      fault = value_fault(f"--{name}", getattr(config, name), kind, about)
      if fault:
        self.bad.add(name)
        self.faults.append(fault)

  def sound(self, *names: str) -> bool:
    """Whether none of these fields is wrong by itself: else more faults would be spurious."""
    return self.bad.isdisjoint(names)

  def add(self, name: str, came: object, wanted: str, mend: str) -> None:
    """Adds a fault of a field."""
    self.bad.add(name)
    self.faults.append(explain_fault(f"--{name}", came, wanted, mend))


def value_fault(argument: str, value: Any, kind: Kind, about: Option) -> str | None:
  """What is wrong with a value, or None."""
  if value is None and kind.optional:
    return None
  if kind.optional and isinstance(value, str) and value.lower() == "none":
    return explain_fault(argument, f"the text {value!r}", "a name",
                         f"From Python {argument.lstrip('-')}=None is without one; "
                         f"./{value} is a file of that name")
  if not kind.many:
    return _one_fault(argument, value, kind.of, about)
  if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
    example = {int: "(0, 1)", float: "(1e-3,)", str: '("rotary",)'}[kind.of]
    return explain_fault(argument, describe(value), f"a tuple of values, such as {example}",
                         f"Write ({value!r},)" if isinstance(value, str | int | float) else
                         "Give a tuple")
  values = list(value)
  if not values and not about.empty:
    return explain_fault(argument, "no values, so the grid is empty", "at least one",
                         "Give it a value")
  for one in values:
    fault = _one_fault(argument, one, kind.of, about)
    if fault:
      return fault
  if len(set(values)) < len(values) and not about.repeats:
    return explain_fault(argument, values, "each value once", "Drop the repeats")
  return None


def _one_fault(argument: str, value: Any, of: type, about: Option) -> str | None:
  if of is bool:
    right = isinstance(value, bool | np.bool_)
    return None if right else explain_fault(argument, describe(value), "True or False", "Choose")
  if of is str:
    return _text_fault(argument, value, about)
  wanted = _wanted(of, about)
  try:
    if isinstance(value, bool | np.bool_ | str):
      raise TypeError
    number = operator.index(value) if of is int else float(value)
  except (TypeError, ValueError):
    near_by = f"Write {int(value)}" if isinstance(value, float) and value == round(value) else None
    return explain_fault(argument, describe(value), wanted, near_by or "Correct it")
  low = -math.inf if about.low is None else about.low
  high = math.inf if about.high is None else about.high
  if not math.isfinite(number) or not low <= number <= high or (about.below and number == high):
    return explain_fault(argument, value, wanted, "Correct it")
  return None


def _wanted(of: type, about: Option) -> str:
  what = "a whole number" if of is int else "a finite number"
  low = "" if about.low is None else f", at least {about.low:g}"
  high = "" if about.high is None else f", {'below' if about.below else 'at most'} {about.high:g}"
  return what + low + high


def _text_fault(argument: str, value: Any, about: Option) -> str | None:
  if not isinstance(value, str):
    return explain_fault(argument, describe(value), "a text", "Put it in quotes")
  if not value:
    return explain_fault(argument, "an empty text", "a text",
                         "Write it after the =, or leave the flag out")
  if not about.lines and any(unicodedata.category(c) in _CONTROL for c in value):
    return explain_fault(argument, repr(value), "a text of one line without control characters",
                         "Leave them out: names of files and cells are printed")
  if about.choices and value not in about.choices:
    close = near(value, about.choices)
    return explain_fault(argument, repr(value), "one of " + ", ".join(about.choices),
                         f"Did you mean {close!r}?" if close else "Choose one")
  return None
