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

import posenc_jax as px
from posenc_jax import _compat, testing
from posenc_jax.attention.api import _ready
from posenc_jax.attention.fused import cudnn, splash
from posenc_jax.attention.fused import strip as tpu_strip
from posenc_jax.attention.tiles import rows
from tests.attention.test_dispatch import _plain
from tests.encodings.test_contract import CASES, VARIANTS

T = 128


PATHS = {
    "rows": lambda call: rows.rows(*call[:8], tile=48),
    "cudnn": lambda call: cudnn.cudnn(call, _plain),
    "splash": functools.partial(splash.splash, interpret=True),
    "strip": functools.partial(tpu_strip.strip, interpret=True),
}
OBSTACLES = {"cudnn": cudnn.obstacle, "splash": splash.obstacle, "strip": tpu_strip.obstacle}

# What adds no bias, or maps neither whole rows of scores nor their weights.
UNBIASED = {
    "none", "sinusoidal", "sinusoidal-halves", "learned", "rotary", "rotary-partial-interleaved",
    "rotary-learned", "randomized", "pope", "vo-rotary", "rotary-and-vo-rotary", "m-rotary",
    "m-rotary-interleaved", "log-n"}
COLUMNS = {"alibi", "chain", "alibi-log-n"}
DISTANCES = COLUMNS | {"alibi-bidirectional", "t5", "t5-bidirectional", "made-up"}
ACCEPTS = {"rows": set(CASES), "splash": UNBIASED | COLUMNS, "cudnn": UNBIASED | COLUMNS,
           "strip": UNBIASED | DISTANCES}
# Known positions change what rows does with these; of the kernels, one of each kind. The others
# go the same way after their hooks, and take minutes to compile.
FAST = {("rows", n) for n in (DISTANCES | {"fox"}) - VARIANTS} | {
    ("cudnn", "chain"), ("cudnn", "pope"), ("splash", "rotary"), ("splash", "alibi"),
    ("strip", "t5"), ("strip", "vo-rotary")}


def _call(case, encoding, weights, x, dtype=None):
  """The call that ``attend`` makes of a layer's tokens, all positions NumPy, and its output hook.

  Tables of 8 rows serve 128 tokens where positions repeat, which only a bias would tell apart.
  """
  tokens = np.arange(T, dtype=np.int32)
  index = np.broadcast_to(tokens if encoding.has("bias") else tokens % 8, x.shape[:2])
  x, positions = testing.embed(case, encoding, x, index)
  q, k, v, positions, _ = testing.project(case, encoding, weights, x, positions)
  q, k, v = (a if dtype is None else a.astype(dtype) for a in (q, k, v))
  call = _ready(q, k, v, encoding, q_positions=positions, k_positions=positions, q_order=tokens,
                k_order=tokens, causal=case.causal, prepared=True)
  return call.one_batch(), lambda out: call.encoding.outputs(out, call.q_positions)


def _arguments(case):
  return case.encoding, case.weights(), case.numbers("x", case.batch, T, case.width)


def _obstacle(case, path):
  found = []

  def trace(*args):
    found.append(OBSTACLES[path](_call(case, *args, dtype=jnp.bfloat16)[0]))

  jax.eval_shape(trace, *_arguments(case))
  return found[0]


def test_who_accepts_whom():
  for path in OBSTACLES:
    able = {name for name, make in CASES.items() if _obstacle(make(), path) is None}
    assert able == ACCEPTS[path], path


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


def _reference(call):
  return px.attention.reference.reference(*call[:8])


@pytest.mark.parametrize("path, name", [
    pytest.param(path, name, marks=() if (path, name) in FAST else pytest.mark.slow)
    for path in PATHS for name in CASES if name in ACCEPTS[path]])
def test_path_equals_dense_float64(path, name):
  case = CASES[name]()
  got = _value_and_gradients(case, PATHS[path], _arguments(case))
  with _compat.enable_x64():
    wide = jax.tree.map(lambda x: jnp.asarray(np.asarray(x, np.float64))
                        if jnp.issubdtype(jnp.result_type(x), jnp.floating) else x,
                        _arguments(case))
    wanted = jax.tree.map(np.asarray, _value_and_gradients(case, _reference, wide))
  for what, w in wanted.items():
    np.testing.assert_allclose(np.asarray(got[what], np.float64), w, rtol=0,
                               atol=2e-4 * max(1, np.abs(w).max()), err_msg=what)
