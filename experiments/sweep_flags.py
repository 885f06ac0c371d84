# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The fields of ``sweeps.Options`` as flags: how a sweep is run, not what it computes.

Types and defaults are those of the dataclass; this table has what a dataclass cannot say. A field
that is in neither ``FLAGS`` nor ``WITHOUT`` fails a test.
"""

import dataclasses
import re
import typing
from collections.abc import Mapping
from typing import Any

from experiments.fields import Kind, Option, kind_of
from posenc_jax import sweeps
from posenc_jax._errors import explain_fault
from posenc_jax.sweeps.options import BATCHING, RETRAIN

FLAGS = {
  "batching": Option("one program for all sizes (padded), one for each (bucketed), by cost (auto), "
                     "or every cell alone (single)",
                     choices=BATCHING),
  "max_lanes": Option("most lanes of one program", low=1),
  "memory_limit": Option("bytes that all lanes of a program may need together", low=1),
  "flops_per_second": Option("what the planner expects of the machine", low=1),
  "compile_seconds": Option("what the planner expects a compile to take", low=1e-3),
  "devices": Option("how many local devices to spread lanes over", low=1),
  "shard": Option("i/n: run the i-th of n shares, i from 0"),
  "distributed": Option("start jax.distributed; every process takes its share"),
  "chunk_seconds": Option("about how long the device runs between two looks at signals", low=1e-3),
  "checkpoint_seconds": Option("save the state of a long group this often; 0: after every chunk",
                               low=0),
  "curve_points": Option("longer curves are averaged into that many points", low=1),
  "retry": Option("statuses of finished cells to run again, such as diverged,failed,oom",
                  empty=True),
  "retrain": Option("finished cells whose code was edited since: refuse them (no) or train them "
                    "again (changed)", choices=RETRAIN),
  "keep": Option("what to keep of each cell besides its record: weights", empty=True),
  "evaluate_only": Option("train nothing; evaluate kept weights again, by code edited since"),
  "timeout_seconds": Option("give a group up that has trained longer", low=0),
  "max_deaths": Option("how often a process may die in a group before it is put last and divided",
                       low=1),
  "repair": Option("mend damaged files of the run directory, keeping a copy"),
  "progress": Option("show progress"),
  "report": Option("write report.html, table.csv and figures at the end"),
  "tensorboard": Option("write TensorBoard events"),
  "compile_cache": Option("directory of JAX's persistent compile cache"),
  "profile_dir": Option("directory for a profile of the first group"),
  "coordinator_address": Option(
    "with --distributed: host:port of process 0; else found by the cluster's variables"),
  "num_processes": Option("with --distributed: how many", low=1),
  "process_id": Option("with --distributed: which this is", low=0),
}
_NAMES = "|".join(sorted(FLAGS, key=len, reverse=True))
CLUSTER = ("coordinator_address", "num_processes", "process_id")
WITHOUT = {"argv": "the command line itself", "distributed_args": "a mapping, for notebooks"}


def table() -> dict[str, tuple[Kind, Option, Any]]:
  """{flag: (kind, option, default)} of everything that a sweep can be told."""
  hints = typing.get_type_hints(sweeps.Options)
  found = {}
  for field in dataclasses.fields(sweeps.Options):
    if field.name in FLAGS:
      kind = Kind(str, optional=True) if field.name == "shard" else kind_of(hints[field.name])
      found[field.name] = (kind, FLAGS[field.name], field.default)
  return found


def options(values: Mapping[str, Any], bad: set[str]) -> tuple[sweeps.Options, list[str]]:
  """The options that the values of flags ask for.

  Args:
    values: flag to value, of flags that were given.
    bad: flags whose values are known to be wrong.

  Returns:
    (options, faults): without what is wrong.
  """
  good = {name: value for name, value in values.items() if name not in bad}
  faults = []
  if isinstance(good.get("shard"), str):
    found = re.fullmatch(r"(\d+)/(\d+)", good["shard"])
    if found:
      good["shard"] = tuple(map(int, found.groups()))
    else:
      faults.append(explain_fault("--shard", repr(good.pop("shard")), "i/n",
                                  "The first of four shares is 0/4"))
  kept, together = dict(good), {"distributed": bool(good.get("distributed"))}
  for name in list(kept):  # each alone, so that every fault is told
    try:
      sweeps.Options(**{**(together if name in CLUSTER else {}), name: kept[name]})
    except (ValueError, TypeError) as error:
      faults.append(_as_flag(str(error)))
      del kept[name]
  try:
    return sweeps.Options(**kept, argv=sweeps.command_line()), faults
  except (ValueError, TypeError) as error:
    return sweeps.Options(), [*faults, _as_flag(str(error))]


def spelled(text: str) -> str:
  """A text that names options in Python, with their flags.

  Example:
    >>> spelled('With retrain="changed", repair=True or options: shard; not --retry=failed')
    'With --retrain=changed, --repair or --shard; not --retry=failed'
  """
  text = re.sub(rf"\boptions: (?=({_NAMES})\b)", "--", text)
  return re.sub(rf"(?<![-\w.=])({_NAMES})=(\"[^\"]*\"|'[^']*'|[\w./]+)", _flag, text)


def _flag(found: re.Match) -> str:
  name, value = found[1], found[2].strip("\"'")
  return {"True": f"--{name}", "False": f"--no{name}"}.get(value, f"--{name}={value}")


def _as_flag(text: str) -> str:
  return spelled(text)
