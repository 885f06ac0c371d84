# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A group's state in the middle of its training, as one .npz without pickle.

The file names its group, which is a hash of the packing, and a digest of every byte of its arrays.
A checkpoint that does not match (damaged, of another packing, of a program whose state has other
shapes) is not used: the group starts over, and the run shows the reason.

bfloat16 and the other small floats are stored as unsigned integers of their width beside the name
of their type, since NumPy reads them back as raw bytes; random keys as their words.
"""

import dataclasses
import hashlib
import io
import json
import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.sweeps import files

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """Where a group stands: steps done, the state's leaves, the curves so far, seconds spent."""

  step: int
  leaves: list[np.ndarray]
  curves: dict[str, np.ndarray]
  seconds: float


@dataclasses.dataclass(frozen=True)
class Kind:
  """How a leaf looks on the host, without its axis of lanes, and which random keys it holds."""

  shape: tuple[int, ...]
  dtype: np.dtype
  keys: Any = None


def _words(x: jax.Array) -> jax.Array:
  return jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x


def kind_of(x: jax.Array) -> Kind:
  """The kind of a state's leaf [lanes, ...]."""
  words = _words(x)
  return Kind(words.shape[1:], words.dtype, None if words is x else jax.random.key_impl(x))


def to_host(tree: PyTree, width: int) -> list[np.ndarray]:
  """The leaves of a device state as host arrays without padding lanes; keys as their words."""
  return [np.asarray(_words(x))[:width] for x in jax.tree.leaves(tree)]


def to_state(leaves: list[np.ndarray], kinds: PyTree, lanes: Any) -> PyTree:
  """The state on the devices again.

  Args:
    leaves: from ``to_host``.
    kinds: a Kind for each leaf of the state, as ``Program.kinds``.
    lanes: the program's ``Lanes``.

  Returns:
    A state whose leaves are device arrays [lanes, ...].

  Raises:
    ValueError: the leaves are not those of such a state; the text is a reason for the run to show.
  """
  wanted, tree = jax.tree.flatten(kinds)
  if len(wanted) != len(leaves):
    raise ValueError(f"{len(leaves)} arrays, the state has {len(wanted)}")
  for leaf, kind in zip(leaves, wanted, strict=True):
    if (leaf.shape, leaf.dtype) != ((lanes.width, *kind.shape), kind.dtype):
      raise ValueError(f"an array {leaf.dtype}{list(leaf.shape)}, the state has {kind.dtype}"
                       f"{[lanes.width, *kind.shape]}")
  arrays = [lanes.put(leaf) for leaf in leaves]
  return jax.tree.unflatten(tree, [
    x if kind.keys is None else jax.random.wrap_key_data(x, impl=kind.keys)
    for x, kind in zip(arrays, wanted, strict=True)])


def _digest(arrays: dict[str, np.ndarray]) -> str:
  total = hashlib.sha256()
  for name in sorted(arrays):
    x = np.ascontiguousarray(arrays[name])
    total.update(f"{name} {x.dtype} {x.shape}\n".encode())
    total.update(x.tobytes())
  return total.hexdigest()


def save(path: pathlib.Path, group: str, checkpoint: Checkpoint) -> None:
  """Writes a checkpoint at once, over the last one.

  Raises:
    StorageFull, CannotWrite: the last one is still there.
  """
  arrays, types = {}, {}
  for index, leaf in enumerate(checkpoint.leaves):
    name = f"leaf{index}"
    if leaf.dtype.kind == "V" or leaf.dtype.name not in np.sctypeDict:
      types[name] = leaf.dtype.name
      leaf = leaf.view(f"u{leaf.dtype.itemsize}")
    arrays[name] = leaf
  arrays |= {f"curve/{name}": curve for name, curve in checkpoint.curves.items()}
  header = {"schema": 1, "group": group, "step": checkpoint.step, "types": types,
            "seconds": checkpoint.seconds, "digest": _digest(arrays)}
  arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
  buffer = io.BytesIO()
  np.savez(buffer, **arrays)
  files.make_directory(path.parent)
  files.write_atomic(path, buffer.getvalue())


def load(path: pathlib.Path, group: str) -> tuple[Checkpoint | None, str | None]:
  """Reads a checkpoint.

  Returns:
    (checkpoint, None), or (None, None) if there is none, or (None, why it cannot be used).
  """
  try:
    handle = os.open(path, os.O_RDONLY | files.NOFOLLOW)
  except FileNotFoundError:
    return None, None
  except OSError as error:
    return None, f"cannot be read: {error.strerror}"
  try:
    with os.fdopen(handle, "rb") as source, np.load(source, allow_pickle=False) as stored:
      arrays = {name: stored[name] for name in stored.files}
    header = json.loads(arrays.pop("header").tobytes())
    if header["group"] != group or header["schema"] != 1:
      return None, "belongs to another packing or version"
    if header["digest"] != _digest(arrays):
      return None, "is damaged: its digest does not match"
    count = sum(name.startswith("leaf") for name in arrays)
    leaves = [arrays[f"leaf{i}"] for i in range(count)]
    for name, dtype in header["types"].items():
      index = int(name.removeprefix("leaf"))
      leaves[index] = leaves[index].view(np.dtype(dtype))
    curves = {k.removeprefix("curve/"): v for k, v in arrays.items() if k.startswith("curve/")}
    return Checkpoint(int(header["step"]), leaves, curves, float(header["seconds"])), None
  except Exception as error:  # A damaged zip raises nearly anything; none of it may stop a sweep.
    return None, f"is damaged: {type(error).__name__}: {error}"
