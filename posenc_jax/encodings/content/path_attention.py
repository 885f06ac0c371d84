# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""PaTH: products of Householder-like maps between key and query (hooks ``layer``, ``scores``).

Yang et al. 2025, "PaTH Attention", arXiv 2505.16381: z_mn = q_m^T H_m .. H_(n+1) k_n with
H_t = I - b_t w_t w_t^T, w_t of length one from a short convolution, b_t in (0, 2).
Differs from the paper: the maps act on the query while it walks back over blocks of keys, so cached
keys are final; the paper's decoder rewrites them. Hidden keys do not act. For the variant that
forgets, chain ``Fox`` behind it.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks, _convolution
from posenc_jax.encodings.content import _tables

_MEND = "Build it with PathAttention.init(key, d_model, num_heads, head_dim)"
_NAMES = {"w_in": "[D, R]", "w_out": "[R, K, H]", "kernel": "[taps, K, H]",
          "beta_weight": "[D, K]", "beta_bias": "[K]"}
_BLOCK = 16  # keys that one step of the walk takes


def path_products(q: jax.Array, k: jax.Array, w: jax.Array, beta: jax.Array,
                  mask: jax.Array | None, *, block: int = _BLOCK) -> jax.Array:
  """q_m^T H_m .. H_(n+1) k_n, H_t = I - beta_t w_t w_t^T, over the visible keys t after n.

  Args:
    q: ``[..., T, N, H]``. k, w: ``[..., S, N, H]``; keys in order along S.
    beta: ``[..., S, N]``.
    mask: None or bool ``[..., 1 or N, T, S]``, True where visible; hidden keys do not act.
    block: keys of one step; memory grows with it, the number of steps falls.

  Returns:
    ``[..., N, T, S]``, arbitrary at hidden keys; float32, or float64 for float64 q.

  Raises:
    TypeError: a mask that is not bool.

  Example:
    >>> one = jnp.array([[[1.0, 0.0]]])
    >>> twice = jnp.concatenate([one, one])
    >>> path_products(one, twice, twice, jnp.full((2, 1), 0.5), None).tolist()
    [[[0.5, 1.0]]]

  References:
    Yang et al. 2025, arXiv 2505.16381, section 3; the triangular form of products of such maps is
    the WY representation of Bischof and Van Loan.
  """
  return _products(q, k, w, beta, _checks.mask(mask), block=block)


