# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Kinds of faults that small shapes and single options do not show; see `planted_attention`.

Sizes above a threshold inside the code, options combined, the carrier's folding of batch axes.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

import posenc_jax as px
from posenc_jax.attention import visibility
from posenc_jax.attention.tiles import rows
from posenc_jax.attention.visibility import Rule, Side
from tests.support import jitted as jx


def _draw(rng, *lead, t=16, n=8, k=4, h=4):
  return [jnp.asarray(rng.standard_normal((*lead, t, m, h)), jnp.float32) for m in (n, k, k)]


def _near(got, wanted):
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
    if jnp.issubdtype(a.dtype, jnp.floating):
      np.testing.assert_allclose(a, b, atol=2e-5 * max(1, np.abs(b).max()))


@pytest.mark.parametrize("e", [None, px.Alibi(8), px.T5Bias(np.linspace(-1, 1, 64).reshape(8, 8)
                                                           .astype(np.float32), False, 9)], ids=str)
@pytest.mark.parametrize("scores", [1, 1200, 5000])
def test_grouped_heads_in_chunks_of_few_heads_and_examples(rng, monkeypatch, e, scores):
  """One step holds 1 of 4 key heads, all of one example, or all of several."""
  monkeypatch.setattr(rows, "budget", lambda platform: scores)
  q, k, v = _draw(rng, 3)
  ids = np.array([[0] * 9 + [1] * 7])
  def loss(implementation):
    def total(q, k, v, e):
      out = jx.attend(q, k, v, e, causal=True, segments=ids, implementation=implementation, tile=8)
      return jnp.sum(jnp.sin(out)), out
    return jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2, 3) if e else (0, 1, 2),
                                      has_aux=True))(q, k, v, e)
  _near(loss("rows"), loss("reference"))


@pytest.mark.parametrize("options", [
    {"segments": np.array([[0] * 7 + [1] * 9])}, {"window": (3, 0)},
    {"mask": np.arange(16)[None, None] % 5 > 0, "segments": np.array([[0] * 7 + [1] * 9])},
    {"prefix": 5}], ids=lambda o: "-".join(o))
def test_whole_rows_under_context_parallelism_see_the_rule(rng, options):
  """CoPE needs whole rows: documents, windows and masks must hold there too."""
  q, k, v = _draw(rng, 1)
  e = px.Cope(jnp.asarray(rng.standard_normal((6, 4)), jnp.float32))
  mesh = Mesh(jax.devices()[:1], ("tokens",))
  got = px.context_attend(q, k, v, e, mesh=mesh, axis="tokens", causal=True, **options)
  wanted = jx.attend(q, k, v, e, causal=True, implementation="reference", **options)
  np.testing.assert_allclose(got, wanted, atol=2e-6)


@pytest.mark.parametrize("implementation", ["reference", "rows"])
def test_batch_axes_of_which_some_are_shared(rng, implementation):
  """Positions, orders, segments, lengths, prefixes and masks of one of two axes, or of both."""
  q, k, v = _draw(rng, 2, 3, t=6, n=2, k=1)
  at = np.cumsum(rng.integers(1, 4, (1, 3, 6)), axis=-1)
  order = np.broadcast_to(np.arange(6), (2, 1, 6))
  ids = np.sort(rng.integers(0, 2, (3, 6)), axis=-1)
  lengths, prefix = np.array([[6, 4, 5], [2, 6, 3]]), np.array([[0], [4]])
  mask = rng.random((2, 1, 1, 6, 6)) < 0.8
  options = dict(causal=True, implementation=implementation, tile=2)
  got = jx.attend(q, k, v, px.Alibi(2), q_positions=at, k_positions=at, q_order=order,
                  k_order=order, segments=ids, lengths=lengths, prefix=prefix, mask=mask, **options)
  for i, j in np.ndindex(2, 3):
    one = jx.attend(q[i, j], k[i, j], v[i, j], px.Alibi(2), q_positions=at[0, j],
                    k_positions=at[0, j], q_order=order[i, 0], k_order=order[i, 0],
                    segments=ids[j], lengths=lengths[i, j], prefix=prefix[i, 0], mask=mask[i, 0],
                    **options | {"implementation": "reference"})
    np.testing.assert_allclose(got[i, j], one, atol=2e-6)


