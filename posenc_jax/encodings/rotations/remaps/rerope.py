# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""ReRoPE and leaky ReRoPE: distances stop, or slow down, at a window (``expand`` and ``bias``).

Su 2023, "Rectified Rotary Position Embeddings", blog posts kexue.fm/archives/9706 and 9708. Keys
are cached raw and turned on read; the scores of far keys are replaced, as a difference. For causal
attention: keys after the query keep RoPE's scores. Its temperature, max(1, log(m + 1) / log L0) on
q, is ``chain(ReRope(..), LogNTemperature(L0))``.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics, phases
from posenc_jax.base import encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.remaps import _difference
from posenc_jax.encodings.rotations.rotary import rotate


def rerope_distance(distance: Any, *, window: int, slope: Any = 0.0) -> jax.Array:
  """d below w, w + (d - w) slope from w on: ReRoPE for slope 0, leaky for 1 / k.

  Args:
    distance: d = m - n, ``[...]``.
    window: w.
    slope: 0 to 1.

  Returns:
    float32 ``[...]``.

  Example:
    >>> rerope_distance(jnp.arange(6), window=2, slope=0.5).tolist()
    [0.0, 1.0, 2.0, 2.5, 3.0, 3.5]
  """
  d = jnp.asarray(_checks.positions(distance, "distance", real=True))
  d = d.astype(_numerics.wide(d) if _numerics.is_float(d) else jnp.float32)
  return jnp.where(d < window, d, window + (d - window) * jnp.asarray(slope).astype(d.dtype))


def _slower(theta, slope):
  """theta (slope - 1), which turns what stands at m theta to m slope theta; exact if theta is."""
  if isinstance(theta, phases.Frequencies):
    return phases.frequencies(theta.radians * (slope - 1))
  return theta * (slope - 1)


@encoding
class ReRope(RotaryOnRead):
  """RoPE whose distances stop growing at a window, or go on more slowly (leaky).

  Args:
    dim, base, attention_scaling, pairing: as in ``Rotary``.
    window: static, w.
    slope: static; how fast distances grow beyond the window: 0 for ReRoPE, 1 / k for leaky ReRoPE.

  Raises:
    TypeError, ValueError: as ``Rotary``; a window below 1, a slope outside [0, 1].

  Example:
    >>> ReRope(8, window=512, slope=1 / 16)
    ReRope(dim=8, base=10000.0, window=512, slope=0.0625)
  """

  slower: phases.Frequencies | jax.Array = None  # type: ignore[assignment]
  window: int = static(default=512)
  slope: float = static(default=0.0)

  def __init__(self, dim, *, window=512, slope=0.0, base=10_000.0, attention_scaling=1.0,
               pairing="half"):
    window = _checks.size("window", window, "A quarter to half of the trained length is usual")
    if not isinstance(slope, int | float) or not 0 <= slope <= 1:
      raise _errors.value_error("slope", _errors.describe(slope), "a number in [0, 1]",
                                "ReRoPE has 0, leaky ReRoPE 1 / k")
    super().__init__(dim, base=base, attention_scaling=attention_scaling, pairing=pairing)
    self.set_fields(window=window, slope=float(slope),
                    slower=_slower(self.frequencies, float(slope)))

  @classmethod
  def from_frequencies(cls, frequencies, *, learned=None, **settings):
    """As ``Rotary.from_frequencies``, with this class's settings; frequencies cannot be learned."""
    self = super().from_frequencies(frequencies, learned=learned, **settings)
    if self._kinds:
      raise _errors.type_error("frequencies", "learned ones", "numbers known on the host",
                               "A second list of frequencies, theta (slope - 1), follows from them")
    return self.replace(slower=_slower(self.frequencies, self.slope))

  def bias(self, tile):
    m, n = _difference.numbers(tile.q_positions, tile.k_positions)
    slow = lambda x, at: rotate(x, at, self.slower, pairing=self.pairing)
    shift = jnp.full(m.shape, self.window * (1 - self.slope), jnp.float32)
    q = self._turn(slow(tile.q, m), shift)
    far = m[..., :, None] - n[..., None, :] >= self.window
    return _difference.replaced(tile, (q, slow(tile.k, n), far))
