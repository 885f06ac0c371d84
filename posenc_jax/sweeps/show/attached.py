# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures that somebody put into a sweep's folder attached/: the report shows and links them.

Attention maps of the kept models are such. A picture is part of the page, so the page stays one
file; other files, and pictures that are too large or too many, are links.
"""

import base64
import dataclasses
import pathlib
import urllib.parse
from collections.abc import Sequence

from posenc_jax.sweeps.html import text

FOLDER = "attached"
MOST_SHOWN = 40
MOST_BYTES = 2_000_000
_KINDS = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclasses.dataclass(frozen=True)
class Attached:
  """A file of the folder: its name, and its bytes if it is to be shown."""

  name: str
  content: bytes | None


def read(directory: pathlib.Path) -> list[Attached]:
  """The files of ``directory/attached``, by name; without hidden ones and folders."""
  folder = directory / FOLDER
  paths = sorted(p for p in folder.glob("*") if p.is_file() and not p.name.startswith("."))
  found, shown = [], 0
  for path in paths:
    small = path.suffix.lower() in _KINDS and path.stat().st_size <= MOST_BYTES
    show = small and shown < MOST_SHOWN
    shown += show
    found.append(Attached(path.name, path.read_bytes() if show else None))
  return found


def section(found: Sequence[Attached]) -> str:
  """The section of the report; "" without files."""
  if not found:
    return ""
  parts = []
  for one in found:
    name = text(one.name)
    link = f'<a href="{FOLDER}/{text(urllib.parse.quote(one.name))}">{name}</a>'
    if one.content is None:
      parts.append(f"<p>{link}</p>")
      continue
    kind = _KINDS[pathlib.Path(one.name).suffix.lower()]
    data = base64.b64encode(one.content).decode()
    parts.append(f'<figure><figcaption>{link}</figcaption><img alt="{name}" '
                 f'src="data:{kind};base64,{data}"></figure>')
  return f"<section><h2>Attached</h2>{''.join(parts)}</section>"
