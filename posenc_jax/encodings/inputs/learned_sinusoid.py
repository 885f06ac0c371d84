# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sinusoids with something to learn: one factor, or the frequencies (hook ``inputs``).

The factor is that of Hua et al. 2022, "Transformer Quality in Linear Time", arXiv 2202.10447,
appendix A. Builders around ``Sinusoidal``, whose tables and conventions they keep.
"""

from typing import Any

import jax.numpy as jnp

from posenc_jax._kinds import learn
from posenc_jax.encodings.inputs.sinusoidal import Sinusoidal


def scaled_sinusoidal(d_model: int, *, base: Any = 10_000.0, scale: Any = None,
                      layout: str = "halves", divisor: str = "dim") -> Sinusoidal:
  """A sinusoid times one learned factor, which starts at 1 / sqrt(D).

  Args:
    d_model: D.
    base: positive.
    scale: the factor's start; None for 1 / sqrt(D).
    layout, divisor: as in ``sinusoidal``.

  Returns:
    ``Sinusoidal``, whose ``scale`` is a parameter.

  Example:
    >>> scaled_sinusoidal(4)
    Sinusoidal(d_model=4, base=10000.0, scale=0.5, layout='halves', learned: scale)
  """
  scale = d_model ** -0.5 if scale is None else scale
  return learn(Sinusoidal(d_model, base=base, scale=scale, layout=layout, divisor=divisor), "scale")


def learned_sinusoidal(d_model: int, *, base: Any = 10_000.0, scale: Any = 1.0,
                       layout: str = "interleaved", divisor: str = "dim") -> Sinusoidal:
  """A sinusoid whose frequencies are learned, from the paper's as their start.

  Args:
    d_model: D.
    base: of the frequencies at the start.
    scale: multiplies the table.
    layout, divisor: as in ``sinusoidal``.

  Returns:
    ``Sinusoidal``, whose ``frequencies`` are a float32 parameter ``[ceil(D / 2)]``: the error of
    an angle is 1e-7 of the angle.

  Example:
    >>> learned_sinusoidal(4)
    Sinusoidal(d_model=4, frequencies=f32[2], learned: frequencies)
  """
  e = Sinusoidal(d_model, base=base, scale=scale, layout=layout, divisor=divisor)
  radians = getattr(e.frequencies, "radians", e.frequencies)
  return learn(e.replace(frequencies=jnp.asarray(radians, jnp.float32)), "frequencies")
