# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The functions of CoPE, FoX and DAPE alone: their promises, their precision, what they refuse."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.attention import attend
from posenc_jax.encodings.content.cope import Cope, cope_bias, cope_positions
from posenc_jax.encodings.content.dape import Dape, dape_scores
from posenc_jax.encodings.content.fox import Fox, forget_bias, forget_positions, log_forget_gates
from tests import oracles

T, N, K, H, D = 7, 4, 2, 4, 5
KEY = jax.random.key(3)
FOX = Fox.init(KEY, D, N, stddev=1.0, gate_bias=0.5)
DAPE = Dape.init(KEY, N, px.Alibi(N), taps=3, hidden=6)


def _close(got, want, atol=2e-6):
  np.testing.assert_allclose(np.asarray(got, np.float64), want, rtol=2e-6, atol=atol)


def _causal(count):
  return oracles.visible(range(count), range(count), causal=True)


def test_cope_positions_and_bias_alone(rng):
  q, k = rng.normal(size=(T, N, H)), rng.normal(size=(T, K, H))
  table, mask = rng.normal(size=(3, N, H)), _causal(T)
  scores = oracles.scores(q, k).astype(np.float32)
  positions = cope_positions(scores, mask[None], 3)
  assert float(positions.max()) == 2.0  # the clip is at work
  _close(positions, oracles.cope_positions(q, k, 3, mask=mask))
  got = cope_bias(q.astype(np.float32), positions, table.astype(np.float32))
  _close(got, oracles.cope_bias(q, k, table, mask=mask), 1e-5)


def _sizes(jaxpr):
  """The size of every array that a program makes, those of its inner programs included."""
  for equation in jaxpr.eqns:
    yield from (v.aval.size for v in equation.outvars)
    for value in equation.params.values():
      inner = getattr(value, "jaxpr", value)
      if hasattr(inner, "eqns"):
        yield from _sizes(inner)


def test_cope_makes_nothing_of_size_rows_keys_dims():
  t, h, positions = 32, 16, 24
  encoding = Cope(jnp.ones((positions, h)))
  run = lambda q: attend(q, q, q, encoding, causal=True, implementation="reference")
  largest = max(_sizes(jax.make_jaxpr(run)(jnp.ones((t, 1, h))).jaxpr))
  assert t * t <= largest <= 4 * t * t  # t * t * h would be 16 and t * t * positions 24


def test_fox_without_a_layer(rng):
  gates = -rng.exponential(size=(T, N)).astype(np.float32)
  c = forget_positions(gates)
  wanted = oracles.fox_bias(gates.astype(np.float64), T)
  _close(forget_bias(c, c), wanted)
  _close(forget_bias(c[-2:], c), wanted[:, -2:])


def test_fox_keeps_small_differences_after_long_prefixes(rng):
  """One float32 a token is off by 2e-2 here between neighbours, and decoding drifts."""
  half = 1 << 15
  x = rng.normal(-2.0, size=(2 * half, 1)).astype(np.float32)
  gates = np.asarray(log_forget_gates(x, np.ones((1, 1), np.float32), np.zeros(1, np.float32)))
  exact = np.cumsum(gates[:, 0].astype(np.float64))
  first = forget_positions(gates[:half])
  second = forget_positions(gates[half:], carry=first[-1])
  for run in (forget_positions(gates), jnp.concatenate([first, second])):
    for end in (half + 200, 2 * half):  # the first spans the seam of the two chunks
      near = slice(end - 300, end)
      got = forget_bias(run[end - 2:end], run[near])[0]
      np.testing.assert_allclose(got, exact[end - 2:end, None] - exact[near], rtol=2e-7, atol=0)


def test_fox_ignores_right_padding_that_segments_name(rng):
  """A right-padded prompt is continued as if the padding were not there."""
  x = jnp.asarray(rng.normal(size=(T, D)).astype(np.float32))
  segments = jnp.array([0, 0, 0, -1, -1, 0, 0])
  _, prompt, carry = FOX.layer(x[:5], jnp.arange(5), segments=segments[:5])
  _, rest, _ = FOX.layer(x[5:], jnp.arange(3, 5), carry=carry, segments=segments[5:])
  _, whole, _ = FOX.layer(x[jnp.array([0, 1, 2, 5, 6])], jnp.arange(5))
  got = forget_bias(rest, jnp.concatenate([prompt[:3], rest]))
  _close(got, forget_bias(whole[3:], whole))


def test_dape_reads_hidden_keys_as_zero(rng):
  """Whatever scores and bias hold at masked keys, others do not change; hidden values included."""
  z, bias = (rng.normal(size=(N, T, T)).astype(np.float32) for _ in range(2))
  mask = _causal(T)[None]
  run = lambda fill: np.where(mask, dape_scores(
    np.where(mask, z, fill), np.where(mask, bias, fill), DAPE.hidden_weight, DAPE.hidden_bias,
    DAPE.out_weight, mask=mask), 0)
  np.testing.assert_array_equal(run(np.float32(0)), run(np.float32(1e4)))


