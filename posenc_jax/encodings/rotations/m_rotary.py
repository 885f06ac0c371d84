# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""M-RoPE: rotary pairs shared out among several position axes (hook ``qk``, positions [..., T, P]).

Wang et al. 2024, "Qwen2-VL", arXiv 2409.12191: sections of (16, 24, 24) pairs turn by
time, height and width. Qwen3-VL (2025) interleaves the axes pair by pair, so that each covers
all frequencies; weights trained with one layout are useless with the other.
Text has equal ids on all axes, which is plain rotary, bit for bit.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import (
    PAIRINGS,
    rotary_frequencies,
    rotate_by,
)


def mrotary_axes(sections: Any, *, interleaved: bool = False) -> tuple[int, ...]:
  """The position axis that turns each pair.

  Args:
    sections: P numbers of pairs, one for each axis.
    interleaved: False gives the first sections[0] pairs to axis 0, and so on. True gives pair i to
      axis i mod P as long as that axis has pairs left, and to axis 0 otherwise.

  Returns:
    ``sum(sections)`` axes.

  Raises:
    TypeError: sections that are not ints.
    ValueError: a section below 1; interleaved sections where a later axis does not fit.

  Example:
    >>> mrotary_axes((3, 1, 1)), mrotary_axes((3, 1, 1), interleaved=True)
    ((0, 0, 0, 1, 2), (0, 1, 2, 0, 0))
  """
  sections = _check_sections(sections)
  axes = np.repeat(np.arange(len(sections)), sections)
  if interleaved:
    axes[:] = 0
    for axis, n in list(enumerate(sections))[1:]:
      axes[axis:len(sections) * n:len(sections)] = axis
    if np.bincount(axes, minlength=len(sections)).tolist() != list(sections):
      raise _errors.value_error("sections", sections, "a first section at least as long as the "
                                "others when interleaved", "Qwen3-VL uses (24, 20, 20)")
  return tuple(axes.tolist())


def _check_sections(sections):
  wanted, mend = "a number of pairs, at least 1, for each axis", "Qwen2-VL uses (16, 24, 24)"
  if isinstance(sections, str) or not np.iterable(sections):
    raise _errors.type_error("sections", _errors.describe(sections), wanted, mend)
  sections = tuple(_errors.check_int("sections", n, wanted, mend) for n in sections)
  if not sections or min(sections) < 1:
    raise _errors.value_error("sections", sections, wanted, mend)
  return sections


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
    TypeError: a part that is no int or ints.
    ValueError: a grid without P sizes, a negative size.

  Example:
    >>> mrotary_positions(1, (1, 1, 2), 1).tolist()
    [[0, 0, 0], [1, 1, 1], [1, 1, 2], [3, 3, 3]]
  """
  axes = _checks.size("axes", axes, "Time, height and width are 3")
  rows, start = [np.zeros((0, axes), np.int32)], 0
  for part in parts:
    if isinstance(part, int) or np.ndim(part) == 0:
      part = _checks.size("parts", part, "A number of text tokens; an image is (1, h, w)", least=0)
      index = np.repeat(np.arange(part)[:, None], axes, axis=1)
    elif len(part) == axes:
      sizes = [_checks.size("parts", n, "An image is (1, height, width)", least=0) for n in part]
      index = np.indices(sizes).reshape(axes, -1).T
    else:
      raise _errors.value_error("parts", part, f"a number of text tokens or {axes} grid sizes",
                                "An image is (1, height, width)")
    rows.append(index.astype(np.int32) + np.int32(start))
    start = int(rows[-1].max(initial=start - 1)) + 1
  return np.concatenate(rows)


def mrotate(x: jax.Array, positions: Any, frequencies: Any, axes: tuple[int, ...], *,
            pairing: str = "half") -> jax.Array:
  """Turns pair i of each head by positions[..., axes[i]] * theta_i.

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T, P]`` int32 or float32; missing leading axes broadcast.
    frequencies: ``[r // 2]`` radians per position, or ``Frequencies``; r <= H.
    axes: ``r // 2`` axes below P, as ``mrotary_axes`` gives.
    pairing: as in ``rotate``.

  Returns:
    Like x.

  Raises:
    ValueError: positions that do not fit x or have another number of axes.
    TypeError: positions in a 16-bit float.

  Example:
    >>> at = jnp.array([[0, 1]])
    >>> mrotate(jnp.ones((1, 1, 4)), at, [jnp.pi] * 2, (0, 1)).round(3).tolist()
    [[[1.0, -1.0, 1.0, -1.0]]]
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  frequencies = phases.as_frequencies(frequencies, single=True)
  axes = tuple(_checks.size("axes", a, "mrotary_axes makes them", least=0) for a in axes)
  if len(axes) != frequencies.shape[0]:
    raise _errors.value_error("axes", f"{len(axes)} axes", f"one for each of the "
                              f"{frequencies.shape[0]} frequencies", "mrotary_axes makes them")
  positions = _align.align_array(positions, x.ndim - 3, x.shape[-3], 1, "positions",
                                 sizes=(max(axes) + 1,))
  columns = jax.tree.map(lambda f: f[..., None], frequencies)
  each = jnp.take(jnp.asarray(positions), np.asarray(axes), axis=-1)
  cos, sin = (y[..., None, :, 0]
              for y in phases.cos_sin(each, columns, dtype=_numerics.wide(x)))
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
    TypeError: sections that are not ints.
    ValueError: sections that do not fit, a base that is not positive, an unknown pairing.

  Example:
    >>> e = MRotary((2, 1, 1))
    >>> x = jnp.ones((4, 1, 8)); at = mrotary_positions(1, (1, 1, 2), 1)
    >>> e.qk(x, x, at, at)[0].shape
    (4, 1, 8)
  """

  frequencies: phases.Frequencies | jax.Array
  axes: tuple[int, ...] = static()
  pairing: str = static(default="half")

  relative = True

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return max(self.axes) + 1

  def __init__(self, sections: Any = (16, 24, 24), *, base: Any = 10_000.0,
               interleaved: bool = False, pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    axes = mrotary_axes(sections, interleaved=interleaved)
    self.set_fields(frequencies=rotary_frequencies(2 * len(axes), base=base), axes=axes,
                    pairing=pairing)

  def _repr_fields(self):
    sections = tuple(np.bincount(self.axes).tolist())
    shown = _bases.shown(self.frequencies)
    shown.pop("dim", None)
    return ({"sections": sections} | shown
            | ({} if mrotary_axes(sections) == self.axes else {"interleaved": True})
            | ({} if self.pairing == "half" else {"pairing": self.pairing}))

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, len(self.axes), "sections")
    turn = lambda x, at: mrotate(x, at, self.frequencies, self.axes, pairing=self.pairing)
    return turn(q, q_positions), turn(k, k_positions)
