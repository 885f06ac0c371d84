# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A card for each method: what the table of methods says of it, its docstrings, a picture.

The facts are those of docs/methods.md, which a test holds equal to what the code says.
"""

import importlib
import pathlib
import re
import textwrap
from typing import NamedTuple

from posenc_jax.methods import METHODS, Method, living

from . import pictures
from .docstrings import escaped_lines

DOCS = pathlib.Path(__file__).resolve().parents[1]
ROOMS = {
  "-": "No encoding", "inputs": "Inputs: once, on the embeddings",
  "positions": "Positions: on the positions of all layers",
  "rotations": "Rotations: on queries and keys, some on values",
  "biases": "Biases: on the scores, by positions", "layers": "Layers: which layer gets which",
  "content": "Content: on the scores, by content",
  "softmax": "Softmax: temperatures, sinks, weights"}
# What each hook costs; T queries, S keys, N heads, H dims of a head, D width.
COSTS = {
  "inputs": "one pass over the embeddings `[B, T, D]`, once a model call",
  "positions": "nothing but new positions, once a model call",
  "layer": "one pass over the input `[B, T, D]` of every layer",
  "qk": "one pass over new queries and keys, when they are written",
  "values": "one pass over new values, when they are written",
  "expand": "one pass over all keys, whenever they are read",
  "visible": "less than nothing where hidden work is left out: it only hides",
  "bias": "a number for each pair and head, made in tiles: no array `T x S` is kept",
  "scores": "whole rows of scores of all heads, `[N, rows, S]` at a time",
  "weights": "whole rows of scores in place of the softmax",
  "value_bias": "whole rows of weights",
  "outputs": "one pass over the outputs"}


Captions = dict[str, str | None]  # of each card's picture, by the card's slug


class Card(NamedTuple):
  """A row of docs/methods.md and the method behind it; None for "no position encoding"."""

  cells: tuple[str, ...]
  room: str
  method: Method | None

  @property
  def title(self) -> str:
    return self.cells[0]

  @property
  def slug(self) -> str:
    """The name of the card's page."""
    return slug(self.title)


def slug(title: str) -> str:
  """Letters and digits of a title, for addresses.

  Example:
    >>> slug("Swin v2's log bias (2021)")
    'swin-v2-s-log-bias-2021'
  """
  return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-")


def cards() -> list[Card]:
  """All cards, in the order of the table.

  Raises:
    ValueError: docs/methods.md and the table of methods differ.
  """
  lines = (DOCS / "methods.md").read_text(encoding="utf-8").split("\n")
  rows = [tuple(cell.strip() for cell in line.strip("|").split(" | "))
          for line in lines if re.match(r"\| (?!method \|)", line)]
  by_title: dict[str, Method | None] = {
    "no position encoding": None, **{method.title: method for method in METHODS}}
  if sorted(row[0] for row in rows) != sorted(by_title):
    raise ValueError("docs/methods.md: got other rows than the table of methods, wanted the same. "
                     "Run python -m tests.support.follow.")
  found = [Card(row, "-" if method is None else method.module.split(".")[0], method)
           for row in rows for method in [by_title[row[0]]]]
  assert len({card.slug for card in found}) == len(found), "two titles with one address"
  return found


def module_text(method: Method) -> str:
  """The docstring of a method's file: the formula, what differs from the paper."""
  module = importlib.import_module(f"posenc_jax.encodings.{method.module}")
  text = textwrap.dedent(module.__doc__ or "").strip()
  return "\n".join(escaped_lines(text.split("\n")))


def quoted(directive: str, text: str) -> str:
  return f"```{{{directive}}}\n{text}\n```\n"


def choices() -> tuple[dict[str, str], dict[str, str]]:
  """Of docs/choose.md: what each class is taken for, and what each name in experiments reached."""
  wants: dict[str, list[str]] = {}
  measured = {}
  for line in (DOCS / "choose.md").read_text(encoding="utf-8").split("\n"):
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    if line.startswith("| `") and len(cells) == 5:
      measured[cells[0].strip("`")] = ", ".join(cells[1:])
    elif line.startswith("| ") and len(cells) == 3:
      for name in re.findall(r"`(\w+)`", cells[1]):
        wants.setdefault(name, []).append(cells[0])
  return {name: "; ".join(found) for name, found in wants.items()}, measured


