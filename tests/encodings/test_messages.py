# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Mistakes of a first hour with encodings: each message names argument, what came, how to mend."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px

KEY = jax.random.key(0)
X = jnp.ones((1, 3, 2, 8))
AT = jnp.arange(3)
HALF = jnp.arange(3.0)
Z = jnp.ones((2, 3, 3))
MASK = np.tril(np.ones((1, 3, 3), bool))


def _attend(e, **kwargs):
  return px.attend(X, X, X, e, causal=True, **kwargs)


# A size where a table is wanted, or the other way round.
SIZES = {
  "Cope(8)": (lambda: px.Cope(8), r"table: got 8, wanted .*num_positions, H\].*Cope\.init\(key"),
  "T5Bias(8)": (lambda: px.T5Bias(8),
   r"table: got 8, wanted \[num_buckets, N\].*T5Bias\.init\(key"),
  "Fire(8)": (lambda: px.Fire(8), r"w1: got 8, wanted \[W\].*Fire\.init\(key, num_heads\)"),
  "Fox(8)": (lambda: px.Fox(8), r"gate_weight: got 8, wanted \[D, N\].*Fox\.init\(key, d_model"),
  "Pope(8)": (lambda: px.Pope(8), r"delta: got 8, wanted \[N, H\].*Pope\.init\(key"),
  "Learned(8)": (lambda: px.Learned(8), r"table: got 8, wanted \[L, D\].*Learned\.init\(key"),
  "TransformerXL(8)": (lambda: px.TransformerXL(8), r"u: got 8, wanted \[N, H\].*XL\.init\(key"),
  "Shaw('8')": (lambda: px.Shaw("8"), r"key_table: got '8', wanted a float array.*Shaw\.init"),
  "T5Bias(int)": (lambda: px.T5Bias(np.ones((32, 2), int)),
   r"table: got int64\[32, 2\], wanted a f"),
  "Alibi(8.0)": (lambda: px.Alibi(8.0), r"num_heads: got 8.0, wanted an int, at least 1"),
  "Alibi(True)": (lambda: px.Alibi(True), r"num_heads: got True, wanted an int"),
  "Alibi(slopes=0.5)": (lambda: px.Alibi(slopes=0.5), r"slopes: got 0.5, wanted \[N\]"),
  "Alibi(slopes='a')": (lambda: px.Alibi(slopes="a"), r"slopes: got 'a', wanted a float array"),
  "Rotary(64.0)": (lambda: px.Rotary(64.0), r"dim: got 64.0, wanted an even rotary dimension"),
  "base text": (lambda: px.Rotary(64, base="1e4"), r"base: got '1e4', wanted a positive, finite"),
  "base None": (lambda: px.Rotary(64, base=None), r"base: got None, wanted a positive"),
  "scaling": (lambda: px.Rotary(64, attention_scaling=-1.0), r"attention_scaling: got -1.0"),
  "learned": (lambda: px.Rotary.from_frequencies([1.0], learned=1), r"learned: got 1, wanted True"),
  "sections": (lambda: px.MRotary(16), r"sections: got 16, wanted a number of pairs"),
  "sections float": (lambda: px.MRotary((2.0, 1)), r"sections: got 2.0, wanted a number of pairs"),
  "parts": (lambda: px.mrotary_positions(2.0), r"parts: got 2.0, wanted an int"),
  "clamp": (lambda: px.Pope(np.ones((2, 4)), clamp=1), r"clamp: got 1, wanted True or False"),
  "bidirectional": (lambda: px.T5Bias(np.ones((8, 2)), 1), r"bidirectional: got 1, wanted True or"),
  "num_buckets": (lambda: px.T5Bias.init(KEY, 8, num_buckets=32.0), r"num_buckets: got 32.0"),
  "max_distance": (lambda: px.t5_bucket(AT, bidirectional=False, max_distance=128.0),
                   r"max_distance: got 128.0, wanted an int"),
  "train_length": (lambda: px.LogNTemperature("512"), r"train_length: got '512', wanted a length"),
  "Dape widths": (lambda: px.Dape(None, 1, 2, 3),
   r"hidden_weight, hidden_bias, out_weight: got shapes \(\)"),
  "precision": (lambda: px.precision_report(px.Rotary(4), 10.5), r"max_position: got 10.5"),
}
KEYS = {
  "T5Bias": lambda k: px.T5Bias.init(k, 8), "Fire": lambda k: px.Fire.init(k, 8),
  "Pope": lambda k: px.Pope.init(k, 2, 4), "Cope": lambda k: px.Cope.init(k, 8, 4),
  "Fox": lambda k: px.Fox.init(k, 8, 2), "Shaw": lambda k: px.Shaw.init(k, 4),
  "Learned": lambda k: px.Learned.init(k, 8, 4), "SSMax": lambda k: px.SSMax.init(k, 2),
  "TransformerXL": lambda k: px.TransformerXL.init(k, 2, 4),
  "Dape": lambda k: px.Dape.init(k, 2, None),
  "Randomized": lambda k: px.randomized_positions(AT, k, length=4),
}
SHAPES = {
  "Shaw H": (lambda: _attend(px.Shaw.init(KEY, 16)),
             r"key_table: got shape \(33, 16\), wanted \[2k \+ 1, H\], H = 8.*head dim H of q"),
  "Rotary(D)": (lambda: _attend(px.Rotary(16)),
                r"dim: got 16 dims that turn, wanted at most the 8 dims of a head.*not of"),
  "MRotary(D)": (lambda: px.MRotary((4, 4)).qk(X, X, *[jnp.zeros((3, 2), jnp.int32)] * 2),
                 r"sections: got 16 dims that turn, wanted at most the 8"),
  "MRotary [T]": (lambda: _attend(px.MRotary((1, 1, 1)), q_positions=AT, k_positions=AT),
                  r"q_positions: got shape \(3,\), wanted \[\.\.\., T, 3\].*stack\(\[p\] \* 3"),
  "MRotary [3, B, T]": (
    lambda: _attend(px.MRotary((1, 1, 2)), q_positions=jnp.zeros((3, 1, 3), jnp.int32),
                    k_positions=jnp.zeros((3, 1, 3), jnp.int32), q_order=np.arange(3),
                    k_order=np.arange(3)),
                     r"ids of the axes come last: jnp\.moveaxis\(positions, 0"),
  "SSMax heads": (lambda: px.ssmax_scores(Z, None, jnp.ones(3)),
                  r"s: got shape \(3,\), wanted \[N\], N = 2.*SSMax\.init\(key, num_heads\)"),
  "SSMax one": (lambda: px.ssmax_scores(Z, None, jnp.ones(1)),
   r"s: got shape \(1,\), wanted \[N\]"),
  "SSMax offset": (lambda: px.ssmax_scores(Z, None, jnp.ones(2), jnp.ones(1)),
   r"offset: got shape"),
  "slopes": (lambda: px.alibi_bias(AT, jnp.ones((2, 2))),
   r"slopes: got shape \(2, 2\), wanted \[N\]"),
  "t5 table": (lambda: px.t5_bias(AT, jnp.ones(32), bidirectional=False),
   r"table: got shape \(32,\)"),
  "fire": (lambda: px.fire_bias(AT, AT, jnp.ones(3), jnp.ones(4), jnp.ones((3, 2))),
           r"b1: got shape \(4,\), wanted \[W\], W = 3"),
  "fire ranks": (lambda: px.fire_bias(AT[None], AT, jnp.ones(3), jnp.ones(3), jnp.ones((3, 2))),
                 r"q_positions, k_positions: got shapes \(1, 3\) and \(3,\), wanted .*one rank"),
  "lookup": (lambda: px.lookup(jnp.ones(8), AT), r"table: got shape \(8,\), wanted \[L, D\]"),
  "pope frequencies": (lambda: px.polar_expand(X, AT, [1.0]),
                       r"frequencies: got 1 numbers, wanted one for each of the 8 dims"),
  "pope delta": (lambda: px.polar_expand(X, AT, [1.0] * 8, jnp.ones((1, 8))),
                 r"delta: got shape \(1, 8\), wanted \[N, H\], N = 2, H = 8"),
  "xl frequencies": (lambda: px.transformer_xl_bias(
    X, X, AT, AT, jnp.ones((2, 8)), jnp.ones((2, 8)), jnp.ones((6, 2, 8)), [1.0]),
    r"frequencies: got 1 numbers, wanted D / 2 = 3"),
  "mrotate axes": (lambda: px.mrotate(X, jnp.zeros((3, 1), jnp.int32), [1.0, 0.1], (0,)),
                   r"axes: got 1 axes, wanted one for each of the 2 frequencies"),
  "dape heads": (lambda: px.Dape.init(KEY, 2, px.Alibi(8)).scores(Z, px.Tile(
    q_positions=AT, k_positions=AT)), r"bias: got 8 heads, wanted the 2 heads of the scores"),
  "rotate x": (lambda: px.rotate(jnp.ones(8), 0, [1.0]),
   r"x: got shape \(8,\), wanted .*T, N, H\]"),
  "rotate nothing": (lambda: px.rotate(X, AT, []),
                     r"frequencies: got shape \(0,\), wanted one for each pair that turns, at le"),
  "mrotate nothing": (lambda: px.mrotate(X, jnp.zeros((3, 1), jnp.int32), [], ()),
                      r"frequencies: got shape \(0,\), wanted one for each pair"),
  "from no frequencies": (lambda: px.Rotary.from_frequencies(jnp.zeros(0)),
                          r"frequencies: got shape \(0,\), wanted one for each pair"),
  "rotate_by nothing": (lambda: px.rotate_by(X, jnp.ones((3, 1, 0)), jnp.ones((3, 1, 0))),
                        r"cos, sin: got shapes \(3, 1, 0\), so no pair, wanted at least one pair"),
  "no slopes": (lambda: px.Alibi(slopes=jnp.zeros(0)),
                r"slopes: got shape \(0,\), wanted \[N\], none of them 0"),
  "alibi_bias of no head": (lambda: px.alibi_bias(AT, []),
                            r"slopes: got shape \(0,\), wanted \[N\], none of them 0"),
  "no rows": (lambda: px.Learned(jnp.zeros((0, 4))),
              r"table: got shape \(0, 4\), wanted \[L, D\], none of them 0. .*Learned.init"),
  "no heads": (lambda: px.T5Bias(jnp.zeros((32, 0))),
               r"table: got shape \(32, 0\), wanted \[num_buckets, N\], none of them 0"),
  "lookup of no rows": (lambda: px.lookup(jnp.zeros((0, 4)), AT),
                        r"table: got shape \(0, 4\), wanted \[L, D\], none of them 0"),
  "rotate_by": (lambda: px.rotate_by(X, jnp.ones((3, 1, 2)), jnp.ones((3, 1, 1))),
                r"cos, sin: got shapes \(3, 1, 2\) and \(3, 1, 1\)"),
}
DTYPES = {
  "T5 floats": (lambda: _attend(px.T5Bias.init(KEY, 2), q_positions=HALF, k_positions=HALF),
                r"distance: got float32, wanted integers"),
  "Shaw floats": (lambda: px.shaw_index(HALF, HALF, 2),
                  r"q_positions, k_positions: got float32, wanted int32"),
  "distance kinds": (lambda: px.positions.distance(AT, HALF),
                     r"q_positions, k_positions: got int32 and float32, wanted one dtype"),
  "float mask": (lambda: px.ssmax_scores(Z, np.where(MASK, 0, -np.inf), jnp.ones(2)),
                 r"mask: got float64\[1, 3, 3\], wanted bool, True where visible.*mask == 0"),
  "int mask": (lambda: px.cope_positions(Z, MASK.astype(np.int32), 4),
   r"mask: got int32\[1, 3, 3\]"),
  "dape mask": (lambda: px.dape_scores(
    Z, None, *[jnp.ones(s) for s in ((1, 2, 1), 1, (1, 1, 2))], mask=MASK.astype(np.int8)),
    r"mask: got int8\[1, 3, 3\]"),
  "int x": (lambda: px.rotate(jnp.ones((3, 1, 8), jnp.int32), AT, [1.0]),
            r"x: got int32\[3, 1, 8\], wanted a float array"),
  "list x": (lambda: px.rotate("x", AT, [1.0]), r"x: got 'x', wanted a float array"),
  "from_mask": (lambda: px.positions.from_mask([1, 0]), r"mask: got int64, wanted bool"),
}


