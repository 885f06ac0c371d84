# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What to do with a group that came to no good end: divide it, or record its cells.

    an error before its first step   of several statics: one group for each; else all cells fail, as
                                     they share the program
    an error while it runs           halves, as one lane's numbers may be the reason
    out of memory                    halves
    the process died in it           halves, each of which is divided after one more death
    too long                         all cells are recorded; their state is kept

A cell alone is recorded as "failed", "oom", "crashed" or "timeout". The others of a group that was
divided train in programs of other widths, so they equal an undisturbed run to about 1e-6.
"""

import dataclasses
import traceback
from typing import Any

from posenc_jax.sweeps import devices


class TooLong(Exception):
  """A group has trained longer than ``timeout_seconds``; its state is saved."""


@dataclasses.dataclass(frozen=True)
class Failure:
  """Why a group came to no good end.

  Attributes:
    status: what its cells are recorded as.
    error: one line.
    about: more of the record: ``traceback``, ``deaths``.
    running: whether the program had been made.
    cause: the error itself, if there is one.
    programs: names of the group's programs, if it came to them; see ``code``.
  """

  status: str
  error: str
  about: dict[str, Any] = dataclasses.field(default_factory=dict)
  running: bool = True
  cause: Exception | None = None
  programs: dict[str, str] | None = None

  @property
  def why(self) -> str:
    """How the plan says why a group was divided."""
    return {"oom": "which ran out of memory", "crashed": "in which the process died",
            }.get(self.status, "which failed")

  @property
  def told(self) -> str:
    """How progress says it."""
    return {"oom": "ran out of memory", "crashed": f"died {self.about.get('deaths')} times",
            "timeout": "took too long"}.get(self.status, f"failed with {self.error:.200}")


def failure_of(error: Exception, running: bool) -> Failure:
  """The Failure that an error is; ``running`` says whether the program had been made."""
  if isinstance(error, TooLong):
    return Failure("timeout", str(error), cause=error)
  if devices.out_of_memory(error):
    return Failure("oom", str(error), cause=error)
  told = traceback.format_exception_only(error)[0].strip().splitlines()
  line = told[0] if len(told) == 1 else f"{told[0][:200]} .. {told[-1].strip()}"
  text = "".join(traceback.format_exception(error))
  return Failure("failed", line, {"traceback": text}, running, error)


def death_of(deaths: int) -> Failure:
  """The Failure of a group in which the process has died ``deaths`` times."""
  return Failure("crashed", f"the process died {deaths} times in this cell without a saved step, "
                 "as when the kernel kills it for want of memory", {"deaths": deaths})
