# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""DAPE: a small network over heads and neighbouring keys remakes the scores (hook ``scores``).

Zheng et al. 2024, arXiv 2405.14722, section 3 (pointwise), and "DAPE V2", arXiv 2410.04798,
section 3 (convolution along the keys).
Differs from the released code: hidden values at masked keys are zero too, not only the inputs.
There the second convolution reads one hidden value beyond the query in a full forward and padding
in a decode step; here full forward, decode, packed and padded rows agree. The last layer's bias is
left out: one constant for all scores of a row, which a softmax does not see.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.base import HOOKS, Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks


def dape_scores(scores: jax.Array, bias: jax.Array | None, hidden_weight: jax.Array,
                hidden_bias: jax.Array, out_weight: jax.Array, *, mask: jax.Array | None = None,
                left: int | None = None) -> jax.Array:
  """scores + bias + f([scores; bias]), f a convolution, a leaky ReLU (0.01) and a convolution.

  Channels are heads, the convolutions run along the keys; one tap is the pointwise first version.
  Tap j reads key n + j - left.

  Args:
    scores: ``[..., N, T, S]``; keys must be in order along S if there is more than one tap.
    bias: ``[..., N, T, S]`` (batch axes may be 1), or None: then f sees the scores alone.
    hidden_weight: ``[taps, C, W]``, C = 2N, or N without a bias.
    hidden_bias: ``[W]``.
    out_weight: ``[taps, W, N]``.
    mask: None or bool ``[..., 1 or N, T, S]``, True where visible; hidden keys are read as zero, so
      no later token, other document or padding reaches a score.
    left: how many taps lie before the key itself; None centres the kernels, as the authors do;
      taps - 1 looks to the left only.

  Returns:
    Like scores.

  Raises:
    TypeError: a mask that is not bool.
    ValueError: weights or a bias that do not fit the heads.

  Example:
    >>> z, w = jnp.array([[[1.0, 2.0]]]), jnp.ones((1, 1, 1))
    >>> dape_scores(z, None, w, jnp.zeros(1), w).tolist()
    [[[2.0, 4.0]]]

  References:
    Zheng et al. 2024, arXiv 2405.14722, section 3; Zheng et al. 2024, arXiv 2410.04798, section 3.
  """
  scores = _checks.floats("scores", scores, "[..., N, T, S]", "Pass the scaled scores")
  mask = _checks.mask(mask)
  heads = scores.shape[-3]
  if bias is not None and bias.shape[-3] != heads:
    raise _errors.value_error("bias", f"{bias.shape[-3]} heads", f"the {heads} heads of the scores",
                              "Build the inner encoding for the query heads N")
  channels = heads if bias is None else 2 * heads
  if hidden_weight.shape[1] != channels or out_weight.shape[2] != heads:
    raise _errors.value_error(
        "hidden_weight, out_weight", f"{hidden_weight.shape[1]} channels in, {out_weight.shape[2]} "
        "out", f"{channels} in and {heads} out for {heads} query heads",
        "Build the network for the query heads N")
  dtype = scores.dtype
  total, channels = scores, [scores]
  if bias is not None:
    bias = jnp.broadcast_to(bias.astype(dtype), scores.shape)
    total, channels = scores + bias, [scores, bias]
  if mask is not None:
    channels = [jnp.where(mask, c, 0) for c in channels]
  hidden = _convolve_keys(jnp.concatenate(channels, axis=-3), hidden_weight.astype(dtype), left)
  offset = hidden_bias.astype(dtype).reshape((1,) * (hidden.ndim - 3) + (-1, 1, 1))
  hidden = jax.nn.leaky_relu(hidden + offset, 0.01)
  if mask is not None:
    hidden = jnp.where(jnp.any(mask, axis=-3, keepdims=True), hidden, 0)
  return total + _convolve_keys(hidden, out_weight.astype(dtype), left)


def _convolve_keys(x, weight, left):
  """out[w, n] = sum_jc weight[j, c, w] x[c, n + j - left], zero outside; x ``[..., C, T, S]``."""
  taps, size = weight.shape[0], x.shape[-1]
  left = taps // 2 if left is None else left
  x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(left, taps - 1 - left)])
  parts = [jnp.einsum("...cts,cw->...wts", x[..., j:j + size], weight[j]) for j in range(taps)]
  return functools.reduce(jnp.add, parts)


