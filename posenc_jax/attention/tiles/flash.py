# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention in tiles of whole rows with derivatives of its own, in every mode and of any order.

The derivative of the output is a linear map L of the tangents. ``passes.backward`` is its transpose
by hand, which is what a gradient runs; L itself, for forward mode, is what JAX makes of ``plain``.
``jax.lax.custom_linear_solve`` ties the two together, as it is the one public function with rules
for jvp, vmap and transposition that takes a map and its transpose: it "solves" M^-1 x = b for the
block matrix M = [[1, 0], [L, 1]], whose inverse is [[1, 0], [-L, 1]], at b = (tangents, 0). What it
differentiates again is that inverse, so second derivatives go through ``plain`` as well.
"""

import functools

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from posenc_jax.attention.tiles import passes
from posenc_jax.attention.tiles.plain import plain
from posenc_jax.attention.tiles.work import Masking, Work


def flash(work: Work, q, k, v, scale, data, masking: Masking):
  """Attention of q ``[B, T, N, H]`` to k ``[B, S, K, H]``, v ``[B, S, K, H']``.

  Args:
    work: static.
    q, k, v: arrays.
    scale: scalar, multiplies q k^T.
    data: what the form computes the bias from; gets gradients.
    masking: what hides pairs.

  Returns:
    ``[B, T, N, H']`` of q's dtype.
  """
  return _with_sums(work, (q, k, v, scale, data), masking)[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _with_sums(work, numbers, masking):
  """The output and its rows' log-sums, which have no derivative: only derivatives read them."""
  return _forward(work, numbers, masking)


@functools.partial(_with_sums.defjvp, symbolic_zeros=True)
def _derivative(work, primals, tangents):
  numbers, masking = primals
  out, sums = _with_sums(work, numbers, masking)
  known = lambda x: isinstance(x, SymbolicZero)
  leaves = jax.tree.leaves(tangents[0], is_leaf=known)
  moved = tuple(i for i, x in enumerate(leaves) if not known(x))
  if not moved:
    return (out, sums), (jnp.zeros_like(out), jnp.zeros_like(sums))
  tangent = _linear(work, moved, numbers, masking, (out, sums), [leaves[i] for i in moved])
  return (out, sums), (tangent, jnp.zeros_like(sums))


# Compiled, as are the two below, so that layers of one shape are traced once.
@functools.partial(jax.jit, static_argnums=(0, 1))
def _linear(work, moved, numbers, masking, kept, tangents):
  """L of the tangents of those leaves of ``numbers`` that move."""
  out, _ = kept
  push = lambda t: _push(work, moved, numbers, masking, t)
  pull = lambda c: _pull(work, moved, numbers, masking, kept, c)
  one = _one(numbers, out)

  def inverse(x):
    t, o = x
    return [one.astype(y.dtype) * y for y in t], one.astype(o.dtype) * o - push(t)

  def solve(_, b):
    t, o = b
    return t, o + push(t)

  def transposed(_, x):
    a, c = x
    return [y + z.astype(y.dtype) for y, z in zip(a, pull(c), strict=True)], c

  # The zeros must hang on the tangents: all of b is transposed, or none of it.
  nothing = jnp.broadcast_to(jnp.where(False, sum(jnp.sum(t.astype(out.dtype)) for t in tangents),
                                       0).astype(out.dtype), out.shape)
  return jax.lax.custom_linear_solve(inverse, (tangents, nothing), solve, transposed)[1]


def _one(numbers, out):
  """A one that hangs on all numbers: where one of them moves, every part of M^-1 does.

  Otherwise the parts that stay would be constants in the second derivative's right-hand side, of
  which all is transposed, or none.
  """
  floats = [x for x in jax.tree.leaves(numbers) if jnp.issubdtype(jnp.result_type(x), jnp.inexact)]
  total = sum(jnp.sum(jnp.asarray(x)).astype(jnp.float32) for x in floats)
  return jnp.where(False, total, jnp.ones((), jnp.float32))


@functools.partial(jax.jit, static_argnums=0)
def _forward(work, numbers, masking):
  return passes.forward(work, *numbers, masking=masking)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _push(work, moved, numbers, masking, tangents):
  """L: the derivative of the output along the tangents."""
  leaves, tree = jax.tree.flatten(numbers)

  def of_moved(some):
    new = list(leaves)
    for i, x in zip(moved, some, strict=True):
      new[i] = x
    return plain(work, *jax.tree.unflatten(tree, new), masking=masking)

  return jax.jvp(of_moved, ([leaves[i] for i in moved],), (tangents,))[1]


@functools.partial(jax.jit, static_argnums=(0, 1))
def _pull(work, moved, numbers, masking, kept, d_out):
  """The transpose of L: gradients of those leaves that move."""
  gradients = passes.backward(work, *(*numbers, masking, *kept, d_out))
  # Not its leaves: in place of the gradient of an integer there is None.
  each = jax.tree.structure(numbers).flatten_up_to(gradients)
  return [each[i] for i in moved]
