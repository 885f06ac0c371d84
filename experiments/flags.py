# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Flags of all scripts: lists by comma or by repeating a flag; all faults in one go, exit code 2.

A script defines its flags with ``numbers``, ``words`` and absl's own functions, and hands ``start``
a function that turns them into a checked config. Nothing is compiled before that has succeeded.
"""

import gc
import math
import re
import sys
from collections.abc import Callable
from typing import Any

from absl import app, flags, logging

from posenc_jax import sweeps
from posenc_jax._errors import explain_fault, value_error

flags.disclaim_key_flags()  # what is defined here belongs to the script that asked for it


class Faults(Exception):
  """Everything that is wrong with the flags, one line each."""

  def __init__(self, faults: list[str]):
    super().__init__("\n".join(faults))
    self.faults = faults


class _ListParser(flags.ArgumentParser):
  """Values by comma; each one is checked."""

  def __init__(self, kind: type, low: float, high: float):
    self.kind, self.low, self.high = kind, low, high
    self.syntactic_help = f"{kind.__name__} values by comma"

  def parse(self, argument: Any) -> Any:
    if isinstance(argument, list):  # a default, already parsed
      return argument
    return [self._one(part.strip()) for part in str(argument).split(",")]

  def _one(self, part: str) -> Any:
    if not part:
      raise ValueError("got an empty value, wanted some. Write values by comma, as in 1,2.")
    if self.kind is str:
      return part
    try:
      value = self.kind(part)
    except ValueError as error:
      what = "a whole number" if self.kind is int else "a number"
      raise ValueError(f"got {part!r}, wanted {what}. Correct it.") from error
    if not (self.low <= value <= self.high) or not math.isfinite(value):
      raise ValueError(f"got {part}, wanted {self.low} to {self.high}. Correct it.")
    return value

  def flag_type(self) -> str:
    return f"list of {self.kind.__name__}"


class _Serializer(flags.ArgumentSerializer):
  def serialize(self, value: list) -> str:
    return ",".join(map(str, value))


class _ListFlag(flags.Flag):
  """A flag that may be repeated: ``--seeds=0 --seeds=1`` is ``--seeds=0,1``."""

  def parse(self, argument: Any) -> None:
    new = self._parse(argument)
    self.value = self.value + new if self.present else new
    self.present += 1


def _define(name, default, text, kind, low, high):
  parser = _ListParser(kind, low, high)
  flag = _ListFlag(parser, _Serializer(), name, default, text)
  return flags.DEFINE_flag(flag)


def integers(name: str, default: list[int], text: str, *, low: int = 1, high: int = 2**31 - 1):
  """Defines a flag that holds a list of bounded integers."""
  return _define(name, default, text, int, low, high)


def floats(name: str, default: list[float], text: str, *, low: float = 0.0, high: float = math.inf):
  """Defines a flag that holds a list of bounded, finite numbers."""
  return _define(name, default, text, float, low, high)


def words(name: str, default: list[str], text: str):
  """Defines a flag that holds a list of words; the config checks which."""
  return _define(name, default, text, str, 0, 0)


def define_sweep_options() -> None:
  """Defines the flags of every script that runs a sweep: how it is run, not what it computes."""
  o = sweeps.Options()
  flags.DEFINE_enum("batching", o.batching, ["auto", "padded", "bucketed", "single"],
                    "one program for all sizes (padded), one for each (bucketed), by cost (auto), "
                    "or every cell alone (single)")
  flags.DEFINE_integer("max_lanes", None, "most lanes of one program", lower_bound=1)
  flags.DEFINE_string("shard", None, "i/n: run the i-th of n shares, i from 0")
  flags.DEFINE_bool("distributed", False, "start jax.distributed; every process takes its share")
  flags.DEFINE_bool("repair", False, "mend damaged files of the run directory, keeping a copy")
  flags.DEFINE_bool("progress", True, "show progress")
  flags.DEFINE_bool("tensorboard", False, "write TensorBoard events")
  flags.DEFINE_string("compile_cache", None, "directory of JAX's persistent compile cache")
  flags.DEFINE_string("profile_dir", None, "directory for a profile of the first group")


def sweep_options(argv: tuple[str, ...] | None = None) -> sweeps.Options:
  """The options that the parsed flags ask for; raises ValueError for a malformed --shard."""
  names = ("batching", "max_lanes", "distributed", "repair", "progress", "tensorboard",
           "compile_cache", "profile_dir")
  shard = flags.FLAGS["shard"].value
  if shard is not None:
    found = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not found:
      raise value_error("--shard", repr(shard), "i/n", "The first of four shares is 0/4")
    shard = tuple(int(x) for x in found.groups())
  return sweeps.Options(**{n: flags.FLAGS[n].value for n in names}, shard=shard, argv=argv)


def parse(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> list[str]:
  """Parses as many arguments as make sense; returns what is wrong with the others."""
  faults, argv = [], list(argv)
  while True:
    try:
      rest = flag_values(argv)
      return faults + [explain_fault("arguments", repr(word), "flags only", "Write --name=value")
                       for word in rest[1:]]
    except flags.Error as error:
      faults.append(str(error))
      name = getattr(error, "flagname", None) or _first(r"--?([\w-]+)", str(error))
      kept = _without(argv, name)
      if kept == argv:
        return faults
      argv = kept
      flag_values.unparse_flags()


def _first(pattern: str, text: str) -> str:
  found = re.search(pattern, text)
  return found.group(1) if found else ""


def _without(argv: list[str], name: str) -> list[str]:
  kept, skip = argv[:1], False
  for i, word in enumerate(argv[1:], 1):
    if skip:
      skip = False
      continue
    if re.fullmatch(rf"--?(no)?{re.escape(name)}(=.*)?", word, re.DOTALL):
      follows = i + 1 < len(argv) and not argv[i + 1].startswith("-")
      skip = "=" not in word and follows
      continue
    kept.append(word)
  return kept


def start(build: Callable[[], Any], run: Callable[[Any], int | None]) -> None:
  """Parses the command line, builds the config, runs; a script's last line.

  Args:
    build: turns parsed flags into a config; raises ``Faults`` or ValueError for what is wrong.
    run: does the work; its result is the exit status.
  """
  config = []
  # Tracing makes millions of objects, few of them garbage; looking for that takes a tenth of it.
  gc.set_threshold(100_000, 50, 100)
  logging.set_verbosity(logging.WARNING)  # what libraries tell their developers

  def flags_parser(argv):
    if any(a in ("--help", "-h", "-help", "--helpfull", "--helpshort") for a in argv[1:]):
      return app.parse_flags_with_usage(argv)
    faults = parse(argv)
    flags.FLAGS.mark_as_parsed()
    try:
      config.append(build())
    except Faults as error:
      faults += error.faults
    except (ValueError, TypeError) as error:
      faults.append(str(error))
    if faults:
      print("\n".join(f"error: {fault}" for fault in faults), file=sys.stderr)
      print(f"Nothing was run. See {argv[0]} --help.", file=sys.stderr)
      sys.exit(2)
    return argv[:1]

  app.run(lambda argv: run(config[0]), flags_parser=flags_parser)
