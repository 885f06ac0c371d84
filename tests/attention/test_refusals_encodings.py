# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings that attention cannot run, names it does not know, arrays and heads that do not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests.support.kinds import ShortConvolution, Sink
from tests.support.refusals import KV, B, H, K, N, Q, T, check, refused

KEY = jax.random.key(0)
WRONG = "hooks that attention can run, or have been run"


def _not_an_encoding(name, e, came):
  return (name, dict(e=e), TypeError,
          ("encoding", came, "an encoding or None", "posenc_jax.Rotary(head_dim)"))


def _not_run(name, e, came, mend):
  return name, dict(e=e, causal=True), ValueError, ("encoding", came, WRONG, mend)


@refused([
    _not_an_encoding("class", px.Rotary, "class Rotary"),
    _not_an_encoding("class-with-layer", px.Fox, "class Fox"),
    _not_an_encoding("text", "rope", "'rope'"),
    _not_an_encoding("number", 8, "8"),
    _not_an_encoding("frequencies", px.rotary_frequencies(H), "Frequencies"),
    _not_an_encoding("frequencies-of-phases", px.phases.frequencies([1.0]), "Frequencies"),
    _not_an_encoding("list", [px.Rotary(H)], "list"),
    _not_an_encoding("tuple", (px.Rotary(H), px.Alibi(N)), "tuple"),
    _not_an_encoding("array", np.ones((N, T, T), np.float32), "float32[4, 6, 6]"),
    _not_an_encoding("function", px.sinusoidal, "function"),
    _not_run("sinusoidal", px.Sinusoidal(16), "Sinusoidal, which answers inputs",
             "applied=('inputs',)"),
    _not_run("learned", px.Learned.init(KEY, T, 16), "Learned, which answers inputs",
             "encoding.inputs(x, positions)"),
    _not_run("randomized", px.chain(px.Randomized(T, maximum=64), px.Rotary(H)),
             "Randomized, which answers positions", "encoding.positions(positions, key=key)"),
    _not_run("fox", px.Fox.init(KEY, 16, N), "Fox, which answers layer", "applied=('layer',)"),
    _not_run("convolution", px.chain(px.Rotary(H), ShortConvolution(np.ones((2, 16), np.float32))),
             "ShortConvolution, which answers layer", "encoding.layer(x, positions)"),
    _not_run("along", px.along(0, px.Sinusoidal(16)), "Along, which answers inputs", "applied="),
    ("applied-true", dict(applied=True), TypeError,
     ("applied", "True", "names of hooks", "applied=('qk', 'values')")),
    ("applied-typo", dict(applied=("input",)), ValueError,
     ("applied", "'input'", "positions, inputs, layer, qk, values", "Did you mean 'inputs'?")),
    ("applied-half", dict(applied=("qk",)), ValueError,
     ("applied", "('qk',)", "both or neither", "posenc_jax.PREPARED")),
    ("applied-of-another", dict(e=px.Sinusoidal(16), applied=("layer",)), ValueError,
     ("encoding", "Sinusoidal, which answers inputs", WRONG, "applied=('inputs',)")),
    ("q-list", dict(q=Q.tolist()), TypeError, ("q", "list", "an array [..., T, N, H]",
                                               "jnp.asarray")),
    ("v-none", dict(v=None), TypeError, ("v", "None", "an array", "jnp.asarray")),
    ("int", dict(q=Q.astype(int), k=KV.astype(int), v=KV.astype(int)), TypeError,
     ("q, k, v", "int", "one floating dtype", ".astype")),
    ("mixed", dict(q=jnp.asarray(Q, jnp.bfloat16)), TypeError,
     ("q, k, v", "bfloat16, float32, float32", "one floating dtype", ".astype")),
    ("flat", dict(q=Q[:, :, 0], k=KV[:, :, 0], v=KV[:, :, 0], e=px.Alibi(N)), ValueError,
     ("encoding Alibi, bias", "4 heads", "the N = 6 query heads", "for 6 heads")),
    ("flat-one", dict(q=Q[0, 0], k=KV[0, 0], v=KV[0, 0]), ValueError,
     ("q, k, v", "q (4, 8)", "q [..., T, N, H]", "Split D in heads")),
    ("heads-first", dict(q=np.swapaxes(Q, 1, 2), k=np.swapaxes(Q, 1, 2), v=np.swapaxes(Q, 1, 2),
                         e=px.Alibi(N)), ValueError,
     ("encoding Alibi, bias", "4 heads", "the N = 6 query heads", "jnp.swapaxes(x, -3, -2)")),
    ("heads-first-grouped", dict(q=np.swapaxes(Q, 1, 2), k=np.ones((B, K, 5, H), np.float32),
                                 v=np.ones((B, K, 5, H), np.float32)), ValueError,
     ("q, k", "6 query heads and 5 key heads", "a multiple of the key heads", "[B, N, T, H]")),
    ("width-in-place-of-head-dim", dict(e=px.Rotary(N * H)), ValueError,
     ("dim", "32 dims that turn", "at most the 8 dims of a head", "not of the model width D")),
    ("shaw-of-other-dims", dict(e=px.Shaw.init(KEY, 16)), ValueError,
     ("key_table", "shape (33, 16)", "H = 8", "Shaw.init(key, head_dim)")),
    ("shaw-real-positions", dict(e=px.Shaw.init(KEY, H), q_positions=np.ones(T, np.float32),
                                 k_positions=np.ones(T, np.float32)), TypeError,
     ("q_positions, k_positions", "float32", "int32", "whole distances only")),
    ("t5-real-positions", dict(e=px.T5Bias.init(KEY, N), q_positions=np.ones(T, np.float32),
                               k_positions=np.ones(T, np.float32)), TypeError,
     ("distance", "float32", "integers", ".astype(jnp.int32)")),
    ("typo", dict(postions=np.arange(T)), TypeError,
     ("", "an argument 'postions'", "q_positions", "Did you mean 'q_positions'?")),
    ("typo-segment", dict(segment=np.arange(T)), TypeError,
     ("", "an argument 'segment'", "segments", "Did you mean 'segments'?")),
    ("unknown", dict(dropout=0.1), TypeError, ("", "an argument 'dropout'", "scale", "Leave it")),
    ("prepared", dict(prepared=True), TypeError,
     ("prepared", "a name of earlier versions", "applied=posenc_jax.PREPARED", "CHANGELOG.md")),
    ("bias", dict(bias=np.zeros((N, T, T))), TypeError,
     ("bias", "a name of earlier versions", "an encoding that answers bias", "CHANGELOG.md")),
])
def test_encodings_arrays_and_names(function, call, error, message):
  if "postions" in call or "segment" in call or "dropout" in call:
    message = (function, *message[1:])
  elif message[0] in ("prepared", "bias"):
    message = (f"{function}: {message[0]}", *message[1:])
  check(function, dict(call), error, message)


