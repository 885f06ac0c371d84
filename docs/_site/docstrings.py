# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Docstrings of the code are plain text; this makes reStructuredText of them.

Bars of absolute values, names that end with an underscore and ``**options`` after another name mean
something else there, outside of ``literals``; names of arguments that fill two lines are one.
"""

import re
from typing import Any

_LITERAL = re.compile(r"(``.+?``)", re.DOTALL)
_SPECIAL = re.compile(r"\||(?<=\w)_(?!\w)|`|(?<=, )\*\*(?=\w)")


def escaped(text: str) -> str:
  r"""A text with what reStructuredText would take for markup escaped.

  Example:
    >>> print(escaped("adds -slope * |m - n| to ``|x|`` of x_"))
    adds -slope * \|m - n\| to ``|x|`` of x\_
  """
  slashed = lambda found: "".join("\\" + letter for letter in found.group())
  parts = _LITERAL.split(text)
  return "".join(part if i % 2 else _SPECIAL.sub(slashed, part) for i, part in enumerate(parts))


def escaped_lines(lines: list[str]) -> list[str]:
  """The same of a whole docstring; examples stay as they are."""
  found: list[str] = []
  plain: list[str] = []
  example = False
  for line in [*lines, None]:
    was, example = example, line is not None and (
      line.lstrip().startswith(">>>") or (example and bool(line.strip())))
    if (example and not was) or line is None:
      found += escaped("\n".join(plain)).split("\n") if plain else []
      plain = []
    if line is not None:
      (found if example else plain).append(line)
  return found


def joined(lines: list[str]) -> list[str]:
  """Lists of argument names that go on in a deeper line, as one line.

  Example:
    >>> joined(["  window, scale,", "    dtype: as in Settings."])
    ['  window, scale, dtype: as in Settings.']
  """
  depth = lambda line: len(line) - len(line.lstrip())
  found: list[str] = []
  for line in lines:
    before = found[-1] if found else ""
    names = re.fullmatch(r"\s+\w+(, \w+)*,", before) is not None
    if names and depth(line) > depth(before):
      found[-1] = f"{before} {line.strip()}"
    else:
      found.append(line)
  return found


def mend(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
  """For Sphinx's event autodoc-process-docstring."""
  del app, what, name, obj, options
  lines[:] = escaped_lines(joined(lines))
