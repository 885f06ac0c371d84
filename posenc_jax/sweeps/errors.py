# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in a sweep, each with the exit code a script should end with.

The codes are those of BSD's sysexits where one fits, so a job scheduler can tell "try again later"
(75) from "the disk is full" (74) and from "you asked for something else than last time" (2).
"""

import contextlib
import contextvars
import pathlib
import sys
import warnings
from collections.abc import Callable, Iterator


class SweepWarning(UserWarning):
  """Something a reader of the results should know, though the sweep goes on."""


# How a program that is run by a command line spells what messages say in Python.
_spelling: contextvars.ContextVar[Callable[[str], str]] = contextvars.ContextVar(
  "spelling", default=str)


@contextlib.contextmanager
def spelled(spelling: Callable[[str], str]) -> Iterator[None]:
  """Warnings and what ``exits`` prints go through a function: a script's users know flags alone.

  Args:
    spelling: from a text to the text that is shown.

  Example:
    >>> with spelled(lambda text: text.replace("repair=True", "--repair")):
    ...   try:
    ...     with exits():
    ...       raise CorruptStore("With repair=True ..")
    ...   except SystemExit as stop:
    ...     stop.code
    65
  """
  token = _spelling.set(spelling)
  try:
    yield
  finally:
    _spelling.reset(token)


def warn(text: str) -> None:
  """Warns with SweepWarning at the caller's line: the first that is not in this package."""
  package = str(pathlib.Path(__file__).resolve().parents[1])
  frame, level = sys._getframe(), 1
  while frame.f_back is not None and frame.f_code.co_filename.startswith(
      (package, contextlib.__file__)):
    frame, level = frame.f_back, level + 1
  warnings.warn(_spelling.get()(text), SweepWarning, stacklevel=level)


class SweepError(Exception):
  """A sweep cannot go on; ``exit_code`` is what a script should exit with."""

  exit_code = 1


class SettingsChanged(SweepError, ValueError):
  """The directory holds a sweep with other settings, data or experiment (exit 2)."""

  exit_code = 2


class CorruptStore(SweepError, ValueError):
  """A file of the store cannot be trusted and mending it was not asked for (exit 65)."""

  exit_code = 65


class CannotWrite(SweepError, OSError):
  """The output directory cannot be made or written (exit 73)."""

  exit_code = 73


class StorageFull(SweepError, OSError):
  """A write failed: disk full, quota used up or a device error (exit 74)."""

  exit_code = 74


class NoCoordinator(SweepError, ValueError):
  """A distributed run does not know its first process or cannot reach it (exit 2)."""

  exit_code = 2


class DirectoryInUse(SweepError, RuntimeError):
  """Another process is writing to the same directory (exit 75)."""

  exit_code = 75


class Interrupted(KeyboardInterrupt):
  """Ctrl-C, SIGTERM or SIGHUP stopped the sweep after its state was saved (exit 128 + signal).

  It is a KeyboardInterrupt, so a notebook shows it as one and no ``except Exception`` swallows it.
  """

  def __init__(self, message: str, signum: int):
    super().__init__(message)
    self.signum = signum
    self.exit_code = 128 + signum


def exit_code(error: BaseException) -> int:
  """The exit code a script should end with after this error.

  It is the error's own, 130 for Ctrl-C, 2 for a user's mistake (ValueError, TypeError), else 1.

  Example:
    >>> exit_code(DirectoryInUse("in use")), exit_code(ValueError("steps"))
    (75, 2)
  """
  code = getattr(error, "exit_code", None)
  if code is not None:
    return code
  if isinstance(error, KeyboardInterrupt):
    return 130
  return 2 if isinstance(error, (TypeError, ValueError)) else 1


@contextlib.contextmanager
def exits() -> Iterator[None]:
  """Turns a sweep's errors into one line on stderr and the right exit code, for scripts.

  Other errors keep their traceback. A KeyboardInterrupt, as of a second Ctrl-C, does not.

  Example:
    >>> try:
    ...   with exits():
    ...     raise StorageFull("no space for 4096 bytes in runs/a")
    ... except SystemExit as stop:
    ...   stop.code
    74
  """
  try:
    yield
  except (SweepError, KeyboardInterrupt) as error:
    print(_spelling.get()(f"{type(error).__name__}: {error}"), file=sys.stderr)
    sys.exit(exit_code(error))
