# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The part of the site that is made while it is built: cards, pictures, the reference.

Everything goes to docs/generated, which git ignores and each build makes anew.
"""

import pathlib
import re
import shutil
from typing import Any

from . import api, cards, docstrings

GENERATED = "generated"


def write_pages(app: Any) -> None:
  """Makes docs/generated before Sphinx reads what there is."""
  folder = pathlib.Path(app.srcdir) / GENERATED
  shutil.rmtree(folder, ignore_errors=True)
  pages = {**cards.pages(folder), **api.pages()}
  for name, text in pages.items():
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def name_files(app: Any, name: str, text: list[str]) -> None:
  """Links from a page to files of the repository that are no pages become the files' names."""
  del app
  if not name.startswith(GENERATED):
    text[0] = re.sub(r"\[[^\]]*\]\(\.\./([^)#]+)[^)]*\)", r"`\1`", text[0])


def setup(app: Any) -> dict[str, Any]:
  """What Sphinx calls."""
  app.connect("builder-inited", write_pages)
  app.connect("source-read", name_files)
  app.connect("autodoc-process-docstring", docstrings.mend, priority=100)
  return {"parallel_read_safe": True, "parallel_write_safe": True}
