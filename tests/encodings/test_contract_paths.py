# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every encoding on every path that accepts it: values and all gradients, against dense float64.

The TPU kernels run in their interpreter; what cuDNN is given goes to jax.nn's plain implementation
of the same arguments. The contract itself runs where no position is known on the host; here all
are, so that biases take the cheap forms: columns, strips.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from posenc_jax import _compat, testing
from posenc_jax.attention import semantics
from posenc_jax.attention.api import make_call
from posenc_jax.attention.fused import cudnn, splash
from posenc_jax.attention.fused import strip as tpu_strip
from posenc_jax.attention.tiles import rows
from posenc_jax.base import MODEL_HOOKS, WHOLE_ROWS
from tests.attention.test_dispatch import _plain
from tests.encodings.test_contract import CASES, CORE

T = 128


PATHS = {
    "rows": lambda call: rows.run(call._replace(tile_rows=48)),
    "cudnn": lambda call: cudnn.run(call, _plain),
    "splash": functools.partial(splash.run, interpret=True),
    "strip": functools.partial(tpu_strip.run, interpret=True),
}
OBSTACLES = {"cudnn": cudnn.obstacle, "splash": splash.obstacle, "strip": tpu_strip.obstacle}


def accepts(path: str, case: testing.Case) -> bool:
  """What each path says of itself: kernels take no whole rows, and a bias in one form only."""
  e = case.encoding
  if path == "rows":
    return True
  if any(e.has(hook) for hook in (*WHOLE_ROWS, "visible")):
    return False
  if not e.has("bias"):
    return True
  if path == "strip":
    return e.has("distance_bias") and not e.position_axes  # distances of one axis
  # Driven columns differ from head to head, which query heads that share keys cannot have.
  return e.has("bias_columns") and case.causal and e.layer_axes is None


# Known positions change what rows does with biases by distance; of the kernels, one of each kind.
# The others go the same way after their hooks, and take minutes to compile.
FAST = [("rows", "alibi"), ("rows", "chain"), ("rows", "t5"), ("rows", "made-up"), ("rows", "fox"),
        ("cudnn", "chain"), ("cudnn", "pope"), ("splash", "rotary"), ("splash", "alibi"),
        ("strip", "t5"), ("strip", "vo-rotary")]


def _call(case, encoding, weights, x, dtype=None):
  """The call that ``attend`` makes of a layer's tokens, all positions NumPy, and its output hook.

  Tables of 8 rows serve 128 tokens where positions repeat, which only a bias would tell apart.
  """
  tokens = np.arange(T, dtype=np.int32)
  index = np.broadcast_to(tokens if encoding.has("bias") else tokens % 8, x.shape[:2])
  x, positions = testing.embed(case, encoding, x, index)
  q, k, v, positions, _ = testing.project(case, encoding, weights, x, positions)
  q, k, v = (a if dtype is None else a.astype(dtype) for a in (q, k, v))
  call = make_call(q, k, v, encoding, q_positions=positions, k_positions=positions, q_order=tokens,
                   k_order=tokens, causal=case.causal, applied=(*MODEL_HOOKS, "qk", "values"))
  return call, lambda out: call.encoding.outputs(out, call.queries.positions)


def _arguments(case):
  return case.encoding, case.weights(), case.numbers("x", case.batch, T, case.d_model)


def _obstacle(case, path):
  found = []

  def trace(*args):
    found.append(OBSTACLES[path](_call(case, *args, dtype=jnp.bfloat16)[0]))

  jax.eval_shape(trace, *_arguments(case))
  return found[0]


@pytest.mark.parametrize("names", [CORE, pytest.param(set(CASES), marks=pytest.mark.slow)],
                         ids=["core", "all"])
def test_who_accepts_whom(names):
  cases = {name: CASES[name] for name in sorted(names)}
  for path in OBSTACLES:
    able = {name for name, make in cases.items() if _obstacle(make(), path) is None}
    assert able == {name for name, make in cases.items() if accepts(path, make())}, path
    assert {"none", "rotary", "alibi"} <= able and not {"cope", "dape-v2", "shaw", "ssmax"} & able
    assert ({"t5", "made-up"} <= able) == (path == "strip")


def _value_and_gradients(case, run, args):
  """The output and the gradients of all float arrays of args, by name."""
  leaves, tree = jax.tree_util.tree_flatten_with_path(args)
  names = [jax.tree_util.keystr(path) for path, _ in leaves]
  floats = {n: x for n, (_, x) in zip(names, leaves, strict=True)
            if jnp.issubdtype(jnp.result_type(x), jnp.floating)}

  def loss(floats):
    new = [floats.get(n, x) for n, (_, x) in zip(names, leaves, strict=True)]
    call, finish = _call(case, *jax.tree.unflatten(tree, new))
    out = finish(run(call))
    probe = case.numbers("probe", *out.shape).astype(out.dtype)
    return jnp.sum(out * probe), out

  gradients, out = jax.jit(jax.grad(loss, has_aux=True))(floats)
  return {"output": out, **gradients}


@pytest.mark.parametrize("path, name", FAST + [
    pytest.param(path, name, marks=pytest.mark.slow)
    for path in PATHS for name in CASES if (path, name) not in FAST])
def test_path_equals_dense_float64(path, name):
  case = CASES[name]()
  if not accepts(path, case):
    pytest.skip(f"{path} has an obstacle")
  got = _value_and_gradients(case, PATHS[path], _arguments(case))
  with _compat.enable_x64():
    wide = jax.tree.map(lambda x: jnp.asarray(np.asarray(x, np.float64))
                        if jnp.issubdtype(jnp.result_type(x), jnp.floating) else x,
                        _arguments(case))
    wanted = jax.tree.map(np.asarray, _value_and_gradients(case, semantics.run, wide))
  for what, w in wanted.items():
    np.testing.assert_allclose(np.asarray(got[what], np.float64), w, rtol=0,
                               atol=2e-4 * max(1, np.abs(w).max()), err_msg=what)