@pytest.mark.parametrize("case", [*SIZES, *SHAPES, *DTYPES])
def test_messages(case):
  call, message = (SIZES | SHAPES | DTYPES)[case]
  with pytest.raises((ValueError, TypeError), match=message) as caught:
    call()
  assert "Chex" not in str(caught.value)
  if case in DTYPES:
    assert caught.type is TypeError


@pytest.mark.parametrize("name", KEYS)
def test_a_seed_is_no_key(name):
  with pytest.raises(TypeError, match=r"key: got 3, wanted a PRNG key. .*jax\.random\.key\(3\)"):
    KEYS[name](3)
  with pytest.raises(TypeError, match=r"key: got float32\[2\], wanted a PRNG key"):
    KEYS[name](jnp.ones(2))
  with pytest.raises(ValueError, match=r"key: got an array of keys, shape \(3,\), wanted one PRNG"):
    KEYS[name](jax.random.split(jax.random.key(0), 3))
  with pytest.raises(ValueError, match=r"key: got uint32\[5\], wanted uint32\[2\], the words"):
    KEYS[name](jnp.zeros(5, jnp.uint32))
  KEYS[name](jax.random.key(3))
  KEYS[name](jnp.array([0, 3], jnp.uint32) if name == "SSMax" else jax.random.key(0))


