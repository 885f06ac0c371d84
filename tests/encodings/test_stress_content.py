# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""CoPE, FoX and DAPE against float64 loops, however the tokens are run."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax._compat import enable_x64
from posenc_jax.attention import attend, prepare
from posenc_jax.encodings.content.cope import Cope
from posenc_jax.encodings.content.dape import Dape
from posenc_jax.encodings.content.fox import Fox
from tests import oracles

B, T, N, K, H, D = 2, 7, 4, 2, 4, 5  # N = 2 K: every test runs grouped heads
ORDER = np.arange(T)


@dataclasses.dataclass(frozen=True)
class Method:
  """An encoding with numbers that matter, and its oracle (encoding, x, q, k, v, mask) -> out."""

  encoding: px.Encoding
  oracle: Callable


def _cope(encoding, x, q, k, v, mask):
  return oracles.cope_attention(q, k, v, mask, encoding.table, position_scaled=encoding.scaled)


def _fox(encoding, x, q, k, v, mask):
  gates = oracles.log_forget_gates(x, encoding.gate_weight, encoding.gate_bias)
  return oracles.fox_attention(q, k, v, gates, mask=mask)


def _dape(encoding, x, q, k, v, mask):
  places = range(len(q))
  if encoding.inner is None:  # the oracle's stack holds a bias: give it one of zeros, unread
    w1 = np.concatenate([encoding.hidden_weight, 0 * encoding.hidden_weight], axis=1)
    bias = np.zeros((N, len(q), len(k)))
  else:
    w1, bias = encoding.hidden_weight, oracles.alibi_bias(places, places, encoding.inner.slopes)
  return oracles.dape_attention(q, k, v, bias, w1, encoding.hidden_bias, encoding.out_weight,
                                np.zeros(N), mask=mask, left=encoding.left)


def _methods():
  key = jax.random.key(3)
  dape = functools.partial(Dape.init, key, N, hidden=6)
  return {
    "cope": Method(Cope.init(key, 4, H, stddev=1.0), _cope),
    "cope-heads-paper": Method(Cope.init(key, 9, H, num_heads=N, stddev=1.0, scaled=False), _cope),
    "fox": Method(Fox.init(key, D, N, stddev=1.0, gate_bias=0.5), _fox),
    "dape": Method(dape(px.Alibi(N)), _dape),
    "dape-v2": Method(dape(px.Alibi(N), taps=3), _dape),
    "dape-v2-left-bare": Method(dape(None, taps=3, left=2), _dape),
  }


METHODS = _methods()
every_method = pytest.mark.parametrize("name", METHODS)


def _inputs(seed=0):
  """x [B, T, D] and q, k, v as float32."""
  rng = np.random.default_rng(seed)
  shapes = ((B, T, D), (B, T, N, H), (B, T, K, H), (B, T, K, H))
  return [rng.normal(size=s).astype(np.float32) for s in shapes]


def _oracle(name, inputs, mask, row):
  """The float64 loops on one row of the batch, given only its visible tokens."""
  encoding = jax.tree.map(lambda a: np.asarray(a, np.float64), METHODS[name].encoding)
  return METHODS[name].oracle(encoding, *(np.asarray(a[row], np.float64) for a in inputs), mask)


def _causal(count):
  return oracles.visible(range(count), range(count), causal=True)


@functools.partial(jax.jit, static_argnames=("implementation", "window"))
def _forward(encoding, x, q, k, v, segments=None, mask=None, implementation="reference",
             window=None):
  """A layer's attention over whole rows; the mask is that of real tokens, [B, T]."""
  positions = jnp.arange(q.shape[1])
  if encoding.has("layer"):
    x, positions, _ = encoding.layer(x, positions, segments=segments)
  order = np.arange(q.shape[1])
  mask = None if mask is None else mask[:, None, None, :]
  return attend(q, k, v, encoding, q_positions=positions, k_positions=positions, q_order=order,
                k_order=order, causal=True, segments=segments, mask=mask, window=window, tile=3,
                implementation=implementation, applied=("layer",))


