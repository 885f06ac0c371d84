# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A group's state in the middle of its training, as a file of ``arrays``.

The file names its group, which is a hash of the packing. A checkpoint that does not match (damaged,
of another packing, of a program whose state has other shapes, of other code) is not used: the group
starts over, and the run shows the reason. Random keys are stored as their words.
"""

import dataclasses
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.sweeps.store import arrays

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """Where a group stands: steps done, the state's leaves, the curves so far, seconds spent.

  ``code`` is the source and the program of its group, if they are known; see ``run.code``.
  """

  step: int
  leaves: list[np.ndarray]
  curves: dict[str, np.ndarray]
  seconds: float
  code: tuple[str, str] | None = None


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
  placed = [lanes.put(leaf) for leaf in leaves]
  return jax.tree.unflatten(tree, [
    x if kind.keys is None else jax.random.wrap_key_data(x, impl=kind.keys)
    for x, kind in zip(placed, wanted, strict=True)])


def save(path: pathlib.Path, group: str, checkpoint: Checkpoint) -> None:
  """Writes a checkpoint at once, over the last one.

  Raises:
    StorageFull, CannotWrite: the last one is still there.
  """
  header = {"group": group, "step": checkpoint.step, "seconds": checkpoint.seconds,
            "code": checkpoint.code}
  arrays.write(path, checkpoint.leaves, header,
               {f"curve/{name}": curve for name, curve in checkpoint.curves.items()})


def load(path: pathlib.Path, group: str) -> tuple[Checkpoint | None, str | None]:
  """Reads a checkpoint.

  Returns:
    (checkpoint, None), or (None, None) if there is none, or (None, why it cannot be used).
  """
  found, why = arrays.read(path)
  if found is None:
    return None, why
  leaves, header, more = found
  try:
    if header["group"] != group:
      return None, "belongs to another packing or version"
    curves = {k.removeprefix("curve/"): v for k, v in more.items() if k.startswith("curve/")}
    code = tuple(header["code"]) if header.get("code") else None
    step, seconds = int(header["step"]), float(header["seconds"])
    return Checkpoint(step, leaves, curves, seconds, code), None
  except (KeyError, TypeError, ValueError) as error:
    return None, f"is damaged: {type(error).__name__}: {error}"
