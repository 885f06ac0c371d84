# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What an entry of the list of planted faults says; the lists are gathered in `planted`."""

from typing import NamedTuple


class Fault(NamedTuple):
  """A change that breaks something, and a fast test that fails with it.

  Attributes:
    id: a short name, for `--only`.
    file: which is changed.
    old: a piece of the file that occurs in it once; it may span lines.
    new: what takes its place: a slip that someone could make, that still is Python and imports.
    test: what follows `pytest` on the command line: a node id, or a file with `-k EXPRESSION`.
  """

  id: str
  file: str
  old: str
  new: str
  test: str