# Compiled as one: outside of jit, the two loops would otherwise be many small programs.
@functools.partial(jax.jit, static_argnames="block")
def _products(q, k, w, beta, mask, block):
  dtype = _numerics.wide(q)
  heads_first = lambda x: jnp.moveaxis(jnp.asarray(x).astype(dtype), -3, -2)  # [..., N, T, H]
  q, k, w = heads_first(q), heads_first(k), heads_first(w)
  beta = jnp.swapaxes(beta.astype(dtype), -1, -2)
  length, count = k.shape[-2], -(-k.shape[-2] // block)
  shape = (*q.shape[:-1], length)
  seen = jnp.ones(shape, dtype) if mask is None else jnp.broadcast_to(mask, shape).astype(dtype)
  pad = lambda x, axis: jnp.pad(x, [(0, count * block - length if i == axis % x.ndim else 0)
                                    for i in range(x.ndim)])
  cut = lambda x, axis: jnp.moveaxis(x.reshape(
      *x.shape[:axis % x.ndim], count, block, *x.shape[axis % x.ndim + 1:]), axis % x.ndim, 0)
  blocks = [cut(pad(x, a), a) for x, a in ((k, -2), (w, -2), (beta, -1), (seen, -1))]
  # Nothing but u at the border of each block is kept for the backward pass.
  _, out = jax.lax.scan(jax.checkpoint(_walk), q, tuple(blocks), reverse=True)
  out = jnp.moveaxis(out, 0, -2)
  return out.reshape(*out.shape[:-2], count * block)[..., :length]


def _walk(u, parts):
  """Products of u with the keys of one block, and u behind the block."""
  k, w, beta, seen = parts
  d = jnp.einsum("...th,...ch->...tc", u, w) * beta[..., None, :]
  between = jnp.einsum("...sh,...ch->...sc", w, w) * beta[..., None, :]
  # x of key c, what it takes from each query, is 0 where hidden and follows from those after c.
  columns = [jnp.moveaxis(a, -1, 0) for a in (d, between, seen)]
  own = np.eye(k.shape[-2], dtype=np.bool_)
  x, _ = jax.lax.scan(_take, jnp.zeros_like(d), (*columns, own), reverse=True)
  met = jnp.tril(jnp.einsum("...sh,...ch->...sc", w, k), -1)
  out = jnp.einsum("...th,...ch->...tc", u, k) - jnp.einsum("...ts,...sc->...tc", x, met)
  return u - jnp.einsum("...tc,...ch->...th", x, w), out


def _take(x, parts):
  """x with one more column; those before it are still zero."""
  d, between, seen, own = parts
  step = (d - jnp.einsum("...ts,...s->...t", x, between)) * seen
  return jnp.where(own.reshape((1,) * (x.ndim - 1) + (-1,)), step[..., None], x), None


@encoding
class PathAttention(Encoding):
  """Puts q_m^T H_m .. H_(n+1) k_n in the place of q_m . k_n; causal attention only.

  A layer calls ``layer`` on its input, uses the positions that it returns as this layer's, and
  caches them beside the keys; ``carry`` holds the convolution's last rows.

  Args:
    w_in, w_out, kernel, beta_weight, beta_bias: parameters ``[D, R]``, ``[R, K, H]``,
      ``[taps, K, H]``, ``[D, K]``, ``[K]``: w = l2norm(silu(conv(x W_in W_out))) and
      b = 2 sigmoid(x W_b + c), for K groups of query heads. kernel[0] meets the token itself.
    num_heads: static, N, a multiple of K.

  Raises:
    TypeError: fields without floats.
    ValueError: shapes that do not fit.

  Example:
    >>> e = PathAttention.init(jax.random.key(0), 6, num_heads=2, head_dim=4)
    >>> e.layer(jnp.ones((5, 6)), jnp.arange(5))[1].shape
    (5, 2, 5)
  """

  w_in: jax.Array = parameter()
  w_out: jax.Array = parameter(None)  # None, so that a missing one gets the message below
  kernel: jax.Array = parameter(None)
  beta_weight: jax.Array = parameter(None)
  beta_bias: jax.Array = parameter(None)
  num_heads: int = static(default=1)

  relative = True
  layer_axes = 2
  keys_in_order = True

  def __post_init__(self):
    sizes: dict[str, int] = {}
    for name, letters in _NAMES.items():
      x = _checks.floats(name, getattr(self, name), letters, _MEND, sizes=sizes, stacked=True)
      names = letters.strip("[]").split(", ")
      sizes |= dict(zip(names, np.shape(x)[-len(names):], strict=True))
    if _checks.size("num_heads", self.num_heads, "Pass the query heads N") % sizes["K"]:
      raise _errors.value_error("num_heads", self.num_heads, f"a multiple of K = {sizes['K']}",
                                _MEND)

  @classmethod
  def init(cls, key, d_model: int, num_heads: int, head_dim: int, *, groups: int | None = None,
           rank: int = 32, taps: int = 3, stddev: float = 0.02) -> "PathAttention":
    """Draws all weights from N(0, stddev^2), but the kernel's: U(-1/sqrt(taps), 1/sqrt(taps))."""
    groups = num_heads if groups is None else groups
    d, n, h, g, r, t = (_checks.size(name, size, "Pass sizes as ints") for name, size in (
        ("d_model", d_model), ("num_heads", num_heads), ("head_dim", head_dim),
        ("groups", groups), ("rank", rank), ("taps", taps)))
    keys = jax.random.split(_checks.key(key), 4)
    draw = lambda k, *shape: jax.random.normal(k, shape, jnp.float32) * stddev
    kernel = jax.random.uniform(keys[2], (t, g, h), jnp.float32, -(t**-0.5), t**-0.5)
    return cls(draw(keys[0], d, r), draw(keys[1], r, g, h), kernel, draw(keys[3], d, g),
               jnp.zeros(g, jnp.float32), n)

  def align(self, positions, batch, length, argument="positions"):
    groups, dim = np.shape(self.w_out)[-2:]
    if np.shape(positions)[-2:] != (groups, dim + 1):
      raise _errors.value_error(argument, f"shape {np.shape(positions)}",
                                f"driven positions [..., T, {groups}, {dim + 1}]",
                                "Pass what layer(x, positions) returned for these tokens")
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    dtype = _numerics.wide(x)
    wide, flat = x.astype(dtype), (*x.shape[:-1], -1)
    w_in, w_out, b = (jnp.asarray(a).astype(dtype)
                      for a in (self.w_in, self.w_out, self.beta_weight))
    y = jnp.einsum("...d,dr,rgh->...gh", wide, w_in, w_out)
    shape = y.shape
    kernel = jnp.asarray(self.kernel).astype(dtype).reshape(self.kernel.shape[0], -1)
    y, carry = _convolution.convolve(y.reshape(flat), kernel, positions, carry, segments)
    y = jax.nn.silu(y).reshape(shape)
    w = y * jax.lax.rsqrt(jnp.sum(y * y, axis=-1, keepdims=True) + 1e-6)
    logits = jnp.einsum("...d,dg->...g", wide, b)
    bias = jnp.asarray(self.beta_bias).astype(dtype).reshape((1,) * (x.ndim - 1) + (-1,))
    beta = 2 * jax.nn.sigmoid(logits + bias)
    return x, jnp.concatenate([w, beta[..., None]], axis=-1), carry

  def scores(self, scores, tile):
    heads, dtype = scores.shape[-3], _numerics.wide(tile.q)
    if heads != self.num_heads:
      raise _errors.value_error("num_heads", self.num_heads, f"the {heads} heads of the scores",
                                _MEND)
    k = _tables.for_heads(tile.k, heads).astype(dtype)
    at = _tables.for_heads(tile.k_positions, heads)
    z = path_products(tile.q, k, at[..., :-1], at[..., -1], tile.mask)
    z = z - jnp.einsum("...tnh,...snh->...nts", tile.q.astype(dtype), k)
    return scores + (z * jnp.asarray(tile.scale).astype(dtype)).astype(scores.dtype)
