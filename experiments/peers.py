# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The same work done by other packages, where they are installed.

Each function takes NumPy or JAX arrays and returns a function without arguments that does the work,
or raises ImportError. What a peer would prepare once (a dense bias, a compiled program) is prepared
once; what its user pays in each step is timed.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px


def dense_alibi(slopes: jax.Array, length: int, first: int = 0) -> jax.Array:
  """``[1, N, T, S]`` of the rows from ``first`` on, as users of ``jax.nn`` write it."""
  distance = jnp.arange(first, length)[:, None] - jnp.arange(length)[None]
  return -slopes[None, :, None, None] * jnp.abs(distance).astype(slopes.dtype)[None, None]


def dense_t5(table: jax.Array, length: int, first: int = 0) -> jax.Array:
  """``[1, N, T, S]`` of the rows from ``first`` on, gathered from a table ``[buckets, N]``."""
  relative = jnp.arange(length)[None] - jnp.arange(first, length)[:, None]
  bucket = px.t5_bucket(relative, bidirectional=False, num_buckets=table.shape[0])
  return jnp.moveaxis(jnp.take(table, bucket, axis=0), -1, 0)[None]


def jax_nn(q, k, v, leaf, dense):
  """``jax.nn.dot_product_attention`` with the dense bias computed from the leaf."""
  return jax.nn.dot_product_attention(q, k, v, dense(leaf, q.shape[1]), is_causal=True,
                                      implementation="xla")


def jax_nn_step(q, k, v, leaf, dense):
  """The same for one new token, which sees all keys."""
  return jax.nn.dot_product_attention(q, k, v, dense(leaf, k.shape[1], k.shape[1] - 1),
                                      implementation="xla")


def cudnn(q, k, v, leaf, dense):
  """cuDNN with the dense bias computed from the leaf."""
  return jax.nn.dot_product_attention(q, k, v, dense(leaf, q.shape[1]).astype(q.dtype),
                                      is_causal=True, implementation="cudnn")


def cudnn_without_bias(q, k, v, leaf, dense):
  """cuDNN's causal attention, which leaves the bias out: how far from free a bias is."""
  return jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation="cudnn")


def tokamax(q, k, v, leaf, dense):
  """tokamax's chunked attention with the dense bias."""
  import tokamax as library

  return library.dot_product_attention(q, k, v, bias=dense(leaf, q.shape[1]), is_causal=True,
                                       implementation="xla_chunked")


class Unmeasured(Exception):
  """Why a peer cannot be measured on this machine."""


def _torch_device() -> str:
  """Where torch must work for its times to be comparable with ours."""
  import torch

  if jax.default_backend() == "cpu":
    return "cpu"
  if jax.default_backend() == "gpu" and torch.cuda.is_available():
    return "cuda"
  raise Unmeasured(f"not measured: this torch has no {jax.default_backend()}")


def _torch(*arrays):
  import torch

  return [torch.from_numpy(np.array(x, np.float32)).to(_torch_device(), getattr(
    torch, str(x.dtype))) for x in arrays]


def _heads_first(q, k, v):
  return [x.transpose(1, 2).contiguous() for x in _torch(q, k, v)]


def _wanting_gradients(*tensors):
  for x in tensors:
    x.requires_grad_()
    x.grad = None


def torch_sdpa(q, k, v, bias, *, backward: bool, learned: bool = False) -> Callable:
  """torch's scaled_dot_product_attention, causal: by its flag, or in a dense bias prepared once.

  With ``learned`` the backward pass also gives the dense bias its gradient, as one that is learned
  needs it; its sum over diagonals is not timed.
  """
  import torch

  q, k, v = _heads_first(q, k, v)
  how = {"is_causal": True}
  if bias is not None:
    bias, = _torch(bias)
    bias = bias.to(q.dtype)  # CUDA's kernels take a bias of the queries' type alone.
    hidden = torch.ones(bias.shape[-2:], dtype=torch.bool, device=bias.device).triu(1)
    how = {"attn_mask": bias.masked_fill(hidden, float("-inf"))}
  attend = torch.nn.functional.scaled_dot_product_attention
  if not backward:
    def forward():
      with torch.no_grad():
        attend(q, k, v, **how)
    return forward
  wanted = [q, k, v, how["attn_mask"]] if learned else [q, k, v]

  def both():
    _wanting_gradients(*wanted)
    attend(q, k, v, **how).float().sum().backward()

  return both


