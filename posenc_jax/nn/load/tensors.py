# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tensors by name: of safetensors files, or of a mapping. Sizes are known before data is read.

The format has no code in it, and its reader checks sizes against the file before it allocates.
Files of pickles are refused.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from posenc_jax import _errors

_LARGEST_INDEX = 100 * 2**20  # bytes of an index of files
_FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_MEND = "Pass the model's .safetensors file, or the directory that holds it"


class Info(NamedTuple):
  """Shape and dtype of a tensor that has not been read."""

  shape: tuple[int, ...]
  dtype: str


class Tensors:
  """Reads tensors by name.

  Args:
    weights: a mapping of arrays, a .safetensors file, its index (.json), or a directory.

  Raises:
    FileNotFoundError: there is no such file.
    ValueError: a file that is cut off, that lies about its sizes, or of another format.
    ImportError: files without the package safetensors.
  """

  def __init__(self, weights: Any):
    self.files: dict[str, Any] = {}
    self.arrays: Mapping[str, Any] = {}
    if isinstance(weights, Mapping):
      self.arrays = weights
      self.infos = {str(k): Info(tuple(np.shape(v)), _dtype_name(k, v)) for k, v in weights.items()}
    elif isinstance(weights, str | os.PathLike):
      self.infos = self._open(os.fspath(weights))
    else:
      raise _errors.type_error("weights", _errors.describe(weights),
                               "a path or a mapping from names to arrays", _MEND)

  def read(self, name: str) -> np.ndarray:
    """One tensor."""
    if name in self.arrays:
      return np.asarray(self.arrays[name])
    with _reader(self.files[name]) as file:
      return file.get_tensor(name)

  def _open(self, path: str) -> dict[str, Info]:
    infos: dict[str, Info] = {}
    for file in _files_of(path):
      with _reader(file) as opened:
        for name in opened.keys():
          if name in infos:
            raise _errors.value_error("weights", f"{name!r} in two files", "each tensor once",
                                      "Look at the index of the files")
          part = opened.get_slice(name)
          dtype = str(part.get_dtype())
          infos[name] = Info(tuple(part.get_shape()), _FLOATS.get(dtype, dtype))
          self.files[name] = file
    return infos


def _dtype_name(name, value):
  if not hasattr(value, "dtype"):
    raise _errors.type_error(f"weights[{name!r}]", _errors.describe(value), "an array",
                             "Convert it with numpy.asarray")
  return value.dtype.name


def _files_of(path: str) -> list[str]:
  """The files of a model; those of an index must lie beside it."""
  if os.path.isdir(path):
    for name in ("model.safetensors", "model.safetensors.index.json"):
      if os.path.isfile(os.path.join(path, name)):
        return _files_of(os.path.join(path, name))
    found = sorted(f for f in os.listdir(path) if f.endswith((".bin", ".pt", ".pth", ".h5")))
    raise FileNotFoundError(_errors.explain_fault(
        "weights", f"{found[:3]} in {path!r}" if found else f"no weights in {path!r}",
        "model.safetensors or model.safetensors.index.json",
        "Nothing is downloaded, and no pickle is read: convert other formats to safetensors"))
  if not os.path.isfile(path):
    raise FileNotFoundError(_errors.explain_fault("weights", repr(path), "a file that exists",
                                                  "Nothing is downloaded"))
  if path.endswith(".safetensors"):
    return [path]
  if not path.endswith(".json"):
    raise _errors.value_error("weights", repr(path), "a file .safetensors", _MEND)
  return _indexed(path)


def _indexed(path: str) -> list[str]:
  with open(path, "rb") as f:
    text = f.read(_LARGEST_INDEX + 1)
  try:
    names = sorted(set(json.loads(text[:_LARGEST_INDEX])["weight_map"].values()))
    outside = [n for n in names if os.path.basename(n) != n or not n.endswith(".safetensors")]
  except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
    raise _errors.value_error("weights", f"{path!r} without a weight_map of file names",
                              "an index of safetensors files", _MEND) from None
  if outside:
    raise _errors.value_error("weights", f"an index that names {outside[0]!r}",
                              "safetensors files beside it", "Look at its weight_map")
  return [f for n in names for f in _files_of(os.path.join(os.path.dirname(path), n))]


@contextlib.contextmanager
def _reader(path: str):
  try:
    import safetensors
  except ImportError:
    raise ImportError(_errors.explain_fault(
        "weights", repr(path), "the package safetensors to read it with",
        "Install it: pip install safetensors; or pass a mapping from names to arrays")) from None
  try:
    with safetensors.safe_open(path, framework="numpy") as file:
      yield file
  except safetensors.SafetensorError as fault:
    raise _errors.value_error("weights", f"{path!r}, which cannot be read ({fault})",
                              "a whole safetensors file", "Fetch the file again") from None
