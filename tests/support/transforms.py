# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What JAX's transforms make of one attention call, as functions from a call to arrays."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px

B, N, K, H = 2, 4, 2, 4
TABLE = np.random.default_rng(3).standard_normal((8, N)).astype(np.float32)


def t5():
  return px.T5Bias(jnp.asarray(TABLE), False, 16)


# One for each form of the bias in tiles of rows: none, columns, a strip of distances, any bias (by
# positions, and from q), whole rows. A True says that positions are traced.
ENCODINGS = {
  "none": (lambda: px.Encoding(), False),
  "alibi": (lambda: px.Alibi(slopes=jnp.asarray([0.5, 0.1, 0.03, 0.9])), False),
  "t5": (t5, False),
  "t5 traced": (t5, True),
  "shaw": (lambda: px.Shaw.init(jax.random.key(1), H, max_distance=4, stddev=1.0), False),
  "shaw keys": (lambda: px.Shaw.init(jax.random.key(1), H, max_distance=4, values=False,
                                     stddev=1.0), False),
  "cope": (lambda: px.Cope.init(jax.random.key(2), num_positions=8, head_dim=H), False),
}


def numbers(length: int, encoding, batch: int = B):
  """(q, k, v, floats of the encoding), drawn; all of it is differentiated."""
  rng = np.random.default_rng(length)
  draw = lambda heads: jnp.asarray(rng.standard_normal((batch, length, heads, H)), jnp.float32)
  floats = [x for x in jax.tree.leaves(encoding) if jnp.issubdtype(x.dtype, jnp.floating)]
  return draw(N), draw(K), draw(K), floats


def call(encoding, traced: bool, implementation: str):
  """attend as a function of ``numbers``, causal; positions traced where asked."""
  leaves, tree = jax.tree.flatten(encoding)

  def run(x, positions):
    q, k, v, floats = x
    floats = iter(floats)
    new = [next(floats) if jnp.issubdtype(y.dtype, jnp.floating) else y for y in leaves]
    return px.attend(q, k, v, jax.tree.unflatten(tree, new), causal=True, q_positions=positions,
                     k_positions=positions, implementation=implementation)

  if not traced:
    return lambda x: run(x, None)
  return lambda x: jax.jit(run)(x, jnp.arange(x[0].shape[-3], dtype=jnp.int32))


def _direction(x):
  """A tangent of x that is neither x nor constant."""
  return jax.tree.map(lambda y: jnp.cos(3 * y), x)


def _loss(f):
  return lambda x: jnp.sum(jnp.sin(f(x)))


def _few(f, x):
  """A function of 2 numbers that has 3: for whole Jacobians."""
  def g(few):
    moved = jax.tree.map(lambda y: few[0] * y + few[1] * jnp.cos(y), x)
    return jnp.mean(jnp.sin(f(moved)), axis=(0, 1, 2))[:3]
  return g, jnp.asarray([1.0, 0.1])


def _stacked(x):
  return jax.tree.map(lambda y: jnp.stack([y, 2 * y, -y], axis=-1), x)


def _reverse_twice(f, x):
  inner = jax.grad(_loss(f))
  dot = lambda x: sum(jnp.sum(a * b) for a, b in zip(
      jax.tree.leaves(inner(x)), jax.tree.leaves(_direction(x)), strict=True))
  return jax.grad(dot)(x)


def _scan(f, x):
  def layer(q, shift):
    return q + f((q + shift, *x[1:])), jnp.sum(q)
  return lambda q: jax.lax.scan(layer, q, jnp.asarray([0.1, 0.2, 0.3]))


def _scan_grad(f, x):
  return jax.value_and_grad(lambda q: jnp.sum(_scan(f, x)(q)[0] ** 2))(x[0])


# Name: function of (attend as a function of x, x).
TRANSFORMS = {
  "value": lambda f, x: f(x),
  "jit": lambda f, x: jax.jit(f)(x),
  "grad": lambda f, x: jax.grad(_loss(f))(x),
  "jit of grad": lambda f, x: jax.jit(jax.grad(_loss(f)))(x),
  "grad of q alone": lambda f, x: jax.grad(lambda q: _loss(f)((q, *x[1:])))(x[0]),
  "vjp": lambda f, x: jax.vjp(f, x)[1](jnp.cos(x[0])),
  "jvp": lambda f, x: jax.jvp(f, (x,), (_direction(x),)),
  "jit of jvp": lambda f, x: jax.jit(lambda x: jax.jvp(f, (x,), (_direction(x),)))(x),
  "linearize": lambda f, x: jax.linearize(f, x)[1](_direction(x)),
  "jacfwd": lambda f, x: jax.jacfwd(_few(f, x)[0])(_few(f, x)[1]),
  "jacrev": lambda f, x: jax.jacrev(_few(f, x)[0])(_few(f, x)[1]),
  "hessian": lambda f, x: jax.hessian(_few(f, x)[0])(_few(f, x)[1]),
  "forward over reverse": lambda f, x: jax.jvp(jax.grad(_loss(f)), (x,), (_direction(x),))[1],
  "reverse over reverse": _reverse_twice,
  "jit of reverse over reverse": lambda f, x: jax.jit(functools.partial(_reverse_twice, f))(x),
  "reverse over forward": lambda f, x: jax.grad(
      lambda x: jnp.sum(jax.jvp(f, (x,), (_direction(x),))[1] ** 2))(x),
  "vmap": lambda f, x: jax.vmap(f, in_axes=-1, out_axes=1)(_stacked(x)),
  "vmap of q alone": lambda f, x: jax.vmap(lambda q: f((q, *x[1:])))(jnp.stack([x[0], -x[0]])),
  "vmap of grad": lambda f, x: jax.vmap(jax.grad(_loss(f)), in_axes=-1, out_axes=-1)(_stacked(x)),
  "vmap of grad of the encoding": lambda f, x: jax.vmap(
      lambda e: jax.grad(lambda q: _loss(f)((q, *x[1:3], e)))(x[0]), -1)(_stacked(x[3])) if x[3]
      else (),
  "grad of vmap": lambda f, x: jax.grad(lambda x: jnp.sum(jax.vmap(f, -1)(_stacked(x)) ** 2))(x),
  "vmap of jvp": lambda f, x: jax.vmap(
      lambda x: jax.jvp(f, (x,), (_direction(x),))[1], -1)(_stacked(x)),
  "checkpoint": lambda f, x: jax.grad(_loss(jax.checkpoint(f)))(x),
  "jit of checkpoint": lambda f, x: jax.jit(jax.grad(_loss(jax.checkpoint(
      f, policy=jax.checkpoint_policies.dots_saveable))))(x),
  "scan": lambda f, x: _scan(f, x)(x[0]),
  "grad of scan": _scan_grad,
}