@encoding
class Dape(Encoding):
  """Lets a network shared by all pairs correct scores plus the bias of another encoding.

  With more than one tap the neighbours of a key are the neighbouring slots along S: keys must be in
  order, and padding belongs before or after the tokens of a row, not between them.

  Args:
    inner: an encoding that answers ``bias`` alone, such as ``Alibi(N)`` (its leaves are leaves of
      this one, parameters where it says so), or None for the network on bare scores. Compose
      others from outside: ``chain(Rotary(..), Dape.init(.., inner=None))``.
    hidden_weight: ``[taps, 2N, W]`` (``[taps, N, W]`` without inner), a parameter.
    hidden_bias: ``[W]``, a parameter.
    out_weight: ``[taps, W, N]``, a parameter.
    left: static; see ``dape_scores``.

  Raises:
    ValueError: shapes that do not fit together, an even number of taps to be centred.
    TypeError: an inner encoding that answers other hooks, which would be lost; no float weights.

  Example:
    >>> import posenc_jax as px
    >>> e = Dape.init(jax.random.key(0), 2, px.Alibi(2), taps=3)
    >>> q = jnp.ones((5, 2, 4))
    >>> px.attend(q, q, q, e, causal=True).shape
    (5, 2, 4)
  """

  inner: Encoding | None
  hidden_weight: jax.Array = parameter()
  hidden_bias: jax.Array = parameter()
  out_weight: jax.Array = parameter()
  left: int | None = static(default=None)

  def __post_init__(self):
    _check_inner(self.inner)
    for name in ("hidden_weight", "hidden_bias", "out_weight"):
      _checks.floats(name, getattr(self, name), "[...]", "Build them with Dape.init(key, N, inner)")
    if self.left is not None:
      self.set_fields(left=_errors.check_int("left", self.left, "None or an int, at least 0",
                                             "left=taps - 1 looks to the left only"))
    w, b, o = (np.shape(x) for x in (self.hidden_weight, self.hidden_bias, self.out_weight))
    if len(w) != 3 or len(o) != 3 or not (w[2],) == b == (o[1],):
      raise _errors.value_error("hidden_weight, hidden_bias, out_weight", f"shapes {w}, {b}, {o}",
                                "[taps, C, W], [W] and [taps, W, N]",
                                "Give pointwise weights one tap with [None]")
    for taps in (w[0], o[0]):
      if taps % 2 == 0 if self.left is None else not 0 <= self.left < taps:
        raise _errors.value_error("taps, left", f"{taps} and {self.left}",
                                  "an odd number with left=None, or 0 <= left < taps",
                                  "left=taps - 1 looks to the left only, with any number of taps")

  @property
  def relative(self) -> bool:
    return self.inner is None or self.inner.relative

  @property
  def keys_in_order(self) -> bool:
    return max(np.shape(self.hidden_weight)[-3], np.shape(self.out_weight)[-3]) > 1

  @property
  def position_axes(self) -> int | None:
    return None if self.inner is None else self.inner.position_axes

  @classmethod
  def init(cls, key, num_heads: int, inner: Encoding | None, *, taps: int = 1, hidden: int = 32,
           left: int | None = None) -> "Dape":
    """Draws weights uniformly within 1/sqrt(inputs), as the authors' code does.

    ``hidden`` is W. ``taps=1`` is the first version; the second one's default in the authors'
    settings is 3.
    """
    key = _checks.key(key)
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    taps = _checks.size("taps", taps, "The first version has 1, the second 3")
    hidden = _checks.size("hidden", hidden, "The authors' networks have 32 hidden values")
    _check_inner(inner)
    channels = num_heads if inner is None else 2 * num_heads
    draw = lambda i, shape, inputs: jax.random.uniform(
        jax.random.fold_in(key, i), shape, jnp.float32, -1 / math.sqrt(inputs),
        1 / math.sqrt(inputs))
    return cls(inner, draw(0, (taps, channels, hidden), taps * channels),
               draw(1, (hidden,), taps * channels),
               draw(2, (taps, hidden, num_heads), taps * hidden), left)

  def scores(self, scores, tile):
    bias = None
    if self.inner is not None:
      bias: Any = self.inner.bias(tile._replace(mask=None))  # not None: its constructor checks
      if self.inner.shared_heads and bias.shape[-3] == 1:
        bias = jnp.repeat(bias, scores.shape[-3], axis=-3)
      bias = bias.reshape((1,) * (scores.ndim - bias.ndim) + bias.shape)
    return dape_scores(scores, bias, self.hidden_weight, self.hidden_bias, self.out_weight,
                       mask=tile.mask, left=self.left)


def _check_inner(inner):
  if inner is None:
    return
  if not isinstance(inner, Encoding):
    raise _errors.type_error("inner", _errors.describe(inner), "an encoding or None",
                             "Build one, such as posenc_jax.Alibi(num_heads)")
  lost = [h for h in HOOKS if h != "bias" and inner.has(h)]
  if lost or not inner.has("bias"):
    came = f"{type(inner).__name__}, which answers {', '.join(lost) or 'no bias'}"
    raise _errors.type_error("inner", came, "an encoding that answers bias alone",
                             "Put the others around it: chain(other, Dape.init(.., inner))")
