# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Flags of a script: values by comma, each flag once unless it is a list."""

from typing import Any

from absl import flags

from experiments.encodings import split_outside
from experiments.fields import Kind, Option
from posenc_jax._errors import explain_fault

Table = dict[str, tuple[Kind, Option, Any]]


class _Parser(flags.ArgumentParser):
  """A value, or values by comma."""

  def __init__(self, kind: Kind):
    self.kind = kind
    self.syntactic_help = f"{kind.of.__name__} values by comma" if kind.many else ""

  def parse(self, argument: Any) -> Any:
    if not isinstance(argument, str):  # a default
      return argument
    if not self.kind.many:
      return self._one(argument.strip())
    return tuple(self._one(part) for part in split_outside(argument, ","))

  def _one(self, part: str) -> Any:
    if not part:
      raise ValueError("got an empty value, wanted one. Write it after the =, or leave the flag "
                       "out for its default.")
    if self.kind.of is str:
      return part
    try:
      return self.kind.of(part)
    except ValueError as error:
      what = "a whole number" if self.kind.of is int else "a number"
      raise ValueError(f"got {part!r}, wanted {what}. Correct it.") from error

  def flag_type(self) -> str:
    return f"list of {self.kind.of.__name__}" if self.kind.many else self.kind.of.__name__


class Serializer(flags.ArgumentSerializer):
  """A value, or values by comma, as the command line has them."""

  def serialize(self, value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


class _Flag(flags.Flag):
  """A flag; one of a list may be repeated: ``--seeds=0 --seeds=1`` is ``--seeds=0,1``."""

  def parse(self, argument: Any) -> None:
    new = self._parse(argument)
    many = isinstance(new, tuple) and self.present
    if self.present and not many:
      raise _twice(self.name, self._told(self.value), self._told(new))
    self.value = self.value + new if many else new
    self.present += 1

  def _told(self, value: Any) -> str:
    return f"--{self.name}={value}"


class _Truth(_Flag, flags.BooleanFlag):
  """``--name`` and ``--noname``."""

  def _told(self, value: Any) -> str:
    return f"--{'' if value else 'no'}{self.name}"


def _twice(name: str, first: str, second: str) -> flags.Error:
  error = flags.IllegalFlagValueError(explain_fault(
    f"--{name}", f"{first} and {second}", "it once", "Drop all but one, as only one can hold"))
  error.flagname = name  # type: ignore[attr-defined]
  return error


def define(table: Table) -> flags.FlagValues:
  """Flags for a table of fields, in a set of their own."""
  values = flags.FlagValues()
  for name, (kind, about, default) in table.items():
    if kind.of is bool:
      flags.DEFINE_flag(_Truth(name, default, about.text), flag_values=values)
    else:
      flag = _Flag(_Parser(kind), Serializer(), name, default, about.text)
      flags.DEFINE_flag(flag, flag_values=values)
  return values