RULES = [Rule(True), Rule(True, (2, 0)), Rule(False, (1, 3)), Rule(True, (2**32, 2**32)), Rule()]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_what_some_rows_can_see_holds_all_that_they_see(rng, rule):
  """`key_range` leaves out no visible key, and no more than it must; `may_see` is never wrong."""
  for draw in range(12):
    sides = []
    for n in (6, 9):
      order = rng.permutation(n) + (draw % 3) * 4 if draw % 2 else np.arange(n) + draw % 4
      sides.append(Side(None, (), np.asarray(order, np.int32)[None] if rule.uses_order else None,
                        np.sort(rng.integers(0, 3, (1, n))) if draw % 3 else None))
    queries, keys = sides
    if rule.uses_order and draw % 4 == 0:
      keys = keys._replace(prefix=np.arange(9)[None] < draw % 5)
    seen = visibility.matrix(rule, queries, keys)
    seen = np.ones((6, 9), bool) if seen is None else np.asarray(seen).reshape(6, 9)
    for start, stop in ((0, 2), (2, 4), (4, 6)):
      low, high = visibility.key_range(rule, queries, keys, start, stop, 9)
      found = np.flatnonzero(seen[start:stop].any(axis=0))
      if found.size:
        assert low <= found[0] and found[-1] < high
      cut = lambda side, a, b: jax.tree.map(lambda x: x[..., a:b], side)
      for a, b in ((0, 3), (3, 6), (6, 9)):
        possible = visibility.may_see(rule, cut(queries, start, stop), cut(keys, a, b))
        assert possible is None or bool(possible) or not seen[start:stop, a:b].any()
      if draw % 2 == 0 and draw % 3 == 0 and draw % 4 and found.size:  # orders that count up
        assert (low, high) == (found[0], found[-1] + 1)


def test_padding_keeps_documents_apart_and_sees_nothing(rng):
  """Lengths with documents of any ids, negative ones too."""
  q, k, v = _draw(rng, 1, t=6, n=2, k=1)
  for ids in ([-2, -2, -1, -1, 0, 0], [0, 0, 1, 1, 2, 2], [7, 7, -8, -8, 7, 7]):
    ids = np.array([ids])
    same = ids[0][:, None] == ids[0]
    real = (np.arange(6) < 5)[:, None] & (np.arange(6) < 5)
    for implementation in ("reference", "rows"):
      got = jx.attend(q, k, v, segments=ids, lengths=5, implementation=implementation, tile=2)
      wanted = jx.attend(q, k, v, mask=jnp.asarray((same & real)[None]), implementation="reference")
      np.testing.assert_allclose(got, wanted, atol=2e-6)
      assert (np.asarray(got[:, 5]) == 0).all()


def test_prepare_then_attend_is_attend(rng):
  q, k, v = _draw(rng, 2, t=6)
  e = px.chain(px.Rotary(4), px.VORotary(4), px.Alibi(8))
  at = np.arange(6) + 3
  prepared = px.prepare(q, k, v, e, at, at)
  options = dict(q_positions=at, k_positions=at, causal=True)
  got = jx.attend(*prepared, e, applied=px.PREPARED, **options)
  np.testing.assert_allclose(got, jx.attend(q, k, v, e, **options), atol=1e-6)
  with pytest.raises(ValueError, match=r"k_positions: got shape \(3, 6\), wanted the batch axes"):
    px.prepare(q, k, v, e, at, np.zeros((3, 6), int))
  numbers = [np.asarray(x) for x in (q, k, v)]
  _near(px.prepare(*numbers, px.on_dims(slice(2, 4), px.Rotary(2)), at, at)[0],
        px.on_dims(slice(2, 4), px.Rotary(2)).qk(q, k, at, at)[0])


