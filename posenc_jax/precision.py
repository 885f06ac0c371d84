# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""How exact an encoding's angles are, measured on the machine at hand."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics, phases
from posenc_jax.base import Encoding
from posenc_jax.encodings.rotations.rotary import rotate

_SAMPLES = 2048


@dataclasses.dataclass(frozen=True)
class PrecisionReport:
  """What ``precision_report`` found; ``print`` it.

  Attributes:
    max_position: the largest position looked at.
    dtype: of the queries and keys.
    angle_error: largest error of an angle, in radians, among the sampled positions.
    plain_angle_error: the same for float32(position) * float32(frequency).
    score_error: largest error of q.k / sqrt(r) for standard normal q and k in ``dtype``, whose
      distance is at most 64.
    first_equal: the first sampled position whose cosines and sines, rounded to ``dtype``, are
      those of the next position; None if there is none.
  """

  max_position: int
  dtype: str
  angle_error: float
  plain_angle_error: float
  score_error: float
  first_equal: int | None

  def __str__(self) -> str:
    equal = "none" if self.first_equal is None else f"{self.first_equal:,}"
    return "\n".join([
        f"positions up to {self.max_position:,}, {self.dtype}",
        f"  largest angle error        {self.angle_error:.1e} rad",
        f"    of the float32 product   {self.plain_angle_error:.1e} rad",
        f"  largest score error        {self.score_error:.1e}",
        f"  first equal neighbours     {equal}",
    ])


def precision_report(encoding: Encoding, max_position: int,
                     dtype: jnp.dtype = jnp.float32) -> PrecisionReport:
  """Measures angles and scores of an encoding against exact arithmetic.

  Positions are powers of two with their neighbours, numbers spread evenly on a log scale, and the
  last ones up to ``max_position``; every frequency is looked at.

  Args:
    encoding: one with frequencies, such as Rotary or Sinusoidal, with known values.
    max_position: at least 1, below 2^31.
    dtype: of queries and keys, or of the table: float32, bfloat16 or float16.

  Returns:
    A ``PrecisionReport``.

  Raises:
    ValueError: an encoding without angles or with several (stacked) ones, a position out of range.

  Example:
    >>> import posenc_jax as px
    >>> report = precision_report(px.Rotary(64), 2**31 - 1)
    >>> report.angle_error < 2e-7, report.plain_angle_error > 1
    (True, True)

  References:
    Wang et al. 2024, "When Precision Meets Position", arXiv 2411.13476, on scores in bfloat16.
  """
  max_position = _errors.check_int("max_position", max_position, "1 to 2^31 - 1",
                                   "Positions are int32")
  if not 1 <= max_position < 2**31:
    raise _errors.value_error("max_position", max_position, "1 to 2^31 - 1",
                              "Positions are int32")
  frequencies = _known_frequencies(encoding)
  positions = _positions(max_position)
  exact = _exact_angles(positions, frequencies)
  cos, sin = (np.asarray(x, np.float64) for x in jax.jit(phases.cos_sin)(positions, frequencies))
  plain = positions.astype(np.float32)[:, None] * frequencies.radians.astype(np.float32)[None]
  return PrecisionReport(
      max_position=max_position, dtype=jnp.dtype(dtype).name,
      angle_error=_largest(np.arctan2(sin, cos) - exact),
      plain_angle_error=_largest(plain.astype(np.float64) - exact),
      score_error=_score_error(positions, frequencies, dtype),
      first_equal=_first_equal(positions, frequencies, dtype))


def _known_frequencies(encoding) -> phases.Frequencies:
  found = getattr(encoding, "frequencies", None)
  leaves = jax.tree.leaves(found)
  if not leaves or any(_numerics.known(x) is None for x in leaves):
    raise _errors.value_error("encoding", type(encoding).__name__, "one with known frequencies",
                              "Biases such as Alibi count in integers and have no angles")
  frequencies = phases.frequencies(found)
  if len(frequencies.shape) != 1:
    raise _errors.value_error("encoding", f"frequencies of shape {frequencies.shape}",
                              "one encoding", "Take one lane with jax.tree.map(lambda x: x[0], e)")
  return frequencies


def _positions(maximum: int) -> np.ndarray:
  """Sorted positions in [0, maximum)."""
  powers = [2**i + j for i in range(31) for j in (-1, 0, 1)]
  spread = np.geomspace(1, maximum, _SAMPLES).astype(np.int64)
  last = np.arange(maximum - 64, maximum)
  found = np.unique(np.concatenate([powers, spread, last]))
  return found[(found >= 0) & (found < maximum)].astype(np.int32)


def _exact_angles(positions, frequencies) -> np.ndarray:
  """position * frequency modulo one turn, in radians, from Python integers."""
  words = [(int(h) << 32) + int(o) for h, o in zip(frequencies.hi, frequencies.lo, strict=True)]
  fractions = [[(int(p) * w) % 2**64 / 2.0**64 for w in words] for p in positions]
  return np.asarray(fractions) * (2 * math.pi)


def _largest(difference: np.ndarray) -> float:
  """Largest distance between two angles, whatever turn they are given in."""
  return float(np.abs((difference + math.pi) % (2 * math.pi) - math.pi).max())


def _score_error(positions, frequencies, dtype) -> float:
  rng = np.random.default_rng(0)
  n, r = len(positions), 2 * len(frequencies.hi)
  q, k = (np.asarray(jnp.asarray(rng.standard_normal((n, 1, r)), dtype), np.float64)
          for _ in range(2))
  behind = np.maximum(positions - rng.integers(0, 65, n).astype(np.int32), 0)
  turn = jax.jit(lambda x, p: rotate(x, p, frequencies))
  got = [np.asarray(turn(jnp.asarray(x, dtype), p), np.float64)
         for x, p in ((q, positions), (k, behind))]
  angle = _exact_angles(positions, frequencies) - _exact_angles(behind, frequencies)
  a, b = (x[:, 0, :r // 2] + 1j * x[:, 0, r // 2:] for x in (q, k))
  wanted = np.real(a * np.exp(1j * angle) * np.conj(b)).sum(-1)
  return float(np.abs((got[0] * got[1]).sum((-1, -2)) - wanted).max() / math.sqrt(r))


def _first_equal(positions, frequencies, dtype) -> int | None:
  table = jax.jit(lambda p: jnp.concatenate(phases.cos_sin(p, frequencies), axis=-1).astype(dtype))
  same = np.asarray(jnp.all(table(positions) == table(positions + np.int32(1)), axis=-1))
  return int(positions[same][0]) if same.any() else None
