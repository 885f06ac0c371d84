# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line as one would type it again."""

import pathlib
import shlex
import sys
from collections.abc import Sequence


def in_notebook() -> bool:
  """Whether this process is the kernel of a notebook."""
  shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
  return hasattr(shell, "kernel")


def how_to_repeat(argv: Sequence[str] | None) -> str:
  """The command that repeats a call, or "the same call" in a notebook or at a prompt.

  Args:
    argv: the command if it is known; None for the process's own.

  Example:
    >>> how_to_repeat(["python", "study.py", "--out=my run"])
    "python study.py '--out=my run'"
  """
  if argv is None:
    rest = [word for word in sys.orig_argv[1:] if word == "-c" or not word.startswith("-")]
    if in_notebook() or not rest or rest[0] == "-c" or sys.flags.interactive:
      return "the same call"
  return shlex.join(command_line() if argv is None else argv)


def command_line(words: Sequence[str] | None = None) -> tuple[str, ...]:
  """The words that started this process, with "python" for the interpreter's path.

  ``sys.argv`` has the path of the file in place of ``-m package.module``, which does not run.

  Args:
    words: None for ``sys.orig_argv``.

  Returns:
    The words, for ``shlex.join``.

  Example:
    >>> command_line(["/usr/bin/python3.11", "-m", "experiments.compare", "--steps=3"])
    ('python', '-m', 'experiments.compare', '--steps=3')
  """
  first, *rest = sys.orig_argv if words is None else words
  name = pathlib.PurePath(first).name
  return ("python" if name.lower().startswith("python") else name, *rest)