@jax.jit
def _chunk(encoding, new, cache, carry, start):
  """One step of decoding: writes the new tokens' keys, values and positions, attends to all."""
  x, q, k, v = new
  order = start + jnp.arange(q.shape[1])
  positions = jnp.broadcast_to(order, q.shape[:2])
  if encoding.has("layer"):
    x, positions, carry = encoding.layer(x, positions, carry=carry)
  q, k, v = prepare(q, k, v, encoding, positions, positions)
  if cache is None:  # slots that nothing was written to hold junk
    cache = jax.tree.map(lambda a: jnp.full((B, T, *a.shape[2:]), 9, a.dtype), (k, v, positions))
  cache = jax.tree.map(lambda c, a: jax.lax.dynamic_update_slice_in_dim(c, a, start, 1),
                       cache, (k, v, positions))
  out = attend(q, cache[0], cache[1], encoding, q_positions=positions, k_positions=cache[2],
               q_order=order, k_order=ORDER, causal=True, applied=("layer", *px.PREPARED))
  return out, cache, carry


def _decode(encoding, inputs, cuts):
  """Runs the chunks between cuts one after the other through a cache."""
  out, cache, carry = [], None, None
  for a, b in zip((0, *cuts), (*cuts, T), strict=True):
    y, cache, carry = _chunk(encoding, [i[:, a:b] for i in inputs], cache, carry, jnp.int32(a))
    out.append(y)
  return jnp.concatenate(out, axis=1)


def _close(got, want, atol=2e-6):
  np.testing.assert_allclose(np.asarray(got, np.float64), want, rtol=2e-6, atol=atol)


@every_method
@pytest.mark.parametrize("implementation", ["reference", "rows"])
def test_full_forward(name, implementation):
  inputs = _inputs()
  got = _forward(METHODS[name].encoding, *inputs, implementation=implementation)
  for row in range(B):
    _close(got[row], _oracle(name, inputs, _causal(T), row))


@every_method
@pytest.mark.parametrize("cuts", [tuple(range(1, T)), (2, 3)], ids=["tokens", "chunks"])
def test_cached_decode(name, cuts):
  inputs = _inputs(1)
  got = _decode(METHODS[name].encoding, inputs, cuts)
  for row in range(B):
    _close(got[row], _oracle(name, inputs, _causal(T), row))


@every_method
def test_packed_documents(name):
  inputs, cut = _inputs(2), 3
  segments = jnp.asarray(np.repeat([5, 8], [cut, T - cut]))
  got = _forward(METHODS[name].encoding, *inputs, segments=segments)
  for part in (slice(0, cut), slice(cut, T)):
    alone = [a[:, part] for a in inputs]
    _close(got[1, part], _oracle(name, alone, _causal(alone[0].shape[1]), 1))


@every_method
def test_left_padding(name):
  inputs, pad = _inputs(3), 2
  seen = np.broadcast_to(np.arange(T) >= pad, (B, T))
  got = _forward(METHODS[name].encoding, *inputs, mask=seen)
  alone = [a[:, pad:] for a in inputs]
  _close(got[0, pad:], _oracle(name, alone, _causal(T - pad), 0))
  assert not np.asarray(got[0, :pad]).any()  # rows that see nothing


@every_method
def test_a_window_hides_keys_on_the_left(name):
  inputs = _inputs(4)
  got = _forward(METHODS[name].encoding, *inputs, window=2, implementation="rows")
  mask = oracles.visible(range(T), range(T), causal=True, window=3)
  _close(got[0], _oracle(name, inputs, mask, 0))


@every_method
def test_no_leak_of_the_future(name):
  inputs = _inputs(5)
  other = [a.copy() for a in inputs]
  for a in other:
    a[:, -2:] = 50 * a[:, -2:] + 3
  a, b = (np.asarray(_forward(METHODS[name].encoding, *i)) for i in (inputs, other))
  np.testing.assert_array_equal(a[:, :-2], b[:, :-2])
  assert np.abs(a[:, -2:] - b[:, -2:]).max() > 1e-2


