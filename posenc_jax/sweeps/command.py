# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line as one would type it again."""

import pathlib
import sys
from collections.abc import Sequence


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
