# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the cards read in other pages: wants, measured losses, names in other packages."""

import pathlib
import re

DOCS = pathlib.Path(__file__).resolve().parents[1]
EXTRAPOLATION = pathlib.Path("results") / "extrapolation.md"


def _tables(text: str) -> list[list[list[str]]]:
  """Cells of the tables of a page, heads included, without their rules."""
  tables, lines = [], []
  for line in [*text.split("\n"), ""]:
    if line.startswith("|"):
      lines.append([cell.strip() for cell in line.strip().strip("|").split(" | ")])
    elif lines:
      tables.append([row for row in lines if not re.fullmatch(r"[-:| ]+", " | ".join(row))])
      lines = []
  return tables


def wants(text: str) -> dict[str, str]:
  """Class to what docs/choose.md says it is taken for."""
  found: dict[str, list[str]] = {}
  for table in _tables(text):
    for row in table[1:]:
      if len(row) == 3:
        for name in re.findall(r"`(\w+)`", row[1]):
          found.setdefault(name, []).append(row[0])
  return {name: "; ".join(told) for name, told in found.items()}


def measured(text: str) -> dict[str, str]:
  """Name in experiments to what docs/choose.md gives of the default run."""
  return {row[0].strip("`"): ", ".join(row[1:]) for table in _tables(text) for row in table
          if len(row) == 5 and re.fullmatch(r"`[\w-]+`", row[0])}


def peers(text: str) -> dict[str, str]:
  """Class or function here to what other packages call it, from docs/coming_from.md.

  Example:
    >>> peers("| there | here |\\n|---|---|\\n| flax `a` | `px.rotate(x)`, `px.functions.mrope` |")
    {'rotate': 'flax `a`', 'mrope': 'flax `a`'}
  """
  found: dict[str, list[str]] = {}
  for table in _tables(text):
    if table[0] == ["there", "here"]:
      for there, here in table[1:]:
        for name in dict.fromkeys(re.findall(r"`(?:px\.)?(?:functions\.)?([A-Za-z]\w+)", here)):
          found.setdefault(name, []).append(there)
  return {name: "; ".join(told) for name, told in found.items()}


def extrapolation(text: str) -> dict[str, str]:
  """Name in experiments to its losses at the training length, twice and eight times it.

  Args:
    text: of docs/results/extrapolation.md; "" where it was not made.

  Example:
    >>> page = "## Nats per character, trained at L 64\\n\\n| encoding | 1 L | 2 L | 4 L | 8 L |"
    >>> extrapolation(page + " seeds |\\n| --- |\\n| alibi | 2.1 | 2.0 | 1.9 | 1.8 | 5 |\\n")
    {'alibi': 'trained at 64: 2.1 there, 2.0 at 128, 1.8 at 512'}
  """
  found: dict[str, list[str]] = {}
  section = r"^## Nats per character, trained at L (\d+)[^\n]*\n(.*?)(?=^## |\Z)"
  for length, rest in re.findall(section, text, re.MULTILINE | re.DOTALL):
    for head, *rows in _tables(rest)[:1]:
      for row in rows:
        at = dict(zip(head, row, strict=False))
        told = [f"{at[f'{n} L']} {f'at {n * int(length)}' if n > 1 else 'there'}"
                for n in (1, 2, 8) if at.get(f"{n} L", "-") != "-"]
        if told:
          found.setdefault(row[0], []).append(f"trained at {length}: {', '.join(told)}")
  return {name: "; ".join(told) for name, told in found.items()}


def read(name: str | pathlib.Path) -> str:
  """The text of a page of docs, "" where it is not there."""
  path = DOCS / name
  return path.read_text(encoding="utf-8") if path.exists() else ""
