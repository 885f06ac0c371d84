# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""HTML in which every text from outside is escaped."""

import dataclasses
import html
from collections.abc import Sequence
from typing import Any


def text(value: object) -> str:
  """Text for HTML: escaped, without control characters."""
  shown = "".join(c if c.isprintable() else "\ufffd" for c in str(value))
  return html.escape(shown, quote=True)


def lines(block: str) -> str:
  """``text`` of each line."""
  return "\n".join(text(line) for line in block.split("\n"))


def number(value: float) -> str:
  """A number in at most four significant digits, as text."""
  return f"{value:.4g}"


@dataclasses.dataclass(frozen=True)
class Field:
  """A field of a table: its text, a number to sort by if it has one, and CSS classes."""

  shown: Any
  by: float | None = None
  kind: str = ""


def _field(part: Any, tag: str) -> str:
  field = part if isinstance(part, Field) else Field(part)
  by = "" if field.by is None else f' data-by="{float(field.by)!r}"'
  return f'<{tag} class="{field.kind}"{by}>{text(field.shown)}</{tag}>'


def table(head: Sequence[Any], rows: Sequence[Sequence[Any]], *, kind: str = "") -> str:
  """A table in a box that scrolls sideways.

  Args:
    head: names of the columns.
    rows: a Field, or what becomes one, for each column.
    kind: "sortable" lets the page's script sort and filter it.
  """
  top = "".join(_field(part, "th") for part in head)
  body = "".join("<tr>" + "".join(_field(part, "td") for part in row) + "</tr>" for row in rows)
  return (f'<div class="scroll"><table class="{kind}"><thead><tr>{top}</tr></thead>'
          f"<tbody>{body}</tbody></table></div>")
