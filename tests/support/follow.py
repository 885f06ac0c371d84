# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes what follows from the table of methods (`posenc_jax/methods`) into the files that show it.

    python -m tests.support.follow

Names of `posenc_jax` and of `posenc_jax.functions` stand in the files as plain imports, since type
checkers and readers see no others. A test holds each file equal to what this would write.
"""

import functools
import importlib
import re
import subprocess
import sys
import textwrap

import posenc_jax as px
from posenc_jax.base import CLAIMS, HOOKS
from posenc_jax.methods import METHODS, Method, living
from tests.support.repository import ROOT

_PACKAGE = "posenc_jax.encodings."
# Rooms, and the section of docs/design.md that lists their methods.
SECTIONS = {"inputs": "Inputs", "positions": "Inputs", "rotations": "Rotations", "biases": "Biases",
            "content": "Content", "softmax": "Softmax"}


@functools.cache
def rows() -> tuple[living.Row, ...]:
  """The living table, made once a process: it takes seconds."""
  return tuple(living.rows())


def between(text: str, start: str, end: str, new: str) -> str:
  """The text with ``new`` in place of what stands between two patterns, which stay.

  Raises:
    ValueError: the patterns are not there once, one after the other.
  """
  found = list(re.finditer(f"({start})(.*?)({end})", text, re.DOTALL | re.MULTILINE))
  if len(found) != 1:
    raise ValueError(f"{start!r} .. {end!r}: got {len(found)} places, wanted 1. Restore the text.")
  place, = found
  return text[:place.start(2)] + new + text[place.end(2):]


def import_lines(names: dict[str, list[str]]) -> str:
  """One import for each module, in the order and form that ruff wants."""
  kind = lambda name: (name.islower() or "_" in name, name)
  lines = []
  for module in sorted(names):
    head, sorted_names = f"from {_PACKAGE}{module} import ", sorted(names[module], key=kind)
    line = head + ", ".join(sorted_names)
    if len(line) > 100:
      line = head + "(\n" + "".join(f"    {name},\n" for name in sorted_names) + ")"
    lines.append(line + "\n")
  return "".join(lines)


def all_lines(names: list[str]) -> str:
  quoted = ", ".join(f'"{name}"' for name in names) + ","
  return textwrap.fill(quoted, 100, initial_indent="  ", subsequent_indent="  ",
                       break_long_words=False) + "\n"


def exported(method: Method) -> list[str]:
  """What ``posenc_jax`` exports of a method."""
  return ([method.cls] if method.cls else []) + list(method.functions)


def by_module(names) -> dict[str, list[str]]:
  """Names that ``names(method)`` gives, by module."""
  modules: dict[str, list[str]] = {}
  for method in METHODS:
    if names(method):
      modules.setdefault(method.module, []).extend(names(method))
  return modules


def package(text: str) -> str:
  """``posenc_jax/__init__.py``: the rooms in its docstring, its imports and its list of names."""
  rooms: dict[str, list[str]] = {}
  for method in METHODS:
    if method.cls:
      rooms.setdefault(method.module.split(".")[0], []).append(f"``{method.cls}``")
  lines = [textwrap.fill(f"  {room:<11}{', '.join(names)}", 100, subsequent_indent=" " * 13)
           for room, names in rooms.items()]
  text = between(text, r"^Encodings, by what they change:\n\n", r"\n\n", "\n".join(lines))
  text = between(text, r"(?=^from posenc_jax\.encodings)", r"^from posenc_jax\.interop",
                 import_lines(by_module(exported)))
  names = [name for method in METHODS for name in exported(method)]
  return between(text, r"^__all__ \+= \[  # .*?\n", r"^\]", all_lines(names))


def functions(text: str) -> str:
  """``posenc_jax/functions.py``: the table in its docstring, its imports and its list of names."""
  both = lambda method: {**method.functions, **method.more}
  rows = []
  for name, (goes_in, comes_out) in [row for m in METHODS for row in both(m).items()]:
    rows.append(f"{f'``{name}``':<27}  {goes_in}".ljust(75) + f"  {comes_out}\n")
  rule = r"^=+  =+  =+\n"
  text = between(text, rule + r"function .*?\n" + rule, rule, "".join(rows))
  text = between(text, r'^"""\n\n(?=from)', r"\n__all__", import_lines(by_module(both)))
  names = sorted(name for method in METHODS for name in both(method))
  return between(text, r"^__all__ = \[\n", r"^\]", all_lines(names))


ROOMS = {
  "inputs": "once, on the embeddings", "positions": "on the positions of all layers",
  "rotations": "on q and k, some on values", "layers": "which layer gets which",
  "biases": "on the scores, by positions", "content": "on the scores, by content",
  "softmax": "on the softmax: temperatures, sinks, weights"}


def short(title: str) -> str:
  """A title without its year and its remarks.

  Example:
    >>> short("rotary (RoFormer 2021), both pairings"), short("Swin's table (2021)")
    ('rotary', "Swin's table")
  """
  return re.split(r" \(|, |: ", title)[0]