def one(*shape):
  return np.ones(shape, np.float32)


# Encodings built for n heads of 8 dims.
HEADED = {
    "alibi": px.Alibi,
    "t5": lambda n: px.T5Bias(one(32, n)),
    "fire": lambda n: px.Fire(one(3), one(3), one(3, n)),
    "transformer-xl": lambda n: px.TransformerXL(one(n, H), one(n, H), one(4, n, H)),
    "cope": lambda n: px.Cope(one(5, n, H)),
    "dape": lambda n: px.Dape(px.Alibi(n), one(1, 2 * n, 3), one(3), one(1, 3, n)),
    "dape-bare": lambda n: px.Dape(None, one(3, n, 3), one(3), one(3, 3, n)),
    "fox": lambda n: px.Fox(one(5, n), one(n)),
    "pope": lambda n: px.Pope(one(n, H)),
    "ssmax": lambda n: px.SSMax(one(n)),
}
WRAPPED = {
    "alone": lambda e: e,
    "after-rotary": lambda e: px.chain(px.Rotary(H), e),
    "before-alibi": lambda e: px.chain(e, px.Alibi(N)),
    "on-dims": lambda e: px.on_dims(slice(0, H), e),
    "on-heads": lambda e: px.on_heads(slice(0, N), e),
}


def _attend(e, t, implementation, n=N):
  q = jax.ShapeDtypeStruct((1, t, n, H), jnp.float32)
  kv = jax.ShapeDtypeStruct((1, t, min(K, n), H), jnp.float32)
  at = e.layer(jnp.ones((1, t, 5)), np.arange(t))[1] if e.has("layer") else np.arange(t)
  run = lambda q, k, v: px.attend(q, k, v, e, causal=True, implementation=implementation,
                                  applied=("layer",), q_positions=at, k_positions=at)
  return jax.eval_shape(run, q, kv, kv)


@pytest.mark.parametrize("wrapper", WRAPPED)
@pytest.mark.parametrize("name", HEADED)
def test_other_heads_are_refused(name, wrapper):
  """By the dense way and by tiles, for fewer and more heads than N, and for one."""
  for came in (1, 2, 8):
    e = WRAPPED[wrapper](HEADED[name](came))
    for t, implementation in ((6, "reference"), (64, "rows")):
      with pytest.raises(ValueError, match=r": got .*, wanted .*\. \w.*[a-z]"):
        _attend(e, t, implementation)
  assert _attend(WRAPPED[wrapper](HEADED[name](N)), 6, "reference").shape == (1, 6, N, H)


@pytest.mark.parametrize("name", HEADED)
def test_many_heads_for_one_query_head_are_refused(name):
  for t, implementation in ((6, "reference"), (64, "rows")):
    with pytest.raises(ValueError, match=": got "):
      _attend(HEADED[name](8), t, implementation, n=1)


