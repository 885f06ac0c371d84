# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""All functions: one namespace, one sign, any integers in any container, any NumPy setting."""

import importlib
import inspect
import pkgutil
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import encodings, functions

KEY = jax.random.key(0)


def _public():
  """Names of the public functions of posenc_jax/encodings, and the functions."""
  found = {}
  for info in pkgutil.walk_packages(encodings.__path__, encodings.__name__ + "."):
    if "._" in info.name:
      continue
    module = importlib.import_module(info.name)
    found |= {name: f for name, f in vars(module).items() if inspect.isfunction(f)
              and f.__module__ == info.name and not name.startswith("_")}
  return found


def test_the_namespace_holds_every_public_function():
  held = {n: f for n, f in vars(functions).items() if not n.startswith("_")}
  assert held == _public()


def test_the_table_names_every_function_once():
  rows = re.findall(r"^``(\w+)``  +(\S.*\S)  +\S", functions.__doc__, re.MULTILINE)
  assert sorted(name for name, _ in rows) == sorted(_public())
  goes_in = dict(rows)
  for name, f in _public().items():
    arguments = set(inspect.signature(f).parameters)
    # What is said to go in must be what the signature takes.
    assert ("distance" in goes_in[name].split(",")[0]) == ("distance" in arguments) or (
      name == "t5_thresholds"), name
    assert ("relative_position" in goes_in[name]) == ("relative_position" in arguments), name
    assert ("query and key positions" in goes_in[name]) == ("k_positions" in arguments), name


def test_every_function_has_an_example_and_says_what_it_returns():
  for name, f in _public().items():
    assert ">>>" in f.__doc__ and "Returns:" in f.__doc__ and "Args:" in f.__doc__, name


def test_one_sign():
  """Distance is query - key everywhere; the two buckets keep their papers' sign."""
  q, k = jnp.array([5]), jnp.array([2, 9])
  d = px.positions.distance(q, k)
  assert d.tolist() == [[3, -4]]
  table = jnp.arange(32.0)[:, None]
  bucket = px.t5_bucket(k[None] - q[:, None], bidirectional=True)
  np.testing.assert_array_equal(px.t5_bias(d, table, bidirectional=True)[0], bucket)
  np.testing.assert_array_equal(px.shaw_index(q, k, 4), 4 - jnp.clip(d, -4, 4))
  assert px.deberta_bucket(k - q, bucket_size=8, max_position=16).tolist() == [-3, 4]


# Positions [0, 3, 200] of a call, whatever holds them; each function's value must not depend on it.
AT = [0, 3, 200]
CONTAINERS = {
  "list": list, "tuple": tuple, "uint8": lambda p: np.array(p, np.uint8),
  "int16": lambda p: np.array(p, np.int16), "uint16": lambda p: np.array(p, np.uint16),
  "uint32": lambda p: np.array(p, np.uint32), "int64": lambda p: np.array(p, np.int64),
  "uint64": lambda p: np.array(p, np.uint64), "jax uint8": lambda p: jnp.array(p, jnp.uint8),
  "jax uint32": lambda p: jnp.array(p, jnp.uint32),
  "scalars": lambda p: [np.int64(x) for x in p],
}
X = jnp.ones((3, 2, 4))
WEIGHTS = [jnp.ones(2), jnp.ones(2), jnp.ones((2, 2))]
TAKERS = {
  "cos_sin": lambda p: px.phases.cos_sin(p, [1.0, 0.1])[1],
  "sinusoidal": lambda p: px.sinusoidal(p, 4),
  "lookup": lambda p: px.lookup(jnp.eye(256)[:, :3], p),
  "randomized": lambda p: px.randomized_positions(p, KEY, length=256),
  "rotate": lambda p: px.rotate(X, p, [1.0, 0.1]),
  "unrotate": lambda p: px.functions.unrotate(X, p, [1.0, 0.1]),
  "polar_expand": lambda p: px.polar_expand(X, p, [1.0, 0.1, 0.2, 0.3]),
  "alibi_bias": lambda p: px.alibi_bias(p, [0.5]),
  "t5_bias": lambda p: px.t5_bias(p, jnp.arange(32.0)[:, None], bidirectional=False),
  "t5_bucket": lambda p: px.t5_bucket(p, bidirectional=True),
  "deberta_bucket": lambda p: px.deberta_bucket(p, bucket_size=8, max_position=16),
  "fire_bias": lambda p: px.fire_bias(p, p, *WEIGHTS),
  "shaw_index": lambda p: px.shaw_index(p, p, 4),
  "transformer_xl": lambda p: px.transformer_xl_bias(
    X, X, p, p, jnp.ones((2, 4)), jnp.ones((2, 4)), jnp.ones((2, 2, 4)), [1.0]),
  "log_n": lambda p: px.log_n_temperature(p, 8),
  "distance": lambda p: px.positions.distance(p, p),
  "from_lengths": lambda p: px.positions.from_lengths(p, 200),
  "from_segments": lambda p: px.positions.from_segments(p),
}