def torch_flex(q, k, v, slopes, *, blocks: bool) -> Callable:
  """torch's compiled FlexAttention with causal ALiBi; it has no backward on CPUs.

  With ``blocks`` a block mask, made once, says which tiles causality leaves; without, the score
  function hides keys itself.
  """
  import torch
  from torch.nn.attention import flex_attention as flex

  q, k, v = _heads_first(q, k, v)
  slopes, = _torch(slopes)
  length = q.shape[2]

  def biased(value, batch, head, i, j):
    return value - slopes[head] * (i - j)

  def hidden(value, batch, head, i, j):
    return torch.where(i >= j, biased(value, batch, head, i, j), float("-inf"))

  mask = flex.create_block_mask(lambda b, h, i, j: i >= j, None, None, length, length,
                                device=_torch_device()) if blocks else None
  score = biased if blocks else hidden
  compiled = torch.compile(flex.flex_attention)

  def forward():
    with torch.no_grad():
      compiled(q, k, v, score_mod=score, block_mask=mask)

  return forward


def _torch_rotary(x):
  import torch

  x, = _torch(x)
  half = x.shape[-1] // 2
  angles = torch.outer(torch.arange(x.shape[1], device=x.device).float(),
                       10_000.0 ** (-torch.arange(half, device=x.device).float() / half))
  cos, sin = (torch.cat([f(angles)] * 2, -1)[None, :, None] for f in (torch.cos, torch.sin))

  def turn(x):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin

  return torch, x, turn


def torch_rotary(x, *, compiled: bool) -> Callable:
  """The usual half-split rotation with prepared cos and sin, eager or compiled."""
  torch, x, turn = _torch_rotary(x)
  turn = torch.compile(turn) if compiled else turn

  def forward():
    with torch.no_grad():
      return turn(x)

  return lambda: forward() is None


def equinox_rotary(x) -> Callable:
  """equinox's RotaryPositionalEmbedding, mapped over examples and heads."""
  import equinox

  rope = equinox.nn.RotaryPositionalEmbedding(x.shape[-1])
  turn = jax.jit(jax.vmap(jax.vmap(rope, 1, 1)))
  return lambda: turn(x)


def rotary_embedding_torch(x) -> Callable:
  """rotary-embedding-torch's rotation of ``[B, N, T, H]``."""
  import torch
  from rotary_embedding_torch import RotaryEmbedding

  rope = RotaryEmbedding(dim=x.shape[-1]).to(_torch_device())
  x, = _torch(x)
  x = x.transpose(1, 2).contiguous()

  def forward():
    with torch.no_grad():
      return rope.rotate_queries_or_keys(x) is None

  return forward


def positional_encodings(length: int, dim: int) -> Callable:
  """The table of the package positional-encodings, its cache emptied each time."""
  import torch
  from positional_encodings.torch_encodings import PositionalEncoding1D

  where = _torch_device()
  encoder, x = PositionalEncoding1D(dim).to(where), torch.zeros(1, length, dim, device=where)

  def forward():
    encoder.cached_penc = None
    return encoder(x) is None

  return forward


def plain_table(positions, dim: int) -> jax.Array:
  """The table as plain float32 jax.numpy, inexact at long positions."""
  frequencies = jnp.exp(-np.float32(np.log(10_000.0)) * jnp.arange(0, dim, 2) / dim)
  angles = positions[:, None].astype(jnp.float32) * frequencies[None]
  return jnp.stack([jnp.sin(angles), jnp.cos(angles)], -1).reshape(len(positions), dim)


def reusing(function, *args) -> Callable:
  """``function(*args)`` compiled, each result written where the one before it was.

  New memory costs a pass over it that no function can be faster than, and programs that run more
  than one operation rarely ask for any.
  """
  out = jax.eval_shape(function, *args)
  compiled = jax.jit(lambda old, *args: function(*args), donate_argnums=0, keep_unused=True)
  held = [jnp.zeros(out.shape, out.dtype)]

  def call():
    held[0] = compiled(held[0], *args)
    return held[0]

  return call
