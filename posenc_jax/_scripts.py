# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The console commands of scripts that only a clone has, and how a command ends."""

import contextlib
import importlib.util
import os
import runpy
import sys
from collections.abc import Iterator

from posenc_jax import _errors


def compare() -> None:
  """``posenc-compare``, which is ``python -m experiments.compare`` from any directory.

  Exits with status 2 and says how to get the scripts where they are not installed.
  """
  name = "experiments.compare"
  try:
    found = importlib.util.find_spec("experiments") and importlib.util.find_spec(name)
  except ModuleNotFoundError as error:  # of the package experiments, which says what to install
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)
  if found is None:
    sys.exit(_missing(name))
  runpy.run_module(name, run_name="__main__", alter_sys=True)


@contextlib.contextmanager
def piped() -> Iterator[None]:
  """Ends a command without a word if its reader has closed the pipe, as ``| head -5`` does.

  Raises:
    SystemExit: with 141, the status of a process that such a pipe has stopped.
  """
  try:
    yield
    sys.stdout.flush()
  except BrokenPipeError:
    if not _is_broken():
      raise
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
    sys.exit(141)


def _is_broken() -> bool:
  """Whether it is standard output that nobody reads, and no other pipe."""
  try:
    os.write(sys.stdout.fileno(), b"\n")
  except BrokenPipeError:
    return True
  except (OSError, ValueError):  # It has no file, as in a notebook.
    return False
  return False


def _missing(name: str) -> int:
  print(_errors.explain_fault(
    "posenc-compare", f"an installation without {name}", "one of a clone, as the wheel has the "
    "library alone", "Run git clone with the repository's address, then pip install -e "
    "'.[experiments]' inside it"), file=sys.stderr)
  return 2
