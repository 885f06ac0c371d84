# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Transformer-XL: content and position biases on q, a projected sinusoid of m - n (hook ``bias``).

Dai et al. 2019, "Transformer-XL: Attentive Language Models beyond a Fixed-Length Context",
arXiv 1901.02860, section 3.3.
Differs from the paper: nothing in the numbers. The sinusoid of m - n is never formed: by the
angle-addition theorem the position term is a product of width D between rows that depend on q and
m and columns that depend on n alone, with exact phases. So positions may be any (a relative shift
needs consecutive ones), a decode step needs nothing but positions, and no ``[T, S, D]`` array
exists. It is a ``bias`` rather than wider q and k, so that bfloat16 models keep phases in float32
and grouped heads share one set of columns.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import rotary_frequencies


def transformer_xl_bias(q: jax.Array, k: jax.Array, q_positions: Any, k_positions: Any,
                        u: jax.Array, v: jax.Array, w_r: jax.Array, frequencies: Any, *,
                        scale: Any = None) -> jax.Array:
  """scale * (u . k_n + (q_m + v) . W_R R_(m - n)), R_d = [sin(d w_0) .., cos(d w_0) ..].

  Args:
    q: ``[..., T, N, H]``. k: ``[..., S, K, H]``.
    q_positions: ``[..., T]``, k_positions: ``[..., S]``; missing leading axes broadcast.
    u, v: ``[N, H]``, the content and the position bias.
    w_r: ``[D, N, H]``, sines before cosines along D.
    frequencies: ``[D // 2]`` radians per position, or ``Frequencies``.
    scale: what q . k is multiplied by; None is 1 / sqrt(H).

  Returns:
    ``[..., N, T, S]``, float32, or float64 for float64 q: what is added to scale * q_m . k_n.

  Raises:
    TypeError: positions in a 16-bit float.
    ValueError: u, v, w_r, frequencies or positions that do not fit q and k.

  Example:
    >>> q = k = jnp.zeros((2, 1, 4)); u = v = jnp.zeros((1, 4)); w_r = jnp.ones((2, 1, 4))
    >>> at = jnp.arange(2)
    >>> transformer_xl_bias(q, k, at, at, u, v + 1, w_r, [jnp.pi / 2]).round(3).tolist()
    [[[2.0, -2.0], [2.0, 2.0]]]

  References:
    Dai et al. 2019, arXiv 1901.02860, section 3.3; sines and cosines in halves as in the authors'
    code.
  """
  heads = q.shape[-2:]
  shapes = [jnp.shape(x) for x in (u, v, w_r)]
  if shapes[:2] != [heads, heads] or shapes[2][1:] != heads:
    raise _errors.value_error("u, v, w_r", f"shapes {shapes} for q with N, H = {heads}",
                              "shapes [N, H], [N, H], [D, N, H]",
                              "Build TransformerXL with the query heads and the head dim")
  frequencies = phases.as_frequencies(frequencies, single=True)
  if 2 * frequencies.shape[0] != shapes[2][0]:
    raise _errors.value_error("frequencies", f"{frequencies.shape[0]} numbers",
                              f"D / 2 = {shapes[2][0] / 2:g} for w_r [D, N, H]",
                              "px.rotary_frequencies(D) has as many")
  q_positions, k_positions = (
      _align.align_array(at, x.ndim - 3, x.shape[-3], 0, name) for name, x, at in
      (("q_positions", q, q_positions), ("k_positions", k, k_positions)))
  dtype = _numerics.wide(q)
  scale = jnp.asarray(1 / math.sqrt(q.shape[-1]) if scale is None else scale).astype(dtype)
  q, k, u, v, w_r = (jnp.asarray(x).astype(dtype) for x in (q, k, u, v, w_r))

  by_group = u.reshape(k.shape[-2], heads[0] // k.shape[-2], heads[1])
  content = jnp.einsum("kgh,...skh->...kgs", by_group, k)
  content = content.reshape(*content.shape[:-3], heads[0], 1, content.shape[-1])

  rows = jnp.einsum("...tnh,dnh->...tnd", q + v.reshape((1,) * (q.ndim - 2) + heads), w_r)
  of_sin, of_cos = jnp.split(rows, 2, axis=-1)
  cos_m, sin_m = (x[..., None, :] for x in phases.cos_sin(q_positions, frequencies, dtype=dtype))
  columns = jnp.concatenate(phases.cos_sin(k_positions, frequencies, dtype=dtype), axis=-1)
  # sin(m-n) = sin m cos n - cos m sin n and cos(m-n) = cos m cos n + sin m sin n.
  rows = jnp.concatenate([of_sin * sin_m + of_cos * cos_m, of_cos * sin_m - of_sin * cos_m], -1)
  return (jnp.einsum("...tnd,...sd->...nts", rows, columns) + content) * scale


@encoding
class TransformerXL(Encoding):
  """Adds u . k_n + (q_m + v) . W_R R_(m - n), over sqrt(H), to the scores.

  Args:
    u, v: ``[N, H]``, parameters.
    w_r: ``[D, N, H]``, a parameter; D even, the paper's is the model width.
    base: positive, of the sinusoid's frequencies base^(-2i/D).

  The paper divides the sum of all four terms by sqrt(H). So the bias is multiplied by what q . k is
  multiplied by, 1/sqrt(H) or the ``scale`` given to ``attend``.

  Raises:
    TypeError: u, v or w_r are no float arrays.
    ValueError: an odd D, shapes that do not fit each other, a base that is not positive.

  Example:
    >>> e = TransformerXL.init(jax.random.key(0), num_heads=2, head_dim=4)
    >>> e.w_r.shape
    (8, 2, 4)
  """

  u: jax.Array = parameter()
  v: jax.Array = parameter()
  w_r: jax.Array = parameter()
  frequencies: phases.Frequencies | jax.Array

  relative = True

  def __init__(self, u: Any, v: Any = None, w_r: Any = None, *, base: Any = 10_000.0):
    mend = "Build them with TransformerXL.init(key, num_heads, head_dim)"
    u, v = (_checks.floats(name, x, "[N, H]", mend, stacked=True)
            for name, x in (("u", u), ("v", v)))
    w_r = _checks.floats("w_r", w_r, "[D, N, H]", mend, stacked=True)
    u_shape, v_shape, w_shape = jnp.shape(u), jnp.shape(v), jnp.shape(w_r)
    if (len(u_shape) < 2 or len(w_shape) < 3 or u_shape != v_shape or w_shape[-2:] != u_shape[-2:]
        or w_shape[-3] % 2 or w_shape[-3] < 2):
      raise _errors.value_error("u, v, w_r", f"shapes {u_shape}, {v_shape}, {w_shape}",
                                "shapes [N, H], [N, H], [D, N, H] with an even D",
                                mend)
    self.set_fields(u=u, v=v, w_r=w_r, frequencies=rotary_frequencies(w_shape[-3], base=base))

  def _repr_fields(self):
    shown = _bases.shown(self.frequencies)
    shown.pop("dim", None)
    return {"u": self.u, "v": self.v, "w_r": self.w_r} | shown

  @classmethod
  def init(cls, key, num_heads: int, head_dim: int, *, d_model: int | None = None,
           base: Any = 10_000.0, stddev: float = 0.02) -> "TransformerXL":
    """Draws u, v and W_R from N(0, stddev^2); ``d_model`` is D, num_heads * head_dim if None."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H")
    d_model = num_heads * head_dim if d_model is None else _checks.size(
        "d_model", d_model, "Pass the model width D, even")
    keys = jax.random.split(_checks.key(key), 3)
    shapes = (num_heads, head_dim), (num_heads, head_dim), (d_model, num_heads, head_dim)
    return cls(*(jax.random.normal(k, s, jnp.float32) * stddev
                 for k, s in zip(keys, shapes, strict=True)), base=base)

  def bias(self, tile):
    return transformer_xl_bias(tile.q, tile.k, tile.q_positions, tile.k_positions, self.u, self.v,
                               self.w_r, self.frequencies, scale=tile.scale)