def test_members_of_a_chain_act_in_order_and_undo_in_reverse(rng):
  """q of a temperature then of softplus is not softplus then temperature."""
  q, k, v = _draw(rng, 1, t=5, n=2, k=1)
  at = np.arange(5) + 9
  a, b = px.LogNTemperature(2.0), px.Pope(jnp.zeros((2, 4)))
  first = px.chain(a, b).qk(q, k, at, at)[0]
  np.testing.assert_allclose(first, px.functions.polar_magnitudes(a.qk(q, k, at, at)[0]), atol=1e-6)
  half, other = px.VORotary(4), px.VORotary(4, base=10.0, pairing="interleaved")
  both = px.chain(half, other)
  out = both.outputs(both.values(v, at), at)
  np.testing.assert_allclose(out, v, atol=1e-6)


def test_random_positions_of_two_members_differ():
  """Each member of a chain draws with a key of its own."""
  one = px.Randomized(4, maximum=4096)
  both = px.chain(one, px.Rotary(4)).positions(np.arange(4), key=jax.random.key(0))
  other = px.chain(px.Rotary(4), one).positions(np.arange(4), key=jax.random.key(0))
  assert (np.asarray(both) != np.asarray(other)).any()


def test_carries_of_chain_members_continue(rng):
  """Two halves of a sequence, each member's carry its own."""
  x = jnp.asarray(rng.standard_normal((1, 6, 5)), jnp.float32)
  fox = px.Fox(jnp.asarray(rng.standard_normal((5, 2)), jnp.float32), jnp.zeros(2))
  e = px.chain(px.Rotary(4), fox, fox.replace(gate_bias=jnp.ones(2)))
  _, whole, _ = e.layer(x, np.arange(6))
  _, _, carry = e.layer(x[:, :4], np.arange(4))
  _, rest, _ = e.layer(x[:, 4:], np.arange(4, 6), carry=carry)
  for i in (1, 2):
    np.testing.assert_allclose(rest.members[i], whole.members[i][:, 4:], atol=1e-6)


def test_heads_and_dims_outside_a_part_stay(rng):
  q, k, v = _draw(rng, 1, t=5, n=4, k=2)
  at = np.arange(5) + 2
  a, b = px.on_heads(slice(2, 4), px.Rotary(4)).qk(q, k, at, at)
  whole = px.Rotary(4).qk(q, k, at, at)
  for got, wanted, start in ((a, whole[0], 2), (b, whole[1], 1)):
    plain = (q, k)[start == 1]
    np.testing.assert_array_equal(got[..., :start, :], plain[..., :start, :])
    np.testing.assert_allclose(got[..., start:, :], wanted[..., start:, :], atol=1e-6)
  with pytest.raises(ValueError, match="wanted whole groups of the 2 query heads"):
    px.on_heads(slice(1, 3), px.Rotary(4)).qk(q, k, at, at)
  hard = px.on_heads(slice(1, 2), px.share_heads(px.Alibi(1)))
  bias = hard.bias(px.Tile(q, k, at[None], at[None]))
  assert (np.asarray(bias[0, [0, 2, 3]]) == 0).all() and (np.asarray(bias[0, 1]) < 0).any()
  wide = px.on_heads(slice(0, 2), px.Pope(jnp.zeros((2, 4))))
  expanded = wide.expand(q, k, at, at)
  assert [x.shape[-1] for x in expanded] == [8, 8]
  np.testing.assert_array_equal(expanded[0][..., 2:, :4], q[..., 2:, :])
  assert (np.asarray(expanded[0][..., 2:, 4:]) == 0).all()


def test_one_axis_of_several_is_the_one_that_was_named(rng):
  at = rng.integers(0, 9, (1, 5, 3))
  e = px.along(1, px.Alibi(2))
  q = jnp.ones((1, 5, 2, 4))
  got = e.bias(px.Tile(q, q, at, at))
  wanted = px.Alibi(2).bias(px.Tile(q, q, at[..., 1], at[..., 1]))
  np.testing.assert_array_equal(got, wanted)
  by_distance = e.distance_bias(px.Tile(q, q, at, at).distance(1))
  np.testing.assert_array_equal(jnp.moveaxis(by_distance, 0, 1), wanted)
