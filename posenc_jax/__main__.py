# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Prints the table of methods.

    python -m posenc_jax                 every method
    python -m posenc_jax bias t5         those whose row has all of these words
    python -m posenc_jax --json          the same as JSON, one object a method
"""

import argparse
import dataclasses
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence

from posenc_jax import _errors, _scripts
from posenc_jax.methods import living

_NONE = "-"


def wanted(rows: Sequence[living.Row], words: Sequence[str]) -> list[living.Row]:
  """The rows in which every word stands, in any letter case."""
  text = lambda row: json.dumps(list(dataclasses.asdict(row).values()), ensure_ascii=False).lower()
  return [row for row in rows if all(word.lower() in text(row) for word in words)]


def told(row: living.Row, width: int) -> str:
  """A row as a block of lines of at most ``width`` characters."""
  listed = lambda items: ", ".join(items) or _NONE
  facts = {
    "in experiments": listed(row.names), "functions": listed(row.functions),
    "hooks": listed(row.hooks + row.claims), "learns": listed(row.parameters),
    "directions": row.directions, "cache, packing": listed(row.behaviour),
    "paths": listed(row.paths), "goldens": row.goldens or _NONE, "paper": row.paper}
  head = f"{row.title}  [{row.file or row.room}]"
  lines = [textwrap.shorten(head, max(width, 20), placeholder=" ..")]
  for name, value in facts.items():
    if value != _NONE:
      lines += textwrap.wrap(value, max(width, 40), initial_indent=f"  {name:<15} ",
                             subsequent_indent=" " * 18, break_on_hyphens=False)
  return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
  """Prints what was asked for; 1 if no row has the words."""
  parser = argparse.ArgumentParser(prog="python -m posenc_jax", description="Position encodings.",
                                   allow_abbrev=False)
  parser.add_argument("words", nargs="*", help="only rows in which all of these stand")
  parser.add_argument("--json", action="store_true", help="one JSON array")
  asked = parser.parse_args(argv)
  if not all(word.strip() for word in asked.words):
    parser.error(_errors.explain_fault("words", "an empty one", "words of a row", "Leave it out"))
  every = list(living.rows())
  rows = wanted(every, asked.words)
  if not rows:
    names = [name for row in every for name in (*row.names, row.title)]
    near = next(filter(None, (_errors.near(word, names) for word in asked.words)), None)
    print("error: " + _errors.explain_fault(
      "words", " ".join(asked.words), f"words that stand together in one of {len(every)} rows",
      f"Did you mean {near!r}?" if near else "Name fewer of them"), file=sys.stderr)
    if asked.json:
      print("[]")
    return 1
  if asked.json:
    print(json.dumps([dataclasses.asdict(row) for row in rows], indent=1, ensure_ascii=False))
  else:
    width = shutil.get_terminal_size().columns
    print("".join(f"{told(row, width)}\n\n" for row in rows), end="")
    methods = sum(row.room != _NONE for row in rows)  # one row is no encoding
    print(f"{_errors.counted(methods, 'method')}. What the words of \"cache, packing\" mean:")
    for word, meaning in living.BEHAVIOUR.items():
      print(textwrap.fill(f"  {word:<9} {meaning}", max(width, 40), subsequent_indent=" " * 12))
  return 0


if __name__ == "__main__":
  with _scripts.piped():
    status = main()
  sys.exit(status)