@pytest.mark.parametrize("call, name", [
  (lambda: jax.jit(px.sinusoidal)(AT, 32), "d_model"),
  (lambda: jax.jit(px.alibi_slopes)(12), "num_heads"),
  (lambda: jax.jit(px.rotary_frequencies)(8), "dim"),
  (lambda: jax.jit(lambda n: px.t5_bucket(AT, bidirectional=True, num_buckets=n))(32),
   "num_buckets"),
  (lambda: jax.jit(lambda n: px.shaw_index(AT, AT, n))(2), "max_distance"),
  (lambda: jax.jit(lambda n: px.positions.from_lengths(AT, n))(2), "size"),
  (lambda: jax.jit(lambda n: px.cope_positions(Z, None, n))(2), "num_positions"),
  (lambda: jax.jit(lambda n: px.T5Bias.init(KEY, n).table)(2), "num_heads"),
])
def test_traced_settings_are_told_to_be_static(call, name):
  with pytest.raises(TypeError, match=rf"{name}: got int32\[\].*{name} must be static: "
                     rf"jax\.jit\(f, static_argnames='{name}'\)"):
    call()


STACKED = {
  "rotary": (px.Rotary(8, base=np.array([10.0, 20.0, 30.0])), "qk"),
  "rotary scaling": (px.Rotary(8, attention_scaling=np.ones(3, np.float32)), "qk"),
  "vo-rotary": (px.VORotary(8, base=np.array([10.0, 20.0, 30.0])), "values"),
  "m-rotary": (px.MRotary((2, 2), base=np.array([10.0, 20.0, 30.0])), "qk2"),
  "sinusoidal": (px.Sinusoidal(8, base=np.array([10.0, 20.0, 30.0])), "inputs"),
  "sinusoidal scale": (px.Sinusoidal(8, scale=np.ones(3, np.float32)), "inputs"),
  "alibi": (px.Alibi(slopes=np.ones((3, 2), np.float32)), "bias"),
  "t5": (px.T5Bias(jnp.ones((3, 32, 2))), "bias"),
  "log-n": (px.LogNTemperature(np.array([8.0, 16.0, 32.0])), "qk"),
}


@pytest.mark.parametrize("name", STACKED)
def test_stacked_encodings_without_vmap_are_refused(name):
  """With T equal to the lanes each token would get a base of its own, silently."""
  e, hook = STACKED[name]
  two = jnp.zeros((3, 2), jnp.int32)
  use = {"qk": lambda e: e.qk(X, X, AT, AT)[0], "qk2": lambda e: e.qk(X, X, two, two)[0],
         "values": lambda e: e.values(X, AT), "inputs": lambda e: e.inputs(X[0, :, 0], AT),
         "bias": lambda e: e.bias(px.Tile(q_positions=AT, k_positions=AT))}[hook]
  with pytest.raises(ValueError, match=r"needs jax\.vmap over the encoding"):
    use(e)
  lanes = jax.tree.map(lambda x: x if x.shape[:1] == (3,) else jnp.broadcast_to(
    jnp.asarray(x), (3, *x.shape)), e)
  assert jax.vmap(use)(lanes).shape[0] == 3