def facts(card: Card) -> str:
  """The table of a card."""
  wants, measured = choices()
  results = [measured[name] for name in re.findall(r"`([\w-]+)`", card.cells[1])
             if name in measured]
  _, names, hooks, learns, directions, cache, paths, goldens, paper = card.cells
  words = [word.strip() for word in cache.split(",") if word.strip() in living.BEHAVIOUR]
  answered = re.findall(r"`(\w+)`", hooks)
  costs = "; ".join(COSTS[hook] for hook in answered if hook in COSTS)
  rows = {
    "Take it if you want": wants.get(card.method.cls, "") if card.method else "",
    "[Measured](../../choose.md): nats per character at 1, 2, 4, 8 times the training length":
      "; ".join(results),
    "In experiments": names, "Hooks and claims": hooks, "Parameters that a model trains": learns,
    "Meant for": f"{directions} attention" if directions != "both" else
                 "causal and bidirectional attention",
    "Cost": costs or "nothing",
    "Cache, packing, padding": "; ".join(f"*{word}*: {living.BEHAVIOUR[word]}" for word in words),
    "Implementations that serve it": paths,
    "Compared in the tests with": "float64 loops written from the paper" + (
      f"; {goldens}" if goldens != "-" else ""),
    "Paper": paper}
  lines = [f"| **{name}** | {value} |" for name, value in rows.items() if value not in ("", "-")]
  return "| | |\n|---|---|\n" + "\n".join(lines) + "\n"


def reference(method: Method) -> str:
  """The documentation of its class and functions."""
  found = []
  if method.cls:
    found.append(f".. autoclass:: posenc_jax.{method.cls}\n")
  found += [f".. autofunction:: posenc_jax.functions.{name}\n"
            for name in (*method.functions, *method.more)]
  return "\n".join(found)


def page(card: Card, caption: str | None) -> str:
  """A card as MyST Markdown; the caption of its picture, if it has one."""
  # Out of the sidebar, which every page carries: 143 more entries would be most of the site.
  parts = ["---\norphan: true\n---\n", f"# {card.title}\n", f"*{ROOMS[card.room]}.*\n"]
  if card.method is None:
    parts += ["`px.Encoding()` answers no hook: attention alone. A causal model without any "
              "encoding still learns order from its mask, and loses little beyond its training "
              "length; see the measured table in [choosing an encoding](../../choose.md).\n",
              facts(card)]
    return "\n".join(parts)
  if caption is not None:
    parts.append(f"```{{figure}} ../pictures/{card.slug}.svg\n:alt: {card.title}\n\n{caption}\n"
                 "```\n")
  parts += [facts(card), "## What it computes\n", quoted("eval-rst", module_text(card.method))]
  called = reference(card.method)
  if called:
    parts += ["## Calls\n", quoted("eval-rst", called)]
  parts.append("The words of the table are explained on the page of "
               "[every method](../../methods.md).\n")
  return "\n".join(parts)


def index(found: list[Card]) -> str:
  """The page that lists all cards by room."""
  lines = ["# Cards\n", f"A page for each of the {len(found)} methods: picture, formula, cost, "
           "what a cache holds, what it was compared with, the calls. [Every method in one "
           "table](../../methods.md), [pictures of all](../gallery.md).\n"]
  for room, name in ROOMS.items():
    lines.append(f"## {name}\n")
    lines += [f"- [{card.title}]({card.slug}.md)" for card in found if card.room == room]
    lines.append("")
  return "\n".join(lines)


def gallery(found: list[Card], captions: Captions) -> str:
  """All pictures, each a link to its card."""
  lines = ["# Gallery\n", "Each picture is made by a function of `posenc_jax.plots` while this "
           "site is built, and leads to its method's card. Parameters are random where a method "
           "learns them.\n"]
  for room, name in ROOMS.items():
    tiles = [card for card in found if card.room == room and captions.get(card.slug)]
    if not tiles:
      continue
    lines += [f"## {name}\n", "::::{container} gallery"]
    lines += [f":::{{figure}} pictures/{card.slug}.svg\n:target: cards/{card.slug}.html\n"
              f":alt: {card.title}\n\n{card.title}\n:::" for card in tiles]
    lines.append("::::\n")
  return "\n".join(lines)


def pages(folder: pathlib.Path) -> dict[str, str]:
  """{path below docs/generated: text}; pictures are written on the way."""
  found = cards()
  captions = pictures.write_all(folder / "pictures", [slug(method.title) for method in METHODS])
  made = {f"cards/{card.slug}.md": page(card, captions.get(card.slug)) for card in found}
  return {**made, "cards/index.md": index(found), "gallery.md": gallery(found, captions)}
