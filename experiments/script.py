# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Scripts: flags made from a dataclass, all faults in one go, exit status 2 before any compile.

A script is a frozen dataclass whose fields ``fields.option`` made, and two functions:

  def run(config) -> results             for notebooks; raises Faults
  def main(config) -> int                prints; the exit status

  if __name__ == "__main__":
    script.start(Config, main, __doc__)

A Config has ``faults(bad) -> list`` for what no bound can say, ``PRESETS`` for ``--preset`` and
``given`` for the names of the flags on the command line if it likes, ``options: sweeps.Options`` if
it runs a sweep, and ``load() -> Config`` if it reads data.
The flags are the script's own, not ``absl.flags.FLAGS``: a script that runs twice in one process,
as by ``%run``, finds nothing of the first run.
"""

import builtins
import contextlib
import dataclasses
import functools
import gc
import os
import re
import shlex
import sys
import textwrap
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import jax
from absl import flags, logging

from experiments import fields, sweep_flags, timing
from experiments.fields import Faults as Faults
from experiments.fields import Kind, Option
from experiments.flag_types import Serializer, Table, define
from posenc_jax import _scripts, sweeps
from posenc_jax._errors import clean, explain_fault
from posenc_jax.sweeps import errors

MOST_CPU_DEVICES = 32
_ABSL = {"flagfile": "Write the flags of the file out, so that the manifest has them",
         "undefok": "Leave it out, and each flag that it names: a flag that is not read would be "
         "ignored"}
_HELP = ("--help", "-h", "-help", "--helpfull", "--helpshort")


def table_of(cls: Any) -> Table:
  """The flags of a Config: its fields', those of its sweep and ``--preset``."""
  table = dict(fields.options_of(cls))
  names = {f.name for f in dataclasses.fields(cls)}
  if "options" in names:
    table |= sweep_flags.table()
  presets = getattr(cls, "PRESETS", None)
  if presets:
    about = Option("values of other flags, which override it", choices=tuple(presets))
    table["preset"] = (Kind(str), about, "default")
  return table


def parse(argv: Sequence[str], values: flags.FlagValues) -> tuple[list[str], set[str]]:
  """Parses as many arguments as make sense; (what is wrong with the others, which flags)."""
  bad, (faults, argv) = set(), _without_absl(list(argv))
  while True:
    try:
      rest = values(argv)
      stray = [explain_fault("arguments", repr(word), "flags only", "Write --name=value")
               for word in rest[1:]]
      return faults + stray, bad
    except (flags.Error, ValueError) as error:  # ValueError: --noloud=3
      found = re.match(r"(flag --.*: )\('Non-boolean argument .*', (.*)\)$", str(error), re.DOTALL)
      faults.append(f"{found[1]}got {found[2]}, wanted true or false. Choose." if found
                    else str(error))
      name = getattr(error, "flagname", None) or _first(r"--?([\w-]+)", str(error))
      bad.add(name)
      kept = _without(argv, name)
      if kept == argv:
        return faults, bad
      argv = kept
      values.unparse_flags()


def _without_absl(argv: list[str]) -> tuple[list[str], list[str]]:
  """(faults, the other words): flags that absl itself reads and a manifest would not tell."""
  faults, end = [], argv.index("--") if "--" in argv else len(argv)
  for name, mend in _ABSL.items():
    words = [word for word in argv[1:end] if re.match(rf"--?{name}(=|$)", word)]
    if words:
      faults.append(explain_fault(f"--{name}", repr(words[0]), "flags of this script", mend))
      argv = _without(argv, name)
  return faults, argv


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


def from_flags(cls: Any, argv: Sequence[str]) -> Any:
  """The checked config of a command line.

  Args:
    cls: the Config.
    argv: the command line, the script's name first.

  Returns:
    A config, its data read.

  Raises:
    Faults: everything that is wrong with it.
  """
  table = table_of(cls)
  values = define(table)
  faults, bad = parse(argv, values)
  values.mark_as_parsed()
  given = {name: values[name].value for name in table if values[name].present}
  settings: dict[str, Any] = {}
  preset = given.pop("preset", "default")
  if "preset" in table and "preset" not in bad:
    fault = fields.value_fault("--preset", preset, *table["preset"][:2])
    if fault:
      faults.append(fault)
    else:
      settings |= cls.PRESETS[preset]
  if any(f.name == "given" for f in dataclasses.fields(cls)):  # for flags that nothing would read
    settings["given"] = frozenset(given)
  own = fields.options_of(cls)
  settings |= {name: value for name, value in given.items() if name in own}
  if any(f.name == "options" for f in dataclasses.fields(cls)):
    sweep = {name: given[name] for name in sweep_flags.table() if name in given}
    for name, value in sweep.items():
      fault = fields.value_fault(f"--{name}", value, *table[name][:2])
      faults += [fault] if fault else []
      bad |= {name} if fault else set()
    settings["options"], more = sweep_flags.options(sweep, bad)
    faults += more
  return _checked(cls(**settings), faults, bad)