@every_method
def test_bfloat16(name):
  x, *qkv = (jnp.asarray(a).astype(jnp.bfloat16) for a in _inputs(6))
  got = _forward(METHODS[name].encoding, x, *qkv)
  assert got.dtype == jnp.bfloat16
  rounded = [np.asarray(a, np.float64) for a in (x, *qkv)]
  # Scores are exact sums of bfloat16 products: only weights and the result round to 8 bits.
  _close(got[0], _oracle(name, rounded, _causal(T), 0), atol=0.02)


def _loss(encoding, x, q, k, v, probe, implementation="reference"):
  out = _forward(encoding, x, q, k, v, implementation=implementation)
  return jnp.sum(out * probe)


@pytest.mark.parametrize("name, implementation", [
  *((name, "reference") for name in METHODS),
  *((name, "rows") for name in ("cope", "fox", "dape-v2"))])
def test_gradients(name, implementation):
  """Slopes along random directions, one an array, against differences of the float64 loops."""
  args = (METHODS[name].encoding, *_inputs(7))
  probe = _inputs(8)[1]
  got = jax.grad(_loss, argnums=range(5))(*args, probe, implementation=implementation)
  leaves, treedef = jax.tree.flatten(args)

  def moved(i, step, direction):
    at = [np.asarray(a, np.float64) for a in leaves]
    at[i] = at[i] + step * direction
    encoding, *inputs = jax.tree.unflatten(treedef, at)
    out = [METHODS[name].oracle(encoding, *(a[row] for a in inputs), _causal(T)) for row in (0, 1)]
    return float(np.sum(np.stack(out) * probe))

  for i, g in enumerate(jax.tree.leaves(got)):
    if name.startswith(("cope", "dape")) and i == len(leaves) - 4:
      assert not np.asarray(g).any()  # x drives nothing here
      continue
    direction = np.random.default_rng(i).normal(size=g.shape)
    wanted = (moved(i, 1e-6, direction) - moved(i, -1e-6, direction)) / 2e-6
    slope = float(np.sum(np.asarray(g, np.float64) * direction))
    assert abs(slope - wanted) <= 1e-4 * (1 + abs(wanted)), f"array {i}: {slope}, not {wanted}"


@every_method
def test_float64_run(name):
  """Every leaf and the computation widen: the loops are met to 1e-12."""
  inputs = _inputs(9)
  with enable_x64():
    wide = jax.tree.map(lambda a: jnp.asarray(np.asarray(a, np.float64)),
                        (METHODS[name].encoding, *inputs))
    got = np.asarray(_forward(*wide))
  assert got.dtype == np.float64
  np.testing.assert_allclose(got[1], _oracle(name, inputs, _causal(T), 1), rtol=0, atol=1e-12)


@every_method
def test_vmap_over_leaves(name):
  """One lane for each leaf, in which that leaf alone has other values, equals single runs."""
  encoding, inputs = METHODS[name].encoding, _inputs(10)
  leaves, treedef = jax.tree.flatten(encoding)
  other = [np.asarray(a) * np.float32(1.5) + np.float32(0.25) for a in leaves]
  lanes = [jax.tree.unflatten(treedef, leaves)] + [
    jax.tree.unflatten(treedef, [*leaves[:i], a, *leaves[i + 1:]]) for i, a in enumerate(other)]
  out = jax.vmap(lambda e: _forward(e, *inputs))(jax.tree.map(lambda *a: jnp.stack(a), *lanes))
  for lane, one in zip(out, lanes, strict=True):
    _close(lane, _forward(one, *inputs))
  moved = [float(jnp.max(jnp.abs(lane - out[0]))) for lane in out[1:]]
  assert min(moved) > 1e-4  # every leaf matters


def test_a_position_per_head_composes_with_one_per_token():
  """chain(Rotary, Fox) keeps token positions for one and driven ones for the other."""
  x, q, k, v = inputs = _inputs(11)
  rotary, fox = px.Rotary(H), METHODS["fox"].encoding
  both = px.chain(rotary, fox)
  turn = lambda a: np.asarray(px.rotate(jnp.asarray(a), jnp.arange(T), rotary.frequencies))
  wanted = [_oracle("fox", (x, turn(q), turn(k), v), _causal(T), row) for row in range(B)]
  _close(_forward(both, *inputs), np.stack(wanted))
  _close(_decode(both, inputs, (3, 4)), np.stack(wanted))
