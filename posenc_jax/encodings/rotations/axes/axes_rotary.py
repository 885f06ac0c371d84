# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary over several position axes, with a free map from pairs to axes (hook ``qk``).

Methods of images, videos and multimodal text differ in two independent ways: in the positions of
tokens, which are pure functions here, and in which pair reads which axis at what frequency, which
is this encoding.
"""

from typing import Any

import jax

from posenc_jax import _errors, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations import _ladders
from posenc_jax.encodings.rotations.m_rotary import mrotate
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies


@encoding
class AxesRotary(Encoding):
  """Turns pair i by positions[..., axes[i]] * frequencies[i]; positions are ``[..., T, P]``.

  Causal attention of cached tokens needs ``q_order`` and ``k_order``, as ids no longer say which
  token came first.

  Args:
    axes: the axis of each pair, from 0.
    frequencies: ``[r // 2]`` radians per position, or ``Frequencies``; 0 lets a pair stand still.
      None for one ladder over all pairs.
    base: of that ladder; positive.
    pairing: "half" or "interleaved", over all pairs.

  Raises:
    TypeError: axes that are not ints.
    ValueError: no axes, another number of frequencies.

  Example:
    >>> import jax.numpy as jnp, posenc_jax as px
    >>> x = jnp.ones((4, 1, 8))
    >>> e = AxesRotary((0, 0, 1, 1), base=100.0, pairing="interleaved")
    >>> e.qk(x, x, px.positions.grid(2, 2), px.positions.grid(2, 2))[0].shape
    (4, 1, 8)
  """

  frequencies: phases.Frequencies | jax.Array
  axes: tuple[int, ...] = static()
  pairing: str = static(default="half")

  relative = True

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return max(self.axes) + 1

  def __init__(self, axes: Any, frequencies: Any = None, *, base: Any = 10_000.0,
               pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    mend = "(0, 0, 1, 1) turns two pairs by each of two axes"
    if isinstance(axes, str | int | float) or not hasattr(axes, "__iter__"):
      raise _errors.type_error("axes", _errors.describe(axes), "an axis for each pair", mend)
    axes = tuple(_checks.size("axes", a, mend, least=0) for a in axes)
    if not axes:
      raise _errors.value_error("axes", axes, "an axis for each pair", mend)
    if frequencies is None:
      frequencies = rotary_frequencies(2 * len(axes), base=base)
    frequencies = phases.as_frequencies(frequencies)
    if frequencies.shape[-1] != len(axes):
      raise _errors.value_error("frequencies", f"{frequencies.shape[-1]} of them",
                                f"one for each of the {len(axes)} axes", "One number a pair")
    self.set_fields(frequencies=frequencies, axes=axes, pairing=pairing)

  @classmethod
  def per_axis(cls, dims: Any, *, base: Any = 10_000.0, order: Any = None, scales: Any = None,
               pairing: str = "interleaved") -> "AxesRotary":
    """One ladder an axis: block j of ``dims[j]`` dims has frequencies base^(-2i / dims[j]).

    Args:
      dims: even numbers, such as (16, 56, 56).
      base: one for all axes, or a list of one each.
      order: the axis that each block reads; None for 0, 1, ..
      scales: None, or what each block's frequencies are divided by.
      pairing: as in ``AxesRotary``.

    Returns:
      The encoding.

    Raises:
      ValueError: odd dims, lists of other lengths.

    Example:
      >>> AxesRotary.per_axis((4, 4), base=100.0).frequencies.tolist()
      [1.0, 0.1, 1.0, 0.1]
    """
    dims = tuple(dims)
    listed = lambda name, x, none: (none,) * len(dims) if x is None else tuple(x)
    bases = tuple(base) if isinstance(base, list | tuple) else (base,) * len(dims)
    order = tuple(range(len(dims))) if order is None else tuple(order)
    scales = listed("scales", scales, 1.0)
    for name, x in (("base", bases), ("order", order), ("scales", scales)):
      if len(x) != len(dims):
        raise _errors.value_error(name, f"{len(x)} entries", f"one for each of {len(dims)} blocks",
                                  "Leave it out for the same everywhere")
    ladders = [rotary_frequencies(d, base=b) for d, b in zip(dims, bases, strict=True)]
    ladders = [f if s == 1 else _ladders.scaled(f, 1 / s)
               for f, s in zip(ladders, scales, strict=True)]
    axes = [a for a, f in zip(order, ladders, strict=True) for _ in range(f.shape[-1])]
    return cls(axes, _ladders.joined(ladders), pairing=pairing)

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, len(self.axes), "axes")
    turn = lambda x, at: mrotate(x, at, self.frequencies, self.axes, pairing=self.pairing)
    return turn(q, q_positions), turn(k, k_positions)