def _checked(config: Any, faults: list[str], bad: Collection[str]) -> Any:
  faults = faults + config.faults(bad)
  load = getattr(config, "load", None)
  if load is not None:
    try:
      config = load()
    except (ValueError, ImportError) as error:
      faults += [text for text in str(error).split("\n") if not _told(text, faults)]
  if faults:
    raise Faults(faults)
  return config


def _told(text: str, faults: Sequence[str]) -> bool:
  """Whether a fault of the same argument is there: "data: .." once "--data: .." is."""
  name = text.split(":")[0].lstrip("-")
  return any(fault.split(":")[0].lstrip("-") == name for fault in faults)


def help_text(cls: Any, doc: str | None) -> str:
  """The script's docstring and its flags."""
  lines = [(doc or "").strip(), "", "flags, lists by comma or by repeating a flag:"]
  for name, (kind, about, default) in table_of(cls).items():
    shown = Serializer().serialize(default) if default not in (None, ()) else "none"
    choices = f"; one of {', '.join(about.choices)}" if about.choices else ""
    lines.append(f"  --{'[no]' if kind.of is bool else ''}{name}")
    lines += textwrap.wrap(f"{about.text}{choices} (default: {shown})", 92,
                           initial_indent="      ", subsequent_indent="      ")
  return "\n".join(lines)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Rare garbage collection, quiet libraries and messages in flags, while the script runs."""
  # Tracing makes millions of objects, few of them garbage; looking for that takes a tenth of it.
  before, level = gc.get_threshold(), logging.get_verbosity()
  form = warnings.formatwarning
  gc.set_threshold(100_000, 50, 100)
  logging.set_verbosity(logging.WARNING)
  warnings.formatwarning = functools.partial(_warning, form)
  try:
    with errors.spelled(sweep_flags.spelled):
      yield
  finally:
    gc.set_threshold(*before)
    logging.set_verbosity(level)
    warnings.formatwarning = form


def _warning(form: Callable[..., str], message: Any, category: Any, *where: Any, **more: Any
             ) -> str:
  """A warning to the user without the line of code that it came from, which tells them nothing."""
  if issubclass(category, UserWarning):
    return f"warning: {sweep_flags.spelled(str(message))}\n"
  return form(message, category, *where, **more)


def _one_device_a_core(argv: Sequence[str]) -> None:
  """Lets JAX see each core of a CPU as a device, over which a sweep spreads its lanes.

  The steps of small models keep one core busy and a second one half of the time; lanes on devices
  of their own keep all busy. Who has chosen a number of devices keeps it.
  """
  chosen = (jax.config.jax_num_cpu_devices > 0
            or "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
            or any(re.match("--?distributed", word) for word in argv)
            or hasattr(builtins, "__IPYTHON__"))  # %run: the process is the notebook's.
  if chosen:
    return
  with contextlib.suppress(RuntimeError):  # JAX has run in this process; its devices stay.
    jax.config.update("jax_num_cpu_devices", min(timing.cores(), MOST_CPU_DEVICES))


def _program() -> str:
  """The command without its flags: ``python -m experiments.compare``."""
  first, *rest = sweeps.command_line()
  return shlex.join([first, *rest[:2 if rest[:1] == ["-m"] else 1]])


def _as_flag(fault: str, table: Collection[str]) -> str:
  """A fault of an argument, as ``data_file: got ..``, under the name of its flag."""
  return f"--{fault}" if fault.split(":")[0] in table else fault


def start(cls: Any, main: Callable[[Any], int | None], doc: str | None = None) -> None:
  """Parses the command line, builds the config, runs, and exits: a script's last line.

  Args:
    cls: the Config.
    main: does the work; its result is the exit status.
    doc: the script's docstring, for --help.
  """
  if any(word in _HELP for word in sys.argv[1:]):
    with _scripts.piped():
      print(help_text(cls, doc))
    sys.exit(0)
  if any(f.name == "options" for f in dataclasses.fields(cls)):
    _one_device_a_core(sys.argv)
  with _quiet(), sweeps.exits():  # Ctrl-C while data is read is one line, too
    try:
      config = from_flags(cls, sys.argv)
    except Faults as error:
      known = table_of(cls)
      told = [_as_flag(sweep_flags.spelled(fault), known) for fault in error.faults]
      print(clean("\n".join(f"error: {fault}" for fault in told), keep="\n"), file=sys.stderr)
      print(f"Nothing was run. See {_program()} --help.", file=sys.stderr)
      sys.exit(2)
    with _scripts.piped():
      status = main(config)
    sys.exit(status)
