# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the notebooks in a kernel, in a copy of the repository, and keeps what they show.

    pip install nbclient ipykernel
    python -m tests.support.notebooks OUT [NAME ...]

OUT gets each notebook with its outputs, and their pictures and pages as files, to be looked at. The
notebooks of the working tree stay as they are, without outputs.
"""

import argparse
import base64
import json
import pathlib
import sys
import tempfile
import time
from typing import Any

from tests.support.plant import copy_tree
from tests.support.repository import ROOT, repository_files

NOTEBOOKS = tuple(n for n in repository_files(untracked=True) if n.startswith("notebooks/"))
Notebook = dict[str, Any]


def code_of(notebook: Notebook) -> list[str]:
  """The text of each code cell."""
  return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def without_magics(code: str) -> str:
  """Plain Python: lines for the shell and for IPython become ``pass``.

  Example:
    >>> without_magics("if new:\\n  !git clone x\\n%cd x\\n")
    'if new:\\n  pass\\npass\\n'
  """
  if code.startswith("%%"):
    return ""
  plain = []
  for line in code.split("\n"):
    body = line.lstrip()
    plain.append(line[:len(line) - len(body)] + "pass" if body[:1] in ("!", "%") else line)
  return "\n".join(plain)


def warned(notebook: Notebook) -> list[str]:
  """The warnings of Python that cells wrote to stderr."""
  return [f"cell {i}: {line.strip()}" for i, cell in enumerate(notebook["cells"])
          for out in cell.get("outputs", ()) if out.get("name") == "stderr"
          for line in "".join(out["text"]).split("\n") if "Warning: " in line]


def keep_shown(notebook: Notebook, folder: pathlib.Path, name: str) -> list[pathlib.Path]:
  """Writes the pictures and pages that cells show; their paths."""
  kept = []
  for i, cell in enumerate(notebook["cells"]):
    for j, out in enumerate(cell.get("outputs", ())):
      data = out.get("data", {})
      path = folder / f"{name}-{i:02d}-{j}"
      if "image/png" in data:
        kept.append(path.with_suffix(".png"))
        kept[-1].write_bytes(base64.b64decode(data["image/png"]))
      elif "text/html" in data:
        kept.append(path.with_suffix(".html"))
        kept[-1].write_text("".join(data["text/html"]), encoding="utf-8")
  return kept


def execute(path: pathlib.Path, seconds: int) -> tuple[Any, str | None]:
  """(the notebook with its outputs, the error of the cell that failed or None)."""
  import nbclient
  import nbformat

  notebook = nbformat.read(path, as_version=4)
  client = nbclient.NotebookClient(notebook, timeout=seconds, kernel_name="python3",
                                   resources={"metadata": {"path": str(path.parent)}})
  try:
    client.execute()
  except nbclient.exceptions.CellExecutionError as error:
    return notebook, str(error)
  return notebook, None


def main(argv: list[str] | None = None) -> int:
  """The exit status: 1 if a cell raised or warned."""
  parser = argparse.ArgumentParser(description="Runs the notebooks.", allow_abbrev=False)
  parser.add_argument("out", type=pathlib.Path)
  parser.add_argument("names", nargs="*", help="as in colab; all if none is given")
  parser.add_argument("--seconds", type=int, default=600, help="the most that a cell may take")
  options = parser.parse_args(argv)
  stems = {pathlib.PurePath(n).stem: n for n in NOTEBOOKS}
  unknown = sorted(set(options.names) - set(stems))
  if unknown:
    parser.error(f"got {unknown}, wanted some of {', '.join(stems)}")
  options.out.mkdir(parents=True, exist_ok=True)
  failed = 0
  with tempfile.TemporaryDirectory() as scratch:
    copy_tree(ROOT, repository_files(untracked=True), pathlib.Path(scratch))
    for stem in options.names or stems:
      start = time.monotonic()
      notebook, fault = execute(pathlib.Path(scratch, stems[stem]), options.seconds)
      (options.out / f"{stem}.ipynb").write_text(json.dumps(notebook, indent=1), encoding="utf-8")
      kept = keep_shown(notebook, options.out, stem)
      faults = [fault] if fault else warned(notebook)
      failed += bool(faults)
      print(f"{stem}: {time.monotonic() - start:.0f} s, {len(kept)} pictures and pages",
            *faults, sep="\n", flush=True)
  return int(failed > 0)


if __name__ == "__main__":
  sys.exit(main())
