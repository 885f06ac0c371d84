# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A card for each method: what the encoding says of itself, its docstrings, a picture.

The facts come from ``posenc_jax.methods.living``, which asks the code.
"""

import importlib
import pathlib
import re
import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from posenc_jax.methods import METHODS, Method, living

from . import costs, other_pages, pictures
from .docstrings import escaped_lines

ROOMS = {
  "-": "No encoding", "inputs": "Inputs: once, on the embeddings",
  "positions": "Positions: on the positions of all layers",
  "rotations": "Rotations: on queries and keys, some on values",
  "biases": "Biases: on the scores, by positions", "layers": "Layers: which layer gets which",
  "content": "Content: on the scores, by content",
  "softmax": "Softmax: temperatures, sinks, weights"}


Captions = dict[str, str | None]  # of each card's picture, by the card's slug


class Card(NamedTuple):
  """What is known of a method, and the method; None for "no position encoding"."""

  row: living.Row
  method: Method | None

  @property
  def title(self) -> str:
    return self.row.title

  @property
  def room(self) -> str:
    return self.row.room

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
  """All cards, in the order of the table of methods."""
  found = [Card(row, method) for row, method in zip(living.rows(), (None, *METHODS), strict=True)]
  assert len({card.slug for card in found}) == len(found), "two titles with one address"
  return found


def module_text(method: Method) -> str:
  """The docstring of a method's file: the formula, what differs from the paper."""
  module = importlib.import_module(f"posenc_jax.encodings.{method.module}")
  text = textwrap.dedent(module.__doc__ or "").strip()
  return "\n".join(escaped_lines(text.split("\n")))


def quoted(directive: str, text: str) -> str:
  return f"```{{{directive}}}\n{text}\n```\n"


def listed(names: Iterable[str]) -> str:
  return ", ".join(f"`{name}`" for name in names)


def facts(card: Card) -> str:
  """The table of a card."""
  row, method = card.row, card.method
  choose, extrapolation = other_pages.read("choose.md"), other_pages.read(other_pages.EXTRAPOLATION)
  ours = (*((method.cls,) if method else ()), *row.functions)
  of = lambda known, names: "; ".join(dict.fromkeys(known[n] for n in names if n in known))
  rows = {
    "Take it if you want": of(other_pages.wants(choose), ours),
    "[Measured](../../choose.md): nats per character at 1, 2, 4, 8 times the training length":
      of(other_pages.measured(choose), row.names),
    f"[Extrapolation](../../{other_pages.EXTRAPOLATION}), nats per character":
      of(other_pages.extrapolation(extrapolation), row.names),
    "In experiments": listed(row.names), "Hooks and claims": listed(row.hooks + row.claims),
    "Parameters that a model trains": listed(row.parameters),
    "Meant for": f"{row.directions} attention" if row.directions != "both" else
                 "causal and bidirectional attention",
    **(costs.cells(method, row.hooks + row.claims) if method else {}),
    "Cache, packing, padding": "; ".join(
      f"*{word}*: {living.BEHAVIOUR[word]}" for word in row.behaviour),
    "Implementations that serve it": ", ".join(row.paths),
    "Compared in the tests with": "float64 loops written from the paper" + (
      f"; {row.goldens}" if row.goldens else ""),
    "[In other packages](../../coming_from.md)":
      of(other_pages.peers(other_pages.read("coming_from.md")), ours),
    "Paper": "" if row.paper == "-" else f"[{row.paper}](https://arxiv.org/abs/{row.paper})"}
  lines = [f"| **{name}** | {value} |" for name, value in rows.items() if value]
  return ":::{container} card\n| | |\n|---|---|\n" + "\n".join(lines) + "\n:::\n"


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
  lines = ["# Cards\n", f"A page for each of {len(found) - 1} methods, and one for none: picture, "
           "formula, cost, what a cache holds, what it was compared with, the calls. [Every "
           "method in one table](../../methods.md), [pictures of all](../gallery.md).\n"]
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