def test_weights_of_other_heads_are_refused():
  with pytest.raises(ValueError, match=r"encoding.weights: got shape \(1, 8, 6, 6\), w"):
    _attend(Sink(one(8)), 6, "reference", n=1)


@pytest.mark.parametrize("t", [6, 64])
def test_one_head_for_all_must_be_said(t):
  e = px.share_heads(px.T5Bias(one(32, 1)))
  for shared in (e, px.chain(e, px.Alibi(N)), px.on_heads(slice(0, 2), e)):
    assert _attend(shared, t, "auto").shape == (1, t, N, H)
  with pytest.raises(ValueError, match="got 1 heads.*N = 4.*for 4 heads.*px.share_heads"):
    _attend(px.Alibi(1), t, "auto")
  with pytest.raises(ValueError, match="got 2 heads in shape .*, wanted the N = 4"):
    _attend(px.share_heads(px.Alibi(2)), t, "auto")


def test_a_chain_that_disagrees_blames_the_chain():
  with pytest.raises(ValueError, match=r"chain: got biases of 8 heads \(T5Bias\), 4 heads \(Alibi"):
    px.chain(px.T5Bias(one(32, 8)), px.Alibi(4)).distance_bias(np.arange(3))


def test_a_transposed_table_is_refused():
  with pytest.raises(ValueError, match="got 32 heads in shape .*, wanted the N = 4"):
    _attend(px.T5Bias(one(N, 32)), 64, "auto")


@pytest.mark.parametrize("make, error, message", [
    (lambda: px.Alibi(8.0), TypeError, "num_heads: got 8.0, wanted an int"),
    (lambda: px.Rotary(64.0), TypeError, "dim: got 64.0, wanted an even rotary"),
    (lambda: px.Rotary(8, base="1e4"), TypeError, "base: got '1e4', wanted"),
    (lambda: px.Rotary(8, base=-1), ValueError, "base: got -1"),
    (lambda: px.Alibi(slopes=0.5), ValueError, r"slopes: got 0.5, wanted \[N\]. Alibi\(N\)"),
    (lambda: px.Alibi(), ValueError, "num_heads, slopes: got"),
    (lambda: px.Cope(8), ValueError, r"table: got .* Cope.init\(key, num_positions, head_dim\)"),
    (lambda: px.T5Bias(8), ValueError, r"table: got .* T5Bias.init\(key, num_heads\)"),
    (lambda: px.Fire(8), ValueError, r"w1: got .* Fire.init\(key, num_heads\)"),
    (lambda: px.T5Bias.init(0, N), TypeError, r"key: got 0, wanted a PRNG.*jax.random.key\(0\)"),
    (lambda: px.chain(px.Rotary(8), None), TypeError, "chain argument 1: got None"),
    (lambda: px.chain([px.Rotary(8)]), TypeError, "chain argument 0: got list"),
    (lambda: px.sinusoidal(6, 8), TypeError, "positions: got 6.*jnp.arange"),
    (lambda: px.rotate(Q, np.arange(T), 16), ValueError, "frequencies: got"),
    (lambda: jax.jit(px.sinusoidal)(np.arange(3), 32), TypeError, "static_argnames='d_model'"),
    (lambda: jax.jit(px.alibi_slopes)(12), TypeError, "static_argnames='num_heads'"),
    (lambda: px.share_heads(8), TypeError, "share_heads: got 8, wanted an encoding"),
    (lambda: px.on_heads(2, px.Alibi(2)), TypeError, r"heads: got 2, wanted a slice"),
    (lambda: px.along(-1, px.Alibi(2)), ValueError, "axis: got -1"),
    (lambda: px.along(0, px.MRotary((1, 1))), ValueError, "along: got MRotary, which reads 2 axes"),
])
def test_what_builds_no_encoding(make, error, message):
  with pytest.raises(error, match=message):
    make()


def test_stacked_leaves_need_vmap():
  """Three bases are three encodings; with T = 3 each token once got a base of its own."""
  x = one(1, 3, N, H)
  stacked = px.Rotary(H, base=np.array([10.0, 100.0, 1000.0]), attention_scaling=one(3))
  with pytest.raises(ValueError, match="frequencies: got .*vmap"):
    px.attend(x, x, x, stacked)
  lanes = jax.vmap(lambda e: px.attend(x, x, x, e))(stacked)
  np.testing.assert_allclose(lanes[1], px.attend(x, x, x, px.Rotary(H, base=100.0)), atol=1e-6)


def test_explain_names_the_hooks_that_are_not_run():
  e = px.chain(px.Sinusoidal(16), px.Rotary(H))
  found = px.explain(Q, KV, KV, e, applied=("inputs", "layer"))
  assert found.not_run == ("inputs",)
  assert str(found).endswith("not run here, as applied= says: inputs")
  prepared = px.explain(Q, KV, KV, px.Rotary(H), applied=px.PREPARED)
  assert prepared.not_run == ("qk",) and px.explain(Q, KV, KV, px.Rotary(H)).not_run == ()
