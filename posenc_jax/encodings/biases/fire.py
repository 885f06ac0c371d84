# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""FIRE: a small network of the distance relative to the query's position (hook ``bias``).

Li et al. 2023, "Functional Interpolation for Relative Positions Improves Long Context
Transformers", arXiv 2310.04418.
Differs from the paper: the last bias b2, the same for every key, is unseen by a softmax and is left
out unless given; keys after the query are taken by |m - n|, so the bias also serves attention in
both directions. It needs the query's true position m, not only m - n: restart positions in packed
documents, and let left padding not count.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.positions import distance

_MEND = "Build it with Fire.init(key, num_heads)"
_VMAP = "An encoding with stacked leaves needs jax.vmap over the encoding"


def fire_bias(q_positions: Any, k_positions: Any, w1: jax.Array, b1: jax.Array,
              w2: jax.Array, b2: jax.Array | None = None, *, c: Any = 0.1,
              threshold: Any = 512.0, eps: float = 1e-6) -> jax.Array:
  """f(psi(|m - n|) / (psi(max(|threshold|, m)) + eps)), psi(x) = log(1 + |c x|).

  f(x) = relu(x w1 + b1) w2 + b2. The hidden values ``[..., T, S, W]`` exist while a tile of rows is
  computed; positions shared by the batch (leading axes of size 1) keep them small.

  Args:
    q_positions: ``[..., T]``, k_positions: ``[..., S]``, of one rank and dtype.
    w1, b1: ``[W]``, W hidden values. w2: ``[W, N]``. b2: ``[N]``, or None for zeros.
    c: scale inside the logarithm.
    threshold: queries before it are treated as if they stood at it.
    eps: keeps the division finite.

  Returns:
    ``[..., N, T, S]``, float32, or float64 for float64 weights.

  Raises:
    TypeError: positions or weights that are no such numbers.
    ValueError: weights whose shapes do not fit, positions of two ranks.

  Example:
    >>> one = jnp.ones(1)
    >>> at = jnp.array([0, 511])
    >>> fire_bias(at, at, one, 0 * one, one[:, None])[0, 1].round(3).tolist()
    [1.0, 0.0]

  References:
    Li et al. 2023, arXiv 2310.04418.
  """
  w1 = _checks.floats("w1", w1, "[W]", _MEND)
  hidden = {"W": w1.shape[0]}
  b1 = _checks.floats("b1", b1, "[W]", _MEND, sizes=hidden)
  w2 = jnp.asarray(_checks.floats("w2", w2, "[W, N]", _MEND, sizes=hidden))
  c, threshold = _checks.factor("c", c, _VMAP), _checks.factor("threshold", threshold, _VMAP)
  # Not the leaves' own dtype: bfloat16 cannot hold distances.
  dtype = _numerics.wide(w2)
  w1, b1, w2, c, threshold = (jnp.asarray(a).astype(dtype) for a in (w1, b1, w2, c, threshold))
  psi = lambda x: jnp.log1p(jnp.abs(c * x))
  far = jnp.asarray(distance(q_positions, k_positions)).astype(dtype)
  m = jnp.asarray(q_positions)[..., :, None].astype(dtype)
  x = psi(far) / (psi(jnp.maximum(jnp.abs(threshold), m)) + eps)
  last = (1,) * far.ndim + (-1,)
  hidden = jax.nn.relu(x[..., None] * w1.reshape(last) + b1.reshape(last))
  bias = jnp.einsum("...tsw,wn->...nts", hidden, w2)
  if b2 is None:
    return bias
  b2 = _checks.floats("b2", b2, "[N]", _MEND, sizes={"N": w2.shape[1]})
  return bias + jnp.asarray(b2).astype(dtype).reshape((1,) * (bias.ndim - 3) + (-1, 1, 1))


@encoding
class Fire(Encoding):
  """Adds a learned function of log distance over log query position to the scores.

  Args:
    w1, b1: ``[W]``, w2: ``[W, N]``: the network of W hidden values, parameters.
    b2: ``[N]``, a parameter, or None; of use only where scores meet more than a softmax.
    c: a parameter.
    multiplier: a parameter; multiplies ``threshold``, so that a value near 1 is learned.
    threshold: static, the paper's initial L.
    eps: static.

  Raises:
    TypeError: no networks, but a number of heads.
    ValueError: weights whose shapes do not fit.

  Example:
    >>> from posenc_jax import Tile
    >>> e = Fire.init(jax.random.key(0), num_heads=2)
    >>> at = Tile(q_positions=jnp.array([[4]]), k_positions=jnp.arange(5)[None])
    >>> e.bias(at).shape
    (1, 2, 1, 5)
  """

  w1: jax.Array = parameter()
  b1: jax.Array = parameter(None)  # None, so that a missing one gets the message below
  w2: jax.Array = parameter(None)
  b2: jax.Array | None = parameter(default=None)
  c: jax.typing.ArrayLike = parameter(default=0.1)
  multiplier: jax.typing.ArrayLike = parameter(default=1.0)
  threshold: float = static(default=512.0)
  eps: float = static(default=1e-6)

  def __post_init__(self):
    for name in ("w1", "b1", "w2"):
      shape = "[W, N]" if name == "w2" else "[W]"
      _checks.floats(name, getattr(self, name), shape, _MEND, stacked=True)
    w1, b1, w2 = (np.shape(a) for a in (self.w1, self.b1, self.w2))
    b2 = w2[-1:] if self.b2 is None else np.shape(self.b2)
    if (not w1 or len(w2) < 2 or w1 != b1 or w2[-2] != w1[-1] or b2[-1:] != w2[-1:]):
      raise _errors.value_error("w1, b1, w2, b2", f"shapes {w1}, {b1}, {w2}, {b2}",
                                "shapes [W], [W], [W, N], [N]",
                                _MEND)
    _errors.check_positive("threshold", self.threshold, "The paper starts at 512")

  @classmethod
  def init(cls, key, num_heads: int, *, hidden: int = 32, c: float = 0.1, threshold: float = 512.0,
           eps: float = 1e-6) -> "Fire":
    """Draws w and b from U(-1/sqrt(n), 1/sqrt(n)), n a layer's inputs: a PyTorch layer's start."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    hidden = _checks.size("hidden", hidden, "The paper's network has 32 hidden values")
    keys = jax.random.split(_checks.key(key), 3)
    draw = lambda k, inputs, *shape: jax.random.uniform(
        k, shape, jnp.float32, -(inputs**-0.5), inputs**-0.5)
    return cls(draw(keys[0], 1, hidden), draw(keys[1], 1, hidden),
               draw(keys[2], hidden, hidden, num_heads), None, c, 1.0, threshold, eps)

  def bias(self, tile):
    return fire_bias(tile.q_positions, tile.k_positions, self.w1, self.b1, self.w2, self.b2,
                     c=self.c, threshold=self.multiplier * self.threshold, eps=self.eps)
