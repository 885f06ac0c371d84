# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ESM3's geometric attention: q and k are vectors in the frames of residues.

Hayes et al. 2024, ESM3 (Science 2025), read in its released code. A residue has a frame T x = R x +
t. The score is softplus(w_r) (R_m q).(R_n k) / sqrt(3) - softplus(w_d) |T_m q' - T_n k'| / sqrt(3);
values turn by R_n and the output by R_m^-1. Residues without a frame are hidden and give zeros
(hooks ``qk``, ``values``, ``visible``, ``bias``, ``outputs``). A head of q and k holds q and q',
six dims.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks


def frame_positions(rotations: Any, translations: Any, known: Any = None) -> Any:
  """Frames as positions: nine numbers of R, three of t, and whether there is one.

  Args:
    rotations: ``[..., T, 3, 3]``, translations: ``[..., T, 3]``.
    known: bool ``[..., T]``, None for all.

  Returns:
    float32 ``[..., T, 13]``.

  Raises:
    ValueError: shapes that do not fit.

  Example:
    >>> frame_positions(np.eye(3)[None], np.zeros((1, 3))).shape
    (1, 13)
  """
  r, t = jnp.asarray(rotations, jnp.float32), jnp.asarray(translations, jnp.float32)
  if r.shape[-2:] != (3, 3) or t.shape != r.shape[:-1]:
    raise _errors.value_error("rotations, translations", f"shapes {r.shape} and {t.shape}",
                              "[..., T, 3, 3] and [..., T, 3]", "One frame for each residue")
  one = jnp.ones(t.shape[:-1]) if known is None else jnp.asarray(known).astype(jnp.float32)
  return jnp.concatenate([r.reshape(*t.shape[:-1], 9), t, one[..., None]], axis=-1)


def frame_vectors(x: jax.Array, positions: Any, *, shift: bool = False, inverse: bool = False
                  ) -> jax.Array:
  """R x, R x + t or R^-1 x of each three dims, in the frame of the token.

  Args:
    x: ``[..., T, N, 3 n]``.
    positions: ``[..., T, 13]``, as ``frame_positions`` makes them.
    shift: whether t is added.
    inverse: R^-1 = R^T in place of R.

  Returns:
    Like x, at least float32.

  Example:
    >>> at = frame_positions(np.eye(3)[None], np.ones((1, 3)))
    >>> frame_vectors(jnp.ones((1, 1, 3)), at, shift=True).tolist()
    [[[2.0, 2.0, 2.0]]]
  """
  dtype = _numerics.wide(x)
  at = jnp.asarray(positions).astype(dtype)
  r = at[..., :9].reshape(*at.shape[:-1], 3, 3)
  r = jnp.swapaxes(r, -1, -2) if inverse else r
  y = x.astype(dtype).reshape(*x.shape[:-1], -1, 3)
  y = jnp.einsum("...tij,...tngj->...tngi", r, y, precision=jax.lax.Precision.HIGHEST)
  if shift:
    y = y + at[..., None, None, 9:12]
  return y.reshape(x.shape)


@encoding
class Geometric(Encoding):
  """Attention between residues by direction and distance; positions are ``[..., T, 13]``.

  Args:
    direction: w_r ``[N]``, distance: w_d ``[N]``, parameters.

  Raises:
    TypeError: no float arrays.
    ValueError: shapes that differ; in a call, heads that are not six dims, values not threes.

  Example:
    >>> e = Geometric.init(1); at = frame_positions(np.eye(3)[None], np.zeros((1, 3)))
    >>> e.qk(jnp.ones((1, 1, 6)), jnp.ones((1, 1, 6)), at, at)[0].shape
    (1, 1, 6)
  """

  direction: jax.Array = parameter()
  distance: jax.Array = parameter(None)

  position_axes = 13

  def __post_init__(self):
    mend = "Build it with Geometric.init(num_heads)"
    w = _checks.floats("direction", self.direction, "[N]", mend, stacked=True)
    _checks.floats("distance", self.distance, "[N]", mend, stacked=True,
                   sizes={"N": w.shape[-1]})

  @classmethod
  def init(cls, num_heads: int) -> "Geometric":
    """Weights of zero: softplus(0) = 0.69 of each."""
    zero = jnp.zeros((_checks.size("num_heads", num_heads, "Pass the heads N"),), jnp.float32)
    return cls(zero, zero)

  def qk(self, q, k, q_positions, k_positions):
    for x in (q, k):
      if x.shape[-1] != 6:
        raise _errors.value_error("q, k", f"{x.shape[-1]} dims", "6: a direction and a point",
                                  "Wrap it: px.on_dims")

    def place(x, at):
      turned = frame_vectors(x[..., :3], at)
      return jnp.concatenate([turned, frame_vectors(x[..., 3:], at, shift=True)],
                             axis=-1).astype(x.dtype)

    return place(q, q_positions), place(k, k_positions)

  def values(self, v, k_positions):
    if v.shape[-1] % 3:
      raise _errors.value_error("v", f"{v.shape[-1]} dims", "a multiple of 3", "Pass vectors")
    return frame_vectors(v, k_positions).astype(v.dtype)

  def visible(self, tile):
    return (jnp.asarray(tile.k_positions)[..., 12] > 0)[..., None, None, :]

  def bias(self, tile):
    n, kv = tile.q.shape[-2], tile.k.shape[-2]
    if n != self.direction.shape[0]:
      raise _errors.value_error("direction", f"{self.direction.shape[0]} heads",
                                f"the {n} query heads", "Build it with num_heads=N")
    dtype = _numerics.wide(tile.q)
    q = tile.q.astype(dtype)
    k = jnp.repeat(tile.k.astype(dtype), n // kv, axis=-2)
    dot = lambda a, b: jnp.einsum("...tnh,...snh->...nts", a, b,
                                  precision=jax.lax.Precision.HIGHEST)
    apart = jnp.swapaxes(q[..., 3:], -3, -2)[..., :, None, :] - jnp.swapaxes(
        k[..., 3:], -3, -2)[..., None, :, :]
    # The distance of equal points has no direction: a floor keeps its gradient finite.
    far = jnp.sqrt(jnp.maximum(jnp.sum(apart * apart, axis=-1), np.array(1e-20, dtype)))
    root = np.array(3**-0.5, dtype)
    weigh = lambda w, z: jax.nn.softplus(w.astype(dtype)).reshape(
        (1,) * (z.ndim - 3) + (-1, 1, 1)) * z * root
    plain = dot(q, k) * jnp.asarray(tile.scale, dtype)  # what stands in the scores already
    return weigh(self.direction, dot(q[..., :3], k[..., :3])) - weigh(self.distance, far) - plain

  def outputs(self, out, q_positions):
    back = frame_vectors(out, q_positions, inverse=True)
    known = jnp.asarray(q_positions)[..., 12] > 0
    return jnp.where(known[..., None, None], back, 0).astype(out.dtype)
