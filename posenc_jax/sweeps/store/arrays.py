# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Arrays with a header of JSON in one .npz without pickle, which NumPy alone can read.

The header holds a digest of every byte of the arrays. bfloat16 and the other small floats are
stored as unsigned integers of their width beside the name of their type, since NumPy reads them
back as raw bytes.
"""

import hashlib
import io
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp  # noqa: F401 - registers bfloat16 and its like with NumPy
import numpy as np

from posenc_jax.sweeps import files

SCHEMA = 1
Content = tuple[list[np.ndarray], dict[str, Any], dict[str, np.ndarray]]


def _digest(arrays: dict[str, np.ndarray]) -> str:
  total = hashlib.sha256()
  for name in sorted(arrays):
    x = np.ascontiguousarray(arrays[name])
    total.update(f"{name} {x.dtype} {x.shape}\n".encode())
    total.update(x.tobytes())
  return total.hexdigest()


def write(path: pathlib.Path, leaves: Sequence[np.ndarray], header: Mapping[str, Any],
          more: Mapping[str, np.ndarray] | None = None) -> None:
  """Writes leaves, and more arrays by name, at once over what was there.

  Raises:
    StorageFull, CannotWrite: what was there is still there.
  """
  arrays: dict[str, Any] = dict(more or {})
  types = {}
  for index, leaf in enumerate(leaves):
    name = f"leaf{index}"
    if leaf.dtype.kind == "V" or leaf.dtype.name not in np.sctypeDict:
      types[name] = leaf.dtype.name
      leaf = leaf.view(f"u{leaf.dtype.itemsize}")
    arrays[name] = leaf
  about = {**header, "schema": SCHEMA, "types": types, "digest": _digest(arrays)}
  arrays["header"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
  buffer = io.BytesIO()
  np.savez(buffer, **arrays)
  files.make_directory(path.parent)
  files.write_atomic(path, buffer.getvalue())


def read(path: pathlib.Path) -> tuple[Content | None, str | None]:
  """Reads what ``write`` wrote.

  Returns:
    ((leaves, header, more), None), or (None, None) if there is no file, or (None, why it cannot be
    used).
  """
  try:
    handle = os.open(path, os.O_RDONLY | files.NOFOLLOW)
  except FileNotFoundError:
    return None, None
  except OSError as error:
    return None, f"cannot be read: {error.strerror}"
  try:
    with os.fdopen(handle, "rb") as source, np.load(source, allow_pickle=False) as stored:
      if sum(e.file_size for e in stored.zip.infolist()) > os.fstat(source.fileno()).st_size:
        return None, "is packed, which a run does not do: it would fill the memory"
      arrays = {name: stored[name] for name in stored.files}
    header = json.loads(arrays.pop("header").tobytes())
    if header["schema"] != SCHEMA:
      return None, "belongs to another packing or version"
    if header["digest"] != _digest(arrays):
      return None, "is damaged: its digest does not match"
    count = sum(name.startswith("leaf") for name in arrays)
    leaves = [arrays.pop(f"leaf{i}") for i in range(count)]
    for name, dtype in header["types"].items():
      index = int(name.removeprefix("leaf"))
      leaves[index] = leaves[index].view(np.dtype(dtype))
    return (leaves, header, arrays), None
  except Exception as error:  # A damaged zip raises nearly anything; none of it may stop a sweep.
    return None, f"is damaged: {type(error).__name__}: {error}"
