# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which files of a directory a report may replace: those that a report wrote, and no others.

``report_files.json`` lists their names and the SHA-256 of what was written. A file of a name that
is not listed, or that was changed since, is someone's own.
"""

import hashlib
import json
import pathlib
from collections.abc import Mapping

from posenc_jax._errors import explain_fault
from posenc_jax.sweeps import files
from posenc_jax.sweeps.errors import warn

LISTING = "report_files.json"


def _sha256(data: bytes) -> str:
  return hashlib.sha256(data).hexdigest()


def _is_inside(name: str) -> bool:
  path = pathlib.PurePath(name)
  return not path.is_absolute() and ".." not in path.parts


def _listed(directory: pathlib.Path) -> dict[str, list[str]]:
  """{name: hashes of what a report wrote under it}; {} if there is no list or it is damaged."""
  try:
    found = json.loads((directory / LISTING).read_bytes())["files"]
    return {name: [str(h) for h in hashes] for name, hashes in found.items() if _is_inside(name)}
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    return {}


def _is_ours(path: pathlib.Path, hashes: list[str]) -> bool:
  try:
    return _sha256(path.read_bytes()) in hashes
  except OSError:
    return False


def _record(directory: pathlib.Path, listed: Mapping[str, list[str]]) -> None:
  text = json.dumps({"files": dict(sorted(listed.items()))}, indent=1) + "\n"
  files.write_atomic(directory / LISTING, text.encode())


def replace(directory: pathlib.Path, contents: Mapping[str, bytes]) -> None:
  """Writes a report's files, and removes those of an earlier report that are not among them.

  A file in the way that no report wrote stays, with a warning that names it. The list is written
  before the files, with the old and the new hashes, so that a kill in between leaves none unknown.

  Args:
    directory: made if missing.
    contents: {name, which may have a folder in front: content}.

  Raises:
    CannotWrite, StorageFull: the directory cannot be written.
  """
  files.make_directory(directory)
  old = _listed(directory)
  ours = {name for name in {*old, *contents}
          if not (directory / name).exists() or _is_ours(directory / name, old.get(name, []))}
  new = {name: [_sha256(data)] for name, data in contents.items() if name in ours}
  _record(directory, {name: [*old.get(name, []), *new.get(name, [])] for name in {*old, *new}})
  for name in new:
    path = directory / name
    files.make_directory(path.parent)
    files.write_atomic(path, contents[name])
  for name in sorted(set(old) & ours - set(new)):
    (directory / name).unlink(missing_ok=True)
  _record(directory, new)
  for name in sorted(set(contents) - ours):
    warn(explain_fault(
      f"{directory / name}", "a file that no report wrote, or that was changed since",
      "a free name", "It stays as it is, and the report's is left out: move it away, or give the "
      "report another directory"))
