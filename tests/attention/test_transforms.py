# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every transform of JAX by every implementation, so that ``auto`` changes no program's meaning.

What is few tokens to one is many to another: ``auto`` is dense for T=8 and runs tiles for T=64, and
both must do whatever JAX asks.
"""

import functools
import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from jax.test_util import check_grads

import posenc_jax as px
from posenc_jax import _compat
from posenc_jax.attention.tiles import rows as rows_lib
from tests.support import transforms
from tests.support.transforms import ENCODINGS, TRANSFORMS


@pytest.fixture(autouse=True)
def cheap_compiles():
  """Each program runs once, on few tokens."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


def _same(got, wanted):
  assert jax.tree.structure(got) == jax.tree.structure(wanted)
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, atol=3e-5 * (1 + float(jnp.abs(b).max(initial=0))))


@functools.cache
def _wanted(transform, name, length):
  make, traced = ENCODINGS[name]
  encoding = make()
  return TRANSFORMS[transform](transforms.call(encoding, traced, "reference"),
                               transforms.numbers(length, encoding))


# Of the whole table every day: what is hardest, for one encoding of each form of a bias.
HARD = ("jvp", "jit of reverse over reverse", "vmap of grad")
FORMS = ("none", "alibi", "t5", "t5 traced")


def _cases():
  for transform in TRANSFORMS:
    for name in ENCODINGS:
      for implementation in ("rows", "auto"):
        for length in (8, 64):
          daily = (transform in HARD and name in FORMS
                   and (implementation, length) == ("rows", 64))
          yield pytest.param(transform, name, implementation, length,
                             marks=[] if daily else pytest.mark.slow)


@pytest.mark.parametrize("transform, name, implementation, length", list(_cases()))
def test_equals_the_reference(transform, name, implementation, length):
  make, traced = ENCODINGS[name]
  encoding = make()
  got = TRANSFORMS[transform](transforms.call(encoding, traced, implementation),
                              transforms.numbers(length, encoding))
  _same(got, _wanted(transform, name, length))


@pytest.mark.slow
def test_the_reference_has_right_derivatives():
  """It is the measure of the rest: against differences of float64 values."""
  with _compat.enable_x64():
    for name in ENCODINGS:
      make, traced = ENCODINGS[name]
      wide = lambda x: x.astype(jnp.float64) if x.dtype == jnp.float32 else x
      encoding = jax.tree.map(wide, jax.tree.map(jnp.asarray, make()))
      x = jax.tree.map(wide, transforms.numbers(8, encoding))
      f = transforms.call(encoding, traced, "reference")
      check_grads(f, (x,), order=2, atol=1e-5, rtol=1e-5)


# Work that is cut in more ways than the table's: the last tile is shorter, keys are left out on
# either side, rows see nothing, examples and heads take turns.
SHAPES = {
  "a shorter last tile": (21, 21, {"causal": True}),
  "a window": (21, 21, {"causal": True, "window": (4, 0)}),
  "both sides": (21, 21, {"window": (3, 5)}),
  "documents": (21, 21, {"segments": np.repeat([3, 1, 2], [9, 4, 8])}),
  "the end of longer keys": (11, 27, {"causal": True, "q_positions": np.arange(16, 27),
                                      "k_positions": np.arange(27)}),
  "rows that see nothing": (30, 9, {"window": (6, 2), "q_positions": np.arange(30),
                                    "k_positions": np.arange(5, 14)}),
  "lengths": (21, 21, {"causal": True, "lengths": np.array([13, 4])}),
  "a mask": (21, 21, {"mask": np.random.default_rng(0).random((2, 4, 21, 21)) < 0.5}),
}


@pytest.mark.parametrize("transform", ["jvp", pytest.param("forward over reverse",
                                                           marks=pytest.mark.slow)])
@pytest.mark.parametrize("name, shape, turns", [
  *(("alibi", shape, False) for shape in list(SHAPES)[::2]),
  *(("t5", shape, True) for shape in list(SHAPES)[1::2]), ("none", "a mask", True),
  ("shaw keys", "the end of longer keys", True)])
def test_derivatives_of_any_cut(monkeypatch, transform, name, shape, turns):
  """``plain``, which forward mode and second order go through, has a schedule of its own."""
  t, s, options = SHAPES[shape]
  encoding = ENCODINGS[name][0]()
  if turns:
    monkeypatch.setattr(rows_lib, "budget", lambda platform: 1)
  q, _, _, floats = transforms.numbers(t, encoding)
  _, k, v, _ = transforms.numbers(s, encoding)
  x = q, k, v, floats, jnp.float32(0.4)

  def both(implementation):
    def f(x):
      tree = jax.tree.structure(encoding)
      return px.attend(*x[:3], jax.tree.unflatten(tree, x[3]), scale=x[4], tile=8,
                       implementation=implementation, **options)
    return jax.jit(functools.partial(TRANSFORMS[transform], f))(x)

  _same(both("rows"), both("reference"))


