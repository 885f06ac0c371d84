# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""README.md of a directory of pages: every verdict, and the command of each page."""

import contextlib
import os
import pathlib

from experiments.findings import page as page_lib
from experiments.findings import tables
from posenc_jax._errors import explain_fault, value_error
from posenc_jax.sweeps import files

TITLE = "# Published results, reproduced in the small"  # a README.md without it is not ours


def pages(directory: str | os.PathLike[str]) -> tuple[list[page_lib.Data], dict[str, str]]:
  """The pages of a directory by name, and {file: why it is none} of its other .json files."""
  found, left = [], {}
  for path in sorted(pathlib.Path(directory).glob("*.json")):
    data = page_lib.read(path)
    if data is None:
      left[path.name] = "it does not describe a page of this project"
    elif not path.with_suffix(".md").is_file():
      left[path.name] = f"{path.stem}.md is missing"
    else:
      found.append(data)
  return found, left


def index(directory: str | os.PathLike[str]) -> pathlib.Path:
  """Writes README.md of a directory of pages: every verdict, with its page's command.

  Pages of several presets say which; .json files that belong to no page are named as left out.

  Returns:
    Its path.

  Raises:
    ValueError: the directory has no pages.
  """
  found, left = pages(directory)
  if not found:
    raise value_error("directory", str(directory), "a directory with pages",
                      "Run a script such as python -m experiments.extrapolation first")
  mixed = len({page.made.preset for page in found}) > 1
  verdicts = [(page, v) for page in found for v in page.verdicts]
  preset = lambda page: (page.made.preset,) if mixed else ()
  rows = [(_link(page), *preset(page), v.question, f"{v.published} ({v.source})", tables.ours(v),
           tables.deciding(v), f"**{v.verdict}**") for page, v in verdicts]
  made = [(_link(page), page.title, f"`{page.made.command}`", page.made.date, page.made.duration,
           page.made.machine) for page in found]
  head = ("page", *(["preset"] if mixed else []), "question", "published",
          "ours, 95 percent interval", tables.DECIDING, "verdict")
  parts = [
    TITLE,
    "Each page states what was published, what we found with small models, and whether they agree. "
    "A verdict needs a 95 percent interval on one side and a p-value below 0.05 after Holm's "
    "correction; without them there is no claim. Numbers without chance in them need neither.",
    tables.tally([v for _, v in verdicts]), tables.ROLL, tables.WORDS,
    tables.markdown_table(head, rows), "## Commands",
    tables.markdown_table(("page", "title", "command", "date", "time", "machine"), made)]
  if left:
    parts += ["Left out: " + "; ".join(f"{name}, as {why}" for name, why in left.items()) + "."]
  path = pathlib.Path(directory) / "README.md"
  path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
  return path


def _link(page: page_lib.Data) -> str:
  return f"[{page.name}]({page.name}.md)"


def fault(directory: str) -> str | None:
  """Why no page can be written to a directory, as a line; None if it can. Writes nothing."""
  folder = pathlib.Path(directory)
  try:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
      os.lstat(folder)  # what no path can be, such as too long a name, raises
    there = files.nearest(folder)
    if not there.is_dir():
      what = "a link to nothing" if there.is_symlink() and not there.exists() else "no directory"
      return explain_fault("--pages", f"{directory!r}, where {str(there)!r} is {what}",
                           "a directory, there or to be made", "Name another")
    if not files.writable(there):
      return explain_fault("--pages", f"{directory!r}, where {str(there)!r} is not writable",
                           "a directory that is", "Name another, or correct its permissions")
    readme = folder / "README.md"
    if os.path.lexists(readme) and not _ours(readme):
      return explain_fault("--pages", f"{directory!r}, whose README.md this project did not make",
                           "a directory whose README.md may be replaced by the index of pages",
                           "Name another, or move that file")
  except (OSError, ValueError) as error:
    return explain_fault("--pages", f"{directory!r}, which cannot be looked at ({error})",
                         "a directory", "Name another")
  return None


def _ours(path: pathlib.Path) -> bool:
  """Whether a README.md begins as ``index`` writes it."""
  try:
    with open(path, encoding="utf-8") as file:
      return file.readline(200).rstrip() == TITLE
  except (OSError, ValueError):
    return False
