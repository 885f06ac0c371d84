# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One way to say what is wrong: the argument, what came, what was wanted, how to mend it."""

import difflib
import operator
import pathlib
import sys
import warnings
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import jax
import jax.core
import numpy as np

from posenc_jax import _numerics

_PACKAGE = str(pathlib.Path(__file__).resolve().parent)


def explain_fault(argument: str, came: object, wanted: str, mend: str) -> str:
  """Builds the text of every user-facing error: ``argument: got .., wanted .. mend.``"""
  end = "" if mend.endswith(("?", "!", ".")) else "."
  return f"{argument}: got {came}, wanted {wanted}. {mend}{end}"


def value_error(argument: str, came: object, wanted: str, mend: str) -> ValueError:
  """A ValueError of that text."""
  return ValueError(explain_fault(argument, came, wanted, mend))


def type_error(argument: str, came: object, wanted: str, mend: str) -> TypeError:
  """A TypeError of that text."""
  return TypeError(explain_fault(argument, came, wanted, mend))


def warn(argument: str, came: object, wanted: str, mend: str) -> None:
  """Warns with that text at the caller's line: the first that is not in this package."""
  frame, level = sys._getframe(), 1
  while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
    frame, level = frame.f_back, level + 1
  warnings.warn(explain_fault(argument, came, wanted, mend), UserWarning, stacklevel=level)


def counted(count: int, noun: str, plural: str | None = None) -> str:
  """A number and its noun: ``1 cell``, ``2 cells``."""
  return f"{count} {noun if count == 1 else plural or noun + 's'}"


def describe(x: Any) -> str:
  """What came, in a few words: ``float32[2, 3]``, ``list``, ``'text'``, ``3``."""
  if hasattr(x, "shape") and hasattr(x, "dtype"):
    return f"{x.dtype.name}{list(x.shape)}"
  if isinstance(x, str | int | float | None):
    return repr(x)
  return f"class {x.__name__}" if isinstance(x, type) else type(x).__name__


def check_positive(argument: str, value: object, mend: str) -> None:
  """Raises unless ``value`` is a positive, finite number (or array of them); tracers pass."""
  known = _numerics.known(value)
  if known is None:
    return
  if known.dtype.kind not in "iuf" and known.dtype.name != "bfloat16":
    raise type_error(argument, describe(value), "a positive, finite number", mend)
  if not (np.isfinite(known).all() and (known > 0).all()):
    came = known.item() if known.ndim == 0 else known
    raise value_error(argument, came, "a positive, finite number", mend)


def check_int(argument: str, value: Any, wanted: str, mend: str, *, least: int | None = None
              ) -> int:
  """A static integer as a Python int: NumPy integers count, bools, floats and tracers do not.

  Args:
    argument: its name.
    value: what came.
    wanted: what it must be, such as "an int, at least 1".
    mend: how to mend it; of a traced value, the text says how to make it static.
    least: the smallest value, or None.

  Returns:
    The int.

  Raises:
    TypeError: it is no integer known on the host.
    ValueError: it is below ``least``.
  """
  try:
    if isinstance(value, bool | np.bool_):
      raise TypeError
    number = operator.index(value)
  except Exception:  # a tracer raises an error of JAX's own
    if isinstance(value, jax.core.Tracer):
      mend = f"{argument} must be static: jax.jit(f, static_argnames={argument!r})"
    raise type_error(argument, describe(value), wanted, mend) from None
  if least is not None and number < least:
    raise value_error(argument, number, wanted, mend)
  return number


def check_bool(argument: str, value: Any, mend: str) -> bool:
  """A static bool; tracers, numbers and strings are refused."""
  if isinstance(value, bool | np.bool_):
    return bool(value)
  raise type_error(argument, describe(value), "True or False, known on the host", mend)


def near(name: str, choices: Iterable[str]) -> str | None:
  """The choice that ``name`` is a misspelling of, or None."""
  found = difflib.get_close_matches(str(name), list(choices), n=1, cutoff=0.75)
  return found[0] if found else None


def check_choice(argument: str, value: Any, choices: tuple[str, ...]) -> None:
  """Raises a ValueError that offers the nearest of ``choices`` unless ``value`` is one of them."""
  if isinstance(value, str) and value in choices:
    return
  close = None
  if isinstance(value, str):
    alike = [c for c in choices if len(value) >= 3 and c[:3] == value[:3].lower()]
    close = near(value, choices) or (alike[0] if alike else None)
  raise value_error(argument, describe(value), "one of " + ", ".join(choices),
                    f"Did you mean {close!r}?" if close else f"Pass one of the {len(choices)}")


def refuse_unknown(function: str, given: Iterable[str], names: Collection[str],
                   renamed: Mapping[str, str] | None = None) -> None:
  """Raises a TypeError for keyword arguments that a function does not have.

  Args:
    function: its name.
    given: the keywords that came.
    names: its own.
    renamed: old name to what takes its place.
  """
  for name in given:
    if name in names:
      continue
    if name in (renamed or {}):
      raise type_error(f"{function}: {name}", "a name of earlier versions", (renamed or {})[name],
                       "See CHANGELOG.md")
    close = near(name, names)
    raise type_error(function, f"an argument {name!r}", "one of " + ", ".join(names),
                     f"Did you mean {close!r}?" if close else "Leave it out")