@pytest.mark.parametrize("switch", [pytest.param("jax_debug_nans", marks=pytest.mark.slow),
                                    "jax_debug_infs"])
@pytest.mark.parametrize("implementation", ["reference", "rows"])
@pytest.mark.parametrize("name", ["alibi", "cope", *(
  pytest.param(n, marks=pytest.mark.slow) for n in ("none", "t5 traced", "shaw"))])
def test_nothing_is_infinite_on_the_way(name, implementation, switch):
  """Rows that see nothing, of hidden and of padded keys, are exactly zero; their gradients too."""
  encoding = ENCODINGS[name][0]()
  x = transforms.numbers(9, encoding)
  ids = (np.repeat([1, 2, 7], 3), np.repeat([1, 2, 3], 3))
  tree = jax.tree.structure(encoding)

  def f(x, at):
    return px.attend(*x[:3], jax.tree.unflatten(tree, x[3]), causal=True, segments=ids,
                     q_positions=at, k_positions=at, implementation=implementation)

  total = lambda x, at: (jnp.sum(f(x, at) ** 2), f(x, at))
  jax.config.update(switch, True)
  try:
    run = jax.jit(jax.value_and_grad(total, has_aux=True))
    (_, out), gradients = run(x, jnp.arange(9, dtype=jnp.int32))
  finally:
    jax.config.update(switch, False)
  assert not np.asarray(out)[:, 6:].any() and not np.asarray(gradients[0])[:, 6:].any()
  assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradients))


@pytest.mark.parametrize("name, implementation, length", [
  pytest.param(name, implementation, length,
               marks=[] if (implementation, length) == ("rows", 64) else pytest.mark.slow)
  for name in ENCODINGS for implementation in ("reference", "rows", "auto") for length in (8, 64)])
def test_exports_with_a_symbolic_batch(name, implementation, length):
  make, traced = ENCODINGS[name]
  encoding = make()
  x = transforms.numbers(length, encoding, batch=3)
  f = transforms.call(encoding, traced, implementation)
  run = jax.jit(jax.value_and_grad(lambda x: jnp.sum(f(x) ** 2)))
  batch, = export.symbolic_shape("b")
  shaped = lambda y: jax.ShapeDtypeStruct((batch, *y.shape[1:]), y.dtype)
  exported = export.export(run)((*map(shaped, x[:3]), x[3]))
  _same(exported.call(x), run(x))


def test_a_symbolic_length_is_dense_or_refused():
  length, = export.symbolic_shape("t")
  x = jax.ShapeDtypeStruct((2, length, 4, 8), jnp.float32)
  whole = jax.jit(lambda q, how: px.attend(q, q, q, px.Alibi(4), causal=True, implementation=how),
                  static_argnums=1)
  dense = export.export(whole)(x, "auto")
  q = jnp.asarray(np.random.default_rng(0).standard_normal((2, 70, 4, 8)), jnp.float32)
  _same(dense.call(q), whole(q, "rows"))
  with pytest.raises(ValueError, match="rows cannot: it plans tiles on the host, and T=t, S=t,"):
    export.export(whole)(x, "rows")


def _of_devices(*arguments):
  settings = dict(JAX_NUM_CPU_DEVICES="8", JAX_PLATFORMS="cpu", JAX_DISABLE_MOST_OPTIMIZATIONS="1")
  command = [sys.executable, "-W", "error", "-m", "tests.support.transforms_script", *arguments]
  done = subprocess.run(command, cwd=pathlib.Path(__file__).parents[2], env=os.environ | settings,
                        capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stderr[-4000:]
  return json.loads(done.stdout)


@pytest.mark.parametrize("arguments, count", [
  ((), 2 * 2), pytest.param(("every",), 8 * 7 * 6, marks=pytest.mark.slow)])
def test_on_many_devices(arguments, count):
  found = _of_devices(*arguments)
  assert len(found) == count
  wrong = {case: e for case, e in found.items()
           if e is not None and (isinstance(e, str) or not e < 3e-5)}
  assert not wrong


def test_layers_of_one_shape_are_traced_once():
  """Derivatives cost several traces; a model must not pay for them in each layer."""
  traces = []

  @px.encoding
  class Counting(px.Encoding):
    weight: jax.Array = px.parameter()

    def bias(self, tile):
      traces.append(1)
      far = tile.distance()[..., None, :, :].astype(jnp.float32)
      return far * self.weight.reshape((1,) * (far.ndim - 3) + (-1, 1, 1))

  def count(layers):
    traces.clear()
    x = jnp.ones((1, 64 + layers, 2, 4))

    def model(q, e):
      for _ in range(layers):
        q = q + px.attend(q, q, q, e, implementation="rows")
      return jnp.sum(q)

    jax.jit(jax.grad(model, (0, 1))).trace(x, Counting(jnp.ones(2)))
    return len(traces)

  assert count(4) == count(1)