def readme(text: str) -> str:
  """``README.md``: how many methods there are, and which are in each room."""
  rooms: dict[str, list[str]] = {room: [] for room in ROOMS}
  for method in METHODS:
    rooms[method.module.split(".")[0]].append(short(method.title))
  rows = [f"| {room}: {ROOMS[room]} | {len(names)} | {_some(names)} |\n"
          for room, names in rooms.items()]
  text = between(text, r"\*\*A library\*\*: ", " methods", str(len(METHODS)))
  text = between(text, r"^\| methods \| ", ", chained", str(len(METHODS)))
  return between(text, r"^\| where \| how many \| methods.*?\n\|.*?\n", r"^\n", "".join(rows))


def _some(names: list[str], most: int = 110) -> str:
  """As many names as fit into so many letters, each once, and how many more methods there are."""
  each = list(dict.fromkeys(names))
  shown = [name for i, name in enumerate(each) if len(", ".join(each[:i + 1])) <= most]
  more = len(names) - len(shown)
  return ", ".join(shown) + (f" and {more} more" if more else "")


def hooks(text: str) -> str:
  """``docs/design.md``: a row that says "yes" for each class."""
  before, heading, text = text.partition("\n## 17. Carried\n")
  for method in METHODS:
    if not method.cls or f"yes: `{method.cls}` |" in text:
      continue
    name = method.catalogue or method.title
    cells = ", ".join(f"`{hook}`" for hook in answered(method))
    rows = [line for line in text.split("\n") if line.startswith(f"| {name} | ")]
    if rows:
      remark, arxiv = rows[0].strip("| ").split(" | ")[2:4]
      row = f"| {name} | {cells} | {remark} | {arxiv} | yes: `{method.cls}` |"
      text = text.replace(rows[0], row)
    else:
      told = [name, cells, f"acts on {method.acts_on}", method.arxiv, f"yes: `{method.cls}`"]
      row = f"| {' | '.join(told)} |\n"
      section = SECTIONS[method.module.split(".")[0]]
      text = between(text, rf"^### {section}(?:(?!\n### ).)*?\|\n(?=\n)", r"(?=\n)", row)
  return before + heading + text


def answered(method: Method) -> list[str]:
  """The hooks and claims that a method's class answers."""
  cls = getattr(importlib.import_module(_PACKAGE + method.module), method.cls)
  return [h for h in HOOKS + CLAIMS if getattr(cls, h) is not getattr(px.Encoding, h)]


def methods_page(text: str) -> str:
  """``docs/methods.md``: what ``python -m posenc_jax`` prints, as a table for each room."""
  told = lambda names: ", ".join(f"`{name}`" for name in names) or "-"
  head = ("| method | in experiments | hooks and claims | learns | directions | cache, packing "
          "| paths | goldens | paper |\n|---|---|---|---|---|---|---|---|---|\n")
  rooms: dict[str, list[str]] = {}
  count = 0
  for row in rows():
    count += 1
    paper = row.paper if row.paper == "-" else f"[{row.paper}](https://arxiv.org/abs/{row.paper})"
    cells = (row.title, told(row.names), told(row.hooks + row.claims), told(row.parameters),
             row.directions, ", ".join(row.behaviour) or "-", ", ".join(row.paths) or "-",
             row.goldens or "-", paper)
    rooms.setdefault(row.room, []).append(f"| {' | '.join(cells)} |\n")
  tables = [f"## {'No encoding' if room == '-' else room.capitalize()}\n\n{head}{''.join(lines)}\n"
            for room, lines in rooms.items()]
  words = "".join(f"- *{word}*: {meaning}.\n" for word, meaning in living.BEHAVIOUR.items())
  text = between(text, r"The table has ", r" methods", str(count - 1))  # one row is no encoding
  text = between(text, r"^- \*\*cache, packing\*\*: .*?\n\n", r"\n## ", words)
  return between(text, r"(?=^## No encoding)", r"\Z", "\n".join(tables).rstrip("\n") + "\n")


def index(text: str) -> str:
  """``docs/index.md``: how many methods there are."""
  return between(text, r"a library of ", " methods", str(len(METHODS)))


PAGES = {"posenc_jax/__init__.py": package, "posenc_jax/functions.py": functions,
         "README.md": readme, "docs/design.md": hooks, "docs/methods.md": methods_page,
         "docs/index.md": index}


def main() -> None:
  for name, follow in PAGES.items():
    old = (ROOT / name).read_text(encoding="utf-8")
    new = follow(old)
    (ROOT / name).write_text(new, encoding="utf-8")
    print(f"{name}: {'as it was' if new == old else 'written'}", flush=True)
    if name == "posenc_jax/functions.py" and new != old:
      # Rows may build a class by its exported name, which this process does not have yet.
      subprocess.run([sys.executable, "-m", "tests.support.follow"], cwd=ROOT, check=True)
      return


if __name__ == "__main__":
  main()
