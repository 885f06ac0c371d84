# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""PRoPE and GTA: cameras as relative positions (hooks ``qk``, ``values`` and ``outputs``).

Li et al. 2025, "Cameras as Relative Positional Encoding", arXiv 2507.10496; without intrinsics it
is GTA, Miyato et al. 2023, arXiv 2310.10375. Half of the dims are multiplied in groups of four by
the token's camera: q by P^T, k and v by P^-1, the output by P, with P = lift(K) [R | t] from world
to image. A quarter turns by the patch's column and a quarter by its row, with RoPE of base 100 and
the opposite sign, in v as well and back in the output.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding
from posenc_jax.encodings import _bases
from posenc_jax.encodings.rotations.rotary import rotary_frequencies, rotate_by


def camera_positions(views: Any, intrinsics: Any = None, *, patches: tuple[int, int] = (1, 1),
                     image: tuple[int, int] | None = None) -> np.ndarray:
  """What each patch of each image knows of its camera: 16 numbers of P, then column and row.

  Args:
    views: ``[C, 4, 4]``, from world to camera.
    intrinsics: ``[C, 3, 3]`` in pixels, or None (GTA).
    patches: rows and columns of patches in an image.
    image: its width and height in pixels, beside intrinsics, which become f / width and
      c / width - 1/2; (1, 1) where they are in shares of the image.

  Returns:
    float32 NumPy ``[C rows columns, 18]``, row by row.

  Raises:
    ValueError: matrices of another shape, one of intrinsics and image without the other.

  Example:
    >>> camera_positions(np.eye(4)[None], patches=(1, 2))[:, -2:].tolist()
    [[0.0, 0.0], [1.0, 0.0]]

  References:
    Li et al. 2025, arXiv 2507.10496.
  """
  views = np.asarray(views, np.float64)
  if views.ndim != 3 or views.shape[1:] != (4, 4):
    raise _errors.value_error("views", f"shape {views.shape}", "[C, 4, 4], world to camera",
                              "Stack one matrix for each image")
  if intrinsics is not None:
    k = np.asarray(intrinsics, np.float64)
    if k.shape != (len(views), 3, 3):
      raise _errors.value_error("intrinsics", f"shape {k.shape}", f"({len(views)}, 3, 3)",
                                "Pass one matrix for each image, in pixels")
  if (intrinsics is None) != (image is None):
    raise _errors.value_error("intrinsics, image", "one of them", "both, or neither",
                              "Intrinsics are divided by image=(width, height)")
  if intrinsics is not None and image is not None:
    lift = np.tile(np.eye(4), (len(views), 1, 1))
    for i in range(2):
      lift[:, i, i] = k[:, i, i] / image[i]
      lift[:, i, 2] = k[:, i, 2] / image[i] - 0.5
    views = lift @ views
  rows, columns = np.indices(patches).reshape(2, -1)
  each = np.repeat(views.reshape(len(views), 16), rows.size, axis=0)
  places = np.tile(np.stack([columns, rows], axis=-1), (len(views), 1))
  return np.concatenate([each, places], axis=-1).astype(np.float32)


def camera_transform(x: jax.Array, positions: Any, frequencies: Any, part: str) -> jax.Array:
  """Applies a token's camera to its heads.

  Args:
    x: ``[..., T, N, H]``, H a multiple of 8.
    positions: ``[..., T, 18]``, as ``camera_positions`` makes them.
    frequencies: ``[H / 8]`` radians per patch, or ``Frequencies``.
    part: "query" (P^T), "key" (P^-1, also of values) or "output" (P, and turned back).

  Returns:
    Like x.

  Raises:
    TypeError: positions in a 16-bit float.
    ValueError: an unknown part, heads or positions that do not fit.

  Example:
    >>> at = camera_positions(np.eye(4)[None])
    >>> camera_transform(jnp.ones((1, 1, 8)), at, [1.0], "query").tolist()
    [[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]]
  """
  _errors.check_choice("part", part, ("query", "key", "output"))
  h = x.shape[-1]
  frequencies = phases.as_frequencies(frequencies, single=True)
  if 8 * frequencies.shape[0] != h:
    raise _errors.value_error("frequencies", f"{frequencies.shape[0]} numbers",
                              f"an eighth of the {h} dims of a head",
                              "Build it with head_dim of the heads, a multiple of 8")
  dtype = _numerics.wide(x)
  at = jnp.asarray(_align.align_array(positions, x.ndim - 3, x.shape[-3], 1, "positions",
                                      sizes=(18,))).astype(dtype)
  p = at[..., :16].reshape(*at.shape[:-1], 4, 4)
  if part != "output":
    p = jnp.swapaxes(p, -1, -2) if part == "query" else jnp.linalg.inv(p)
  y = x.astype(dtype)
  groups = y[..., :h // 2].reshape(*x.shape[:-1], h // 8, 4)
  seen = jnp.einsum("...tij,...tngj->...tngi", p, groups, precision=jax.lax.Precision.HIGHEST)
  parts, sign = [seen.reshape(*x.shape[:-1], h // 2)], 1 if part == "output" else -1
  for axis in range(2):
    unit = phases.cos_sin(at[..., 16 + axis], frequencies, dtype=dtype)
    cos, sin = (u[..., None, :] for u in unit)
    piece = y[..., h // 2 + axis * (h // 4):h // 2 + (axis + 1) * (h // 4)]
    parts.append(rotate_by(piece, cos, sign * sin))
  return jnp.concatenate(parts, axis=-1).astype(x.dtype)


@encoding
class Prope(Encoding):
  """Relative cameras in q, k, values and outputs; a change of the world's frame changes nothing.

  Positions are ``[..., T, 18]``; give text and class tokens the identity camera and patch (0, 0).

  Args:
    head_dim: H, a multiple of 8.
    base: of the patch rotations.

  Raises:
    TypeError: head_dim is not an int.
    ValueError: head_dim is no multiple of 8, base is not positive.

  Example:
    >>> e = Prope(8); at = camera_positions(np.eye(4)[None], patches=(1, 3))
    >>> e.values(jnp.ones((3, 1, 8)), at).shape
    (3, 1, 8)
  """

  frequencies: phases.Frequencies | jax.Array

  position_axes = 18

  def __init__(self, head_dim: int, *, base: Any = 100.0):
    head_dim = _errors.check_int("head_dim", head_dim, "a multiple of 8", "Pass the head dim H")
    if head_dim % 8 or head_dim < 8:
      raise _errors.value_error("head_dim", head_dim, "a multiple of 8", "Wrap it: px.on_dims")
    self.set_fields(frequencies=rotary_frequencies(head_dim // 4, base=base))

  def _repr_fields(self):
    shown = _bases.shown(self.frequencies)
    return {"head_dim": 4 * shown["dim"], "base": shown["base"]} if "dim" in shown else shown

  def qk(self, q, k, q_positions, k_positions):
    return (camera_transform(q, q_positions, self.frequencies, "query"),
            camera_transform(k, k_positions, self.frequencies, "key"))

  def values(self, v, k_positions):
    return camera_transform(v, k_positions, self.frequencies, "key")

  def outputs(self, out, q_positions):
    return camera_transform(out, q_positions, self.frequencies, "output")
