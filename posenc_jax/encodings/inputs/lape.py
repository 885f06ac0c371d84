# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LaPE: every layer normalises the position embedding again and adds it (hook ``layer``).

Yu et al. 2022, "LaPE: Layer-adaptive Position Embedding for Vision Transformers with Independent
Layer Normalization", arXiv 2212.05262, section 3; the progressive chain is the released code's.
The attention of layer l reads LN_l(x) + PE_l, PE_l = LN'_l(PE_(l-1)); the feed-forward does not,
and PE_0 is not added to the embeddings. The hook sees the normalised input of the attention alone,
as ``posenc_jax.nn`` calls it.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.inputs import _add, _norm
from posenc_jax.encodings.inputs.learned import lookup

_MEND = "Build it with Lape.init(key, layer, length, d_model)"


def lape(rows: jax.Array, gain: jax.Array, offset: jax.Array, *, eps: float = 1e-6) -> jax.Array:
  """PE_l = LN_l(.. LN_1(PE_0)): the norms of layers 1 to l, one after the other.

  Args:
    rows: PE_0 of the tokens, ``[..., D]``.
    gain, offset: ``[l, D]``, of the norms.
    eps: of the norms.

  Returns:
    Like rows.

  Raises:
    ValueError: norms of another width.

  Example:
    >>> lape(jnp.array([1.0, 3.0]), jnp.ones((2, 2)), jnp.zeros((2, 2))).round(3).tolist()
    [-1.0, 1.0]

  References:
    Yu et al. 2022, arXiv 2212.05262, section 3.3 and released code.
  """
  rows = _checks.floats("rows", rows, "[..., D]", "Take rows of the table")
  for name, a in (("gain", gain), ("offset", offset)):
    _checks.floats(name, a, "[l, D]", _MEND, sizes={"D": rows.shape[-1]})
  for g, b in zip(gain, offset, strict=True):
    rows = _norm.layer_norm(rows, g, b, eps)
  return rows


def lape_layers(table: jax.Array, gain: jax.Array, offset: jax.Array, *,
                eps: float = 1e-6) -> "tuple[Lape, ...]":
  """The encodings of layers 1 to L from one set of parameters, which is what shares them.

  Args:
    table: PE_0, ``[length, D]``.
    gain, offset: ``[L, D]``: layer l reads the first l of them.
    eps: of the norms.

  Returns:
    L encodings. Differentiate through this call, so that each norm hears of all layers above it.

  Example:
    >>> len(lape_layers(jnp.ones((4, 2)), jnp.ones((3, 2)), jnp.zeros((3, 2))))
    3
  """
  return tuple(Lape(table, gain[:i + 1], offset[:i + 1], eps) for i in range(len(gain)))


@encoding
class Lape(Encoding):
  """Adds PE_l to the input of layer l's attention; one object for each layer, as PE_l differs.

  Layers of a list hold their own copies of the shared parameters; ``lape_layers`` shares them.

  Args:
    table: PE_0, ``[length, D]``, a parameter.
    gain, offset: ``[l, D]``, parameters: the norms of layers 1 to l.
    eps: static.

  Raises:
    TypeError: what should be float arrays is not.
    ValueError: shapes that do not fit; in a call, another width or a position outside the table.

  Example:
    >>> e = Lape.init(jax.random.key(0), layer=2, length=8, d_model=4)
    >>> e.layer(jnp.zeros((3, 4)), jnp.arange(3))[0].shape
    (3, 4)
  """

  table: jax.Array = parameter()
  gain: jax.Array = parameter(None)  # None, so that a missing one gets the message below
  offset: jax.Array = parameter(None)
  eps: float = static(default=1e-6)

  def __post_init__(self):
    for name, shape in (("table", "[length, D]"), ("gain", "[l, D]"), ("offset", "[l, D]")):
      _checks.floats(name, getattr(self, name), shape, _MEND, stacked=True)
    t, g, b = self.table.shape, self.gain.shape, self.offset.shape
    if g[-2:] != b[-2:] or g[-1] != t[-1]:
      raise _errors.value_error("table, gain, offset", f"shapes {t}, {g}, {b}",
                                "[length, D], [l, D], [l, D]", _MEND)

  @classmethod
  def init(cls, key, layer: int, length: int, d_model: int, *, stddev: float = 0.02,
           eps: float = 1e-6) -> "Lape":
    """Draws the table from N(0, stddev^2) cut at 2 stddev; the norms start at 1 and 0."""
    layer, length, d_model = (_checks.size(n, v, "Layers are counted from 1") for n, v in (
        ("layer", layer), ("length", length), ("d_model", d_model)))
    table = jax.random.truncated_normal(_checks.key(key), -2.0, 2.0, (length, d_model), jnp.float32)
    shape = (layer, d_model)
    return cls(table * stddev, jnp.ones(shape, jnp.float32), jnp.zeros(shape, jnp.float32), eps)

  def layer(self, x, positions, *, carry=None, segments=None):
    del segments
    _add.check_width(x, self.table.shape[-1], "Lape")
    dtype: Any = _numerics.wide(x, self.table)
    rows = lookup(jnp.asarray(self.table), _add.aligned(x, positions, real=False)).astype(dtype)
    pe = lape(rows, jnp.asarray(self.gain), jnp.asarray(self.offset), eps=self.eps)
    return x + pe.astype(x.dtype), positions, carry