def test_dape_with_a_mask_of_its_own_for_every_head(rng):
  """A hidden value is kept where any head sees the key."""
  z = rng.normal(size=(N, T, T)).astype(np.float32)
  bias, mask = oracles.alibi_bias(range(T), range(T), DAPE.inner.slopes), rng.random(z.shape) < 0.3
  weights = (DAPE.hidden_weight, DAPE.hidden_bias, DAPE.out_weight)
  got = dape_scores(z, bias.astype(np.float32), *weights, mask=mask)
  wide = [np.asarray(w, np.float64) for w in weights]
  _close(got, oracles.dape_scores(z.astype(np.float64), bias, *wide, np.zeros(N), mask=mask))


W, Z = np.ones((3, 2 * N, 6), np.float32), np.ones((N, T, T), np.float32)
ERRORS = {
  "cope rank": (lambda: Cope(np.ones(4)), r"table: got shape \(4,\), wanted .*num_positions, H\]"),
  "cope one": (lambda: Cope(np.ones((1, 4))), "2 positions at least"),
  "cope dim": (lambda: cope_bias(jnp.ones((T, N, H)), jnp.asarray(Z), jnp.ones((3, 8))),
               r"table: got shape \(3, 8\), wanted \[num_positions, 4\] or \[num_pos"),
  "fox shapes": (lambda: Fox(np.ones((5, 4)), np.ones(3)),
                 r"gate_weight, gate_bias: got shapes \(5, 4\) and \(3,\)"),
  "fox width": (lambda: FOX.layer(jnp.ones((T, 3)), None),
                "x: got width 3, wanted the gates' width 5"),
  "fox rank": (lambda: forget_positions(jnp.ones(3)), r"log_gates: got shape \(3,\)"),
  "fox carry": (lambda: forget_positions(jnp.ones((3, 4)), carry=jnp.ones(4)),
                r"carry: got shape \(4,\), wanted \[\.\.\., 2, N\]"),
  "fox segments": (lambda: forget_positions(jnp.ones((3, 4)), segments=jnp.zeros(2, jnp.int32)),
                   r"segments: got shape \(2,\), wanted .* T = 3"),
  "fox undriven": (lambda: attend(*(3 * [jnp.ones((T, N, H))]), FOX, q_positions=np.arange(T),
                                  k_positions=np.arange(T), applied=("layer",)),
                   r"q_positions: got shape \(7,\), wanted driven positions .*what layer"),
  "fox raw": (lambda: forget_bias(jnp.ones((T, 2, N)), jnp.ones((T, N))),
              r"k_positions: got shape \(7, 4\), wanted driven positions"),
  "dape shapes": (lambda: Dape(None, W, np.ones(6), W), "hidden_weight, hidden_bias, out_weight"),
  "dape even": (lambda: Dape.init(jax.random.key(0), N, None, taps=2), "got 2 and None"),
  "dape left": (lambda: Dape.init(jax.random.key(0), N, None, taps=3, left=3), "0 <= left < taps"),
  "dape heads": (lambda: dape_scores(Z[:2], Z[:2], W, np.ones(6), W),
                 "8 channels in, 6 out, wanted 4 in and 2 out for 2 query heads"),
  "dape inner": (lambda: Dape.init(jax.random.key(0), N, px.Rotary(4)),
                 "inner: got Rotary, which answers qk"),
  "dape no bias": (lambda: Dape.init(jax.random.key(0), N, px.Encoding()), "answers no bias"),
  "dape type": (lambda: Dape.init(jax.random.key(0), N, "alibi"), "inner: got 'alibi'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
  call, message = ERRORS[case]
  with pytest.raises((ValueError, TypeError), match=message):
    call()


def test_initial_values():
  """CoPE starts at zero and DAPE within 1/sqrt(inputs); FoX's gates start at sigmoid(gate_bias)."""
  key = jax.random.key(0)
  assert not np.asarray(Cope.init(key, 5, 4).table).any()
  gates = log_forget_gates(jnp.zeros((1, 8)), *jax.tree.leaves(Fox.init(key, 8, 2, gate_bias=5.0)))
  _close(gates, np.full((1, 2), -math.log1p(math.exp(-5.0))))
  dape = Dape.init(key, 4, px.Alibi(4), taps=3)
  bound = 1 / math.sqrt(24)
  assert 0.9 * bound < np.abs(dape.hidden_weight).max() <= bound
  assert np.abs(dape.out_weight).max() <= 1 / math.sqrt(3 * 32)