@pytest.mark.parametrize("name", TAKERS)
def test_positions_in_any_integers_and_containers(name):
  wanted = np.asarray(TAKERS[name](jnp.array(AT, jnp.int32)))
  for container, make in CONTAINERS.items():
    np.testing.assert_array_equal(np.asarray(TAKERS[name](make(AT))), wanted, err_msg=container)


@pytest.mark.parametrize("name", sorted(set(TAKERS) - {"from_segments", "from_lengths"}))
def test_positions_that_cannot_be(name):
  """Bools, text, and integers outside int32 are refused; nothing wraps."""
  for bad in ([True, False, True], ["a"] * 3, np.array([0, 3, 2**31]), np.array([0, 1, 2**63 + 1],
                                                                               np.uint64)):
    with pytest.raises((TypeError, ValueError), match=r"(positions?|distance): got "):
      TAKERS[name](bad)


def test_ranges_and_scalars():
  np.testing.assert_array_equal(px.sinusoidal(range(3), 4), px.sinusoidal(jnp.arange(3), 4))
  np.testing.assert_array_equal(px.sinusoidal(np.int64(7), 4), px.sinusoidal(jnp.array(7), 4))
  assert px.sinusoidal([0, 1, 2], 4).shape == (3, 4)
  assert px.sinusoidal(jnp.array(7), 4).shape == (4,)


@pytest.mark.parametrize("call", [
  lambda: px.sinusoidal(16, 8), lambda: px.lookup(jnp.ones((32, 4)), 16),
  lambda: px.randomized_positions(16, KEY, length=32), lambda: px.log_n_temperature(16, 8)])
def test_a_length_is_no_position(call):
  with pytest.raises(TypeError, match=r"positions: got 16, wanted positions.*jnp\.arange\(16\)"):
    call()


NUMPY = [np.int64, np.int32, np.uint8]


@pytest.mark.parametrize("kind", NUMPY)
def test_numpy_settings(kind):
  """Sweeps over np.array([64, 128]) hold NumPy scalars: exact integers must not overflow."""
  d = jnp.arange(-300, 301)
  for both in (True, False):
    np.testing.assert_array_equal(
      px.t5_bucket(d, bidirectional=both, num_buckets=kind(32), max_distance=kind(128)),
      px.t5_bucket(d, bidirectional=both))
  np.testing.assert_array_equal(
    px.deberta_bucket(d, bucket_size=kind(64), max_position=kind(128)),
    px.deberta_bucket(d, bucket_size=64, max_position=128))
  t5 = px.T5Bias.init(KEY, kind(2), num_buckets=kind(16), max_distance=kind(64))
  assert jax.tree.structure(t5) == jax.tree.structure(
    px.T5Bias.init(KEY, 2, num_buckets=16, max_distance=64))
  same = [
    (px.Rotary(kind(8)), px.Rotary(8)), (px.VORotary(kind(8)), px.VORotary(8)),
    (px.MRotary(tuple(np.array([2, 1, 1], kind))), px.MRotary((2, 1, 1))),
    (px.Sinusoidal(kind(8)), px.Sinusoidal(8)),
    (px.Randomized(kind(8), maximum=kind(64)), px.Randomized(8, maximum=64)),
    (px.Learned.init(KEY, kind(8), kind(4), offset=kind(2)), px.Learned.init(KEY, 8, 4, offset=2)),
    (px.Alibi(kind(6)), px.Alibi(6)), (px.Fire.init(KEY, kind(2)), px.Fire.init(KEY, 2)),
    (px.Pope.init(KEY, kind(2), kind(4)), px.Pope.init(KEY, 2, 4)),
    (px.Shaw.init(KEY, kind(4), max_distance=kind(3)), px.Shaw.init(KEY, 4, max_distance=3)),
    (px.Dape.init(KEY, kind(2), None, taps=kind(3), left=kind(2)),
     px.Dape.init(KEY, 2, None, taps=3, left=2)),
  ]
  for a, b in same:
    assert jax.tree.structure(a) == jax.tree.structure(b), a
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
      np.testing.assert_array_equal(x, y)
  np.testing.assert_array_equal(px.mrotary_positions(kind(2), (kind(1), kind(2), 2), kind(1)),
                                px.mrotary_positions(2, (1, 2, 2), 1))
  assert px.positions.grid(kind(2), kind(3)).shape == (6, 2)
  assert px.positions.sorted_subset(KEY, kind(3), kind(9)).shape == (3,)
  np.testing.assert_array_equal(px.shaw_index(d[:3], d[:3], kind(2)), px.shaw_index(d[:3], d[:3],
                                                                                    2))


def test_extreme_distances():
  """int32 holds no opposite of -2^31: the buckets are those of -2^31 + 1."""
  d = np.array([-(2**31), -(2**31) + 1, 2**31 - 1], np.int32)
  far = px.t5_bucket(d, bidirectional=True)
  assert far.tolist() == [15, 15, 31]
  ours = px.deberta_bucket(d, bucket_size=8, max_position=16)
  assert ours[0] == ours[1] == -ours[2]


def test_jit_with_static_settings():
  table = jax.jit(px.sinusoidal, static_argnums=1)(jnp.arange(3), 8)
  np.testing.assert_array_equal(table, px.sinusoidal(jnp.arange(3), 8))
