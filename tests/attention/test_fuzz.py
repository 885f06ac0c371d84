# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Random calls against float64 arrays written from the papers: values, and gradients of all floats.

Every encoding, chains of two and three, wrappers, masks, orders, segments, lengths, prefixes,
windows, dtypes of floats and integers, implementations, tiles, 0 to 3 batch axes, grouped heads,
T = 1, S = 0, T > S, positions of every kind. A failure prints the call; its seed makes it again.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from posenc_jax._compat import enable_x64
from tests.support import fuzz_calls
from tests.support.fuzz_calls import Trial, is_float

# Compiles in a quarter of the time; every fifth call is optimised as users' calls are.
_CHEAP = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
TOLERANCES = {np.float64: 2e-8, np.float32: 1e-4, jnp.bfloat16: 0.06}


def _near(got, wanted, tolerance, noise=0.0):
  got = np.asarray(got).astype(np.float64)
  assert got.shape == wanted.shape
  worst = np.max(np.abs(got - wanted) / (1 + np.abs(wanted)), initial=0.0)
  assert worst <= tolerance + noise, f"off by {worst:.3g}, allowed {tolerance:.3g} + {noise:.3g}"


def _noise(trial, floats, wanted, dtype) -> float:
  """How far the oracle moves when q, k and v move by a rounding of their dtype."""
  rng, eps = np.random.default_rng(0), float(jnp.finfo(dtype).eps)
  moved = [np.asarray(x, np.float64) * (1 + eps * rng.choice([-1, 1], x.shape)) for x in floats[:3]]
  new = fuzz_calls.oracle(trial, (*moved, *floats[3:]))
  return 8 * float(np.max(np.abs(new - wanted) / (1 + np.abs(wanted)), initial=0.0))


def check_values(trial: Trial, dtype, compiled) -> None:
  floats = fuzz_calls.cast(trial.floats, dtype)
  arrays = [trial.known[name] for name in trial.traced]
  split = lambda tree: [x if is_float(x) else None for x in jax.tree.leaves(tree)]
  leaves, tree = jax.tree.flatten(floats)
  call = lambda new, arrays: fuzz_calls.run(trial, jax.tree.unflatten(
      tree, [b if a is None else a for a, b in zip(new, leaves, strict=True)]), arrays)
  got = compiled(call)(split(floats), arrays)
  wanted = fuzz_calls.oracle(trial, floats)
  _near(got, wanted, TOLERANCES[dtype], _noise(trial, floats, wanted, dtype))


def check_gradients(trial: Trial, rng: np.random.Generator, compiled) -> None:
  """Values, and gradients along a random direction of all floats at once, in float64."""
  leaves, tree = jax.tree.flatten(trial.floats)
  arrays = [trial.known[name] for name in trial.traced]
  join = lambda new: jax.tree.unflatten(
      tree, [b if a is None else a for a, b in zip(new, leaves, strict=True)])
  base = [np.asarray(x, np.float64) if is_float(x) else None for x in leaves]
  wanted = fuzz_calls.oracle(trial, join(base))
  weight = rng.standard_normal(wanted.shape)

  def loss(new, arrays):
    out = fuzz_calls.run(trial, join(new), arrays)
    return jnp.sum(out * weight), out

  (_, got), gradients = compiled(jax.value_and_grad(loss, has_aux=True))(base, arrays)
  _near(got, wanted, TOLERANCES[np.float64])
  directions = [None if x is None else rng.standard_normal(x.shape) for x in base]
  moved = lambda step, only=None: [x if d is None or only not in (None, i) else x + step * d
                                   for i, (x, d) in enumerate(zip(base, directions, strict=True))]

  def slopes(only=None):
    step = 1e-6
    up, down = (np.sum(weight * fuzz_calls.oracle(trial, join(moved(sign * step, only))))
                for sign in (1, -1))
    pairs = zip(gradients, directions, strict=True)
    own = sum(np.sum(np.asarray(g) * d) for i, (g, d) in enumerate(pairs)
              if d is not None and only in (None, i))
    return own, (up - down) / (2 * step)

  own, other = slopes()
  if abs(own - other) > 1e-5 * (1 + abs(other)):
    raise AssertionError(f"gradients: {own:.8g}, by differences {other:.8g}; by leaf " + str(
        {i: slopes(i) for i, d in enumerate(directions) if d is not None}))


def check(seed: int) -> None:
  """One random call: gradients in float64 for half of them, values in each dtype for the rest."""
  rng = np.random.default_rng([2026, seed])
  compiled = functools.partial(jax.jit, compiler_options=None if seed % 5 == 0 else _CHEAP)
  with enable_x64():
    trial = fuzz_calls.draw(rng)
    try:
      if rng.random() < 0.5:
        check_gradients(trial, rng, compiled)
      else:
        check_values(trial, list(TOLERANCES)[rng.integers(3)], compiled)
    except Exception as error:
      raise AssertionError(f"call {seed}: {trial}") from error


@pytest.mark.parametrize("block", range(2))
def test_a_few_random_calls(block):
  for seed in range(6 * block, 6 * block + 6):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_random_calls(block):
  for seed in range(100 + 50 * block, 150 + 50 * block):
    check(seed)
