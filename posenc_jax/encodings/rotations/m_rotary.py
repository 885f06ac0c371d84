# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""M-RoPE: rotary pairs shared out among several position axes (hook ``qk``, positions [..., T, P]).

Wang et al. 2024, "Qwen2-VL", arXiv 2409.12191: sections of (16, 24, 24) pairs turn by
time, height and width. Qwen3-VL (2025) interleaves the axes pair by pair, so that each covers
all frequencies; weights trained with one layout are useless with the other.
Text has equal ids on all axes, which is plain rotary, bit for bit.
"""

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, phases
from posenc_jax.base import Encoding, align_array, encoding, static
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_turns, rotate_by


def mrotary_axes(sections: tuple[int, ...], *, interleaved: bool = False) -> tuple[int, ...]:
  """The position axis that turns each pair.

  Args:
    sections: P numbers of pairs, one for each axis.
    interleaved: False gives the first sections[0] pairs to axis 0, and so on. True gives pair i to
      axis i mod P as long as that axis has pairs left, and to axis 0 otherwise.

  Returns:
    ``sum(sections)`` axes.

  Raises:
    ValueError: a section below 1; interleaved sections where a later axis does not fit.

  Example:
    >>> mrotary_axes((3, 1, 1)), mrotary_axes((3, 1, 1), interleaved=True)
    ((0, 0, 0, 1, 2), (0, 1, 2, 0, 0))
  """
  sections = tuple(sections)
  if not sections or not all(isinstance(n, int) and n >= 1 for n in sections):
    raise _errors.value_error("sections", sections, "a number of pairs, at least 1, for each axis",
                              "Qwen2-VL uses (16, 24, 24)")
  axes = np.repeat(np.arange(len(sections)), sections)
  if interleaved:
    axes[:] = 0
    for axis, n in list(enumerate(sections))[1:]:
      axes[axis:len(sections) * n:len(sections)] = axis
    if np.bincount(axes, minlength=len(sections)).tolist() != list(sections):
      raise _errors.value_error("sections", sections, "a first section at least as long as the "
                                "others when interleaved", "Qwen3-VL uses (24, 20, 20)")
  return tuple(axes.tolist())


def mrotary_positions(*parts: int | tuple[int, ...], axes: int = 3) -> np.ndarray:
  """Ids of a sequence of texts and grids, numbered as Qwen2-VL does.

  Text counts up on all axes at once; a grid adds its (time, height, width) index to the first free
  id; what follows starts after the largest id so far on any axis.

  Args:
    *parts: an int for that many text tokens, or P sizes for the patches of an image or a video.
    axes: P.

  Returns:
    int32 NumPy ``[T, P]``.

  Raises:
    ValueError: a grid without P sizes.

  Example:
    >>> mrotary_positions(1, (1, 1, 2), 1).tolist()
    [[0, 0, 0], [1, 1, 1], [1, 1, 2], [3, 3, 3]]
  """
  rows, start = [np.zeros((0, axes), np.int32)], 0
  for part in parts:
    if isinstance(part, int):
      index = np.repeat(np.arange(part)[:, None], axes, axis=1)
    elif len(part) == axes:
      index = np.indices(part).reshape(axes, -1).T
    else:
      raise _errors.value_error("parts", part, f"a number of text tokens or {axes} grid sizes",
                                "An image is (1, height, width)")
    rows.append(index.astype(np.int32) + np.int32(start))
    start = int(rows[-1].max(initial=start - 1)) + 1
  return np.concatenate(rows)


def mrotate(x: jax.Array, positions: jax.Array, frequencies, axes: tuple[int, ...], *,
            pairing: str = "half") -> jax.Array:
  """Turns pair i of each head by positions[..., axes[i]] * theta_i.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T, P]`` int32 or float32; missing leading axes broadcast.
    frequencies: ``[r // 2]`` radians per position, or ``Turns``; r <= H.
    axes: ``r // 2`` axes below P, as ``mrotary_axes`` gives.
    pairing: as in ``rotate``.

  Returns:
    Like x.

  Raises:
    ValueError: positions that do not fit x or have too few axes.
    TypeError: positions in a 16-bit float.

  Example:
    >>> at = jnp.array([[0, 1]])
    >>> mrotate(jnp.ones((1, 1, 4)), at, [jnp.pi] * 2, (0, 1)).round(3).tolist()
    [[[1.0, -1.0, 1.0, -1.0]]]
  """
  positions = align_array(positions, x.ndim - 3, x.shape[-3], 1, "positions")
  if positions.shape[-1] != max(axes) + 1:
    raise _errors.value_error("positions", f"{positions.shape[-1]} axes", f"{max(axes) + 1}: "
                              "[..., T, P]", "Text has equal ids: jnp.stack([p] * 3, axis=-1)")
  dtype = jnp.float64 if x.dtype == jnp.float64 else jnp.float32
  if not isinstance(frequencies, phases.Turns | jax.Array):
    frequencies = np.asarray(frequencies)
  turns = jax.tree.map(lambda f: f[..., None], frequencies)
  each = jnp.take(jnp.asarray(positions), np.asarray(axes), axis=-1)
  cos, sin = (y[..., None, :, 0] for y in phases.cos_sin(each, turns, dtype=dtype))
  return rotate_by(x, cos, sin, pairing=pairing)


@encoding
class MRotary(Encoding):
  """RoPE over several position axes, such as time, height and width.

  Positions are ``[..., T, P]``; causal attention of cached tokens then needs ``q_order`` and
  ``k_order``, as ids no longer say which token came first.

  Args:
    sections: how many pairs each axis turns; their sum is half of the rotated dims.
    base: positive; Qwen2-VL uses 1e6. A known base is exact.
    interleaved: static; see ``mrotary_axes``.
    pairing: "half" or "interleaved" (of dims in pairs, as in ``Rotary``).

  Raises:
    ValueError: sections that do not fit, a base that is not positive, an unknown pairing.

  Example:
    >>> e = MRotary((2, 1, 1))
    >>> x = jnp.ones((4, 1, 8)); at = mrotary_positions(1, (1, 1, 2), 1)
    >>> e.qk(x, x, at, at)[0].shape
    (4, 1, 8)
  """

  turns: phases.Turns | jax.Array
  axes: tuple[int, ...] = static()
  pairing: str = static()

  relative = True
  trailing = 1

  def __init__(self, sections=(16, 24, 24), *, base=10_000.0, interleaved: bool = False,
               pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    axes = mrotary_axes(sections, interleaved=interleaved)
    self.set_fields(turns=rotary_turns(2 * len(axes), base=base), axes=axes, pairing=pairing)

  def qk(self, q, k, q_positions, k_positions):
    return (mrotate(q, q_positions, self.turns, self.axes, pairing=self.pairing),
            mrotate(k, k_positions, self.turns, self.axes, pairing=self.pairing))
