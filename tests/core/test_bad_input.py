# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Inputs that other libraries take without a word, or refuse without one: what this one says.

One row for each kind of input. REFUSED is an error whose text is tested; VALID is what the
documentation calls right, with a test of the value. Attention's own arguments have tables of their
own in tests/attention, encodings in tests/encodings/test_messages.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from experiments import compare
from posenc_jax import functions, nn

Q = jnp.ones((2, 6, 4, 8))
AT = np.arange(6, dtype=np.int32)
TABLE = jnp.ones((4, 2))


def llama(**settings):
  """The rotation of a config with these settings."""
  return px.from_hf({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 8,
                     "max_position_embeddings": 64, "rope_theta": 1e4, **settings})


def scaled(**scaling):
  return llama(rope_scaling=scaling)


def faults(**settings):
  """What running the comparison with these settings says."""
  return compare.run(compare.Config(out=None, **settings))


REFUSED = {
  "no class": (lambda: px.encoding(3), "cls: got 3, wanted a subclass of px.Encoding. Write @px"),
  "a class of something else": (lambda: px.encoding(int), "wanted a subclass of px.Encoding"),
  "key for positions": (lambda: px.sinusoidal(jax.random.key(0), 32),
                        "positions: got a PRNG key, wanted int32"),
  "odd head dim": (lambda: px.Rotary(15),
                   "dim: got 15, wanted an even rotary dimension. Rotate 14 dims"),
  "odd head dim of a grid": (lambda: faults(encodings=("rotary",), d_model=(60,), head_dim=(15,)),
                             "--d_model=60 and --head_dim=15 (dim: got 15, wanted an even"),
  "head dim 0": (lambda: px.Rotary(0), "dim: got 0, wanted an even rotary dimension"),
  "width and heads": (lambda: nn.TransformerLM(11, 30, 1, 4, rngs=nnx.Rngs(0)),
                      "d_model, num_heads: got 30 and 4, wanted a d_model that num_heads divides. "
                      "Use d_model=28 or 32"),
  "negative row": (lambda: px.lookup(TABLE, np.array([-1])),
                   "positions: got row -1, wanted rows 0 to 3 of the table"),
  "row beyond": (lambda: px.lookup(TABLE, np.array([4])),
                 "positions: got row 4, wanted rows 0 to 3 of the table. Build the table with at"),
  "real row": (lambda: px.lookup(TABLE, np.array([1.0])), "positions: got float"),
  "int64 beyond int32": (lambda: px.sinusoidal(np.array([2**31 + 5]), 8),
                         "positions: got 2147483653, wanted numbers of int32"),
  "list beyond int32": (lambda: px.sinusoidal([2**31], 8), "positions: got 2147483648, wanted"),
  "bfloat16": (lambda: px.sinusoidal(jnp.arange(4, dtype=jnp.bfloat16), 8),
               "bfloat16 cannot hold every integer above 256; pass int32 positions"),
  "float16": (lambda: px.rotate(Q, jnp.arange(6, dtype=jnp.float16), px.rotary_frequencies(8)),
              "float16 cannot hold every integer above 2048; pass int32 positions"),
  "positions of other tokens": (lambda: px.rotate(Q, np.arange(7), px.rotary_frequencies(8)),
                                "positions: got shape (7,), wanted [..., T] with T = 6"),
  "positions of more axes": (
    lambda: px.rotate(Q, np.zeros((3, 2, 6), int), px.rotary_frequencies(8)),
    "positions: got shape (3, 2, 6), wanted [..., T] with T = 6 and at most 1 batch axes"),
  "heads": (lambda: px.attend(Q, Q[:, :, :3], Q[:, :, :3]),
            "q, k: got 4 query heads and 3 key heads, wanted a number of query heads that is a"),
  "head dims": (lambda: px.attend(Q, Q[..., :4], Q), "q, k: got head dims 8 and 4, wanted equal"),
  "mask of other keys": (lambda: px.attend(Q, Q, Q, mask=np.ones((2, 1, 6, 5), bool)),
                         "mask: got shape (2, 1, 6, 5), wanted [..., 1 or 4, 6, 6]"),
  "mask of integers": (lambda: px.attend(Q, Q, Q, mask=np.ones((2, 1, 6, 6), int)),
                       "mask: got int64, wanted bool, True where visible"),
  "segments of other tokens": (lambda: px.attend(Q, Q, Q, segments=np.zeros((2, 5), int)),
                               "q_segments: got shape (2, 5), wanted [..., T] with T = 6"),
  "base 0": (lambda: px.rotary_frequencies(8, base=0.0),
             "base: got 0.0, wanted a positive, finite number. The paper's value is 10000.0"),
  "base below 0": (lambda: px.Rotary(8, base=-1.0), "base: got -1.0, wanted a positive, finite"),
  "slopes NaN": (lambda: px.Alibi(slopes=[float("nan"), 1.0]),
                 "slopes: got [nan, 1.0], wanted finite numbers. Alibi(N) has the paper's slopes"),
  "slopes inf": (lambda: px.alibi_bias(AT, (1.0, float("inf"))),
                 "slopes: got (1.0, inf), wanted finite numbers"),
  "base NaN": (lambda: px.Rotary(8, base=float("nan")), "base: got nan, wanted a positive"),
  "base of a table": (lambda: px.sinusoidal(AT, 8, base=0.0), "base: got 0.0, wanted a positive"),
  "theta 0": (lambda: llama(rope_theta=0), "rope_theta: got 0, wanted a finite number above 0"),
  "theta below 0": (lambda: llama(rope_theta=-1.0), "rope_theta: got -1.0, wanted a finite"),
  "factor below 1": (lambda: scaled(rope_type="linear", factor=0.5),
                     "factor: got 0.5, wanted at least 1. A context that grows fourfold has factor "
                     "4, not 1/4. If it is meant, build the frequencies: posenc_jax.functions."),
  "factor below 1 of YaRN": (
    lambda: scaled(rope_type="yarn", original_max_position_embeddings=128),
    "factor: got 0.5, wanted at least 1"),
  "shrinking by chance": (lambda: functions.linear_frequencies(8, 0.25),
                          "factor: got 0.25, wanted at least 1. A context that grows fourfold has "
                          "factor 4, not 1/4. If it shall turn faster than trained, say "
                          "allow_shrink=True."),
  "shrinking to nothing": (lambda: functions.linear_frequencies(8, 0.0, allow_shrink=True),
                           "factor: got 0.0, wanted a positive, finite number"),
  "factor 0": (lambda: scaled(rope_type="linear", factor=0.0),
               "factor: got 0.0, wanted a finite number above 0. Look at the model's config.json"),
  "unknown type": (lambda: scaled(rope_type="nope", factor=2.0),
                   "rope_type: got 'nope', wanted one of default, linear, dynamic, yarn"),
  "misspelt type": (lambda: scaled(rope_type="yarm", factor=2.0), "Did you mean 'yarn'?"),
  "swapped betas": (lambda: scaled(rope_type="yarn", factor=2.0, beta_fast=1, beta_slow=32),
                    "beta_fast, beta_slow: got (1.0, 32.0), wanted beta_fast at least beta_slow. "
                    "Swap them"),
  "factors of other dims": (
    lambda: scaled(rope_type="longrope", factor=2.0, short_factor=[1.0] * 3,
                   long_factor=[1.0] * 4),
    "factors: got 3 numbers, wanted 4, one a pair. Check the rotary dim"),
  "few distances": (lambda: px.t5_bucket(AT, bidirectional=False, max_distance=16),
                    "max_distance: got 16, wanted more than the 16 exact buckets"),
  "odd buckets": (lambda: px.t5_bucket(AT, bidirectional=True, num_buckets=31),
                  "num_buckets: got 31, wanted an even number, at least 4"),
  "empty grid": (lambda: faults(d_model=()),
                 "--d_model: got no values, so the grid is empty, wanted at least one"),
  "rate NaN": (lambda: faults(learning_rate=(float("nan"),)),
               "--learning_rate: got nan, wanted a finite number"),
  "rate infinite": (lambda: faults(learning_rate=(float("inf"),)),
                    "--learning_rate: got inf, wanted a finite number"),
  "text for a list": (lambda: faults(encodings="rotary"),
                      "--encodings: got 'rotary', wanted a tuple of values, such as (\"rotary\",)"),
  "a length": (lambda: px.sinusoidal(128, 64),
               "positions: got 128, wanted positions, an array. A length is no position: "
               "jnp.arange(128) counts the tokens"),
  "a length as an array": (lambda: px.Sinusoidal(8).inputs(jnp.ones((2, 6, 8)), jnp.array(6)),
                           "A length is no position: jnp.arange(6) counts the tokens from 0"),
  "a width for frequencies": (lambda: px.rotate(Q, AT, 8), "frequencies: got 8, wanted [r // 2] "
                              "radians per position, or Frequencies. For a rotary dimension: px."),
  "traced width": (lambda: jax.jit(px.sinusoidal)(AT, 32),
                   "d_model: got int32[], wanted an int, at least 1. d_model must be static"),
}
# Each function that a factor stretches: all refuse one below 1, and take it when told.
STRETCHED = {
  "linear": lambda **kw: functions.linear_frequencies(8, 0.5, **kw),
  "NTK": lambda **kw: functions.ntk_base(1e4, 0.5, 8, **kw),
  "by parts": lambda **kw: functions.by_parts_frequencies(8, factor=0.5, original=64, **kw),
  "YaRN": lambda **kw: functions.yarn_frequencies(8, factor=0.5, original=64, **kw),
  "YaRN by turns": lambda **kw: functions.yarn_frequencies(8, factor=0.5, original=64,
                                                           ramp="turns", **kw),
  "Llama 3.1": lambda **kw: functions.llama3_frequencies(8, factor=0.5, original=64, **kw),
  "MrRoPE": lambda **kw: functions.mrrope_frequencies(8, factor=0.5, original=64, **kw),
}


@pytest.mark.parametrize("name", STRETCHED)
def test_a_factor_below_1_must_be_meant(name):
  with pytest.raises(ValueError, match=r"factor: got 0.5, wanted at least 1. .*allow_shrink=True"):
    STRETCHED[name]()
  with pytest.raises(TypeError, match="allow_shrink: got 1, wanted True or False"):
    STRETCHED[name](allow_shrink=1)
  slowest = np.asarray(STRETCHED[name](allow_shrink=True)).reshape(-1)[-1]
  slow = (5e5 if name == "Llama 3.1" else 1e4) ** -0.75 * 2
  wanted = 1e4 * 0.5 ** (8 / 6) if name == "NTK" else slow
  np.testing.assert_allclose(slowest, wanted, rtol=1e-12)


@pytest.mark.parametrize("make", [
  lambda: px.Rotary(8, base=1.0), lambda: px.sinusoidal(AT, 8, base=1),
  lambda: px.rotary_frequencies(8, base=np.array([1.0, 10.0])), lambda: llama(rope_theta=1.0)])
def test_a_base_of_1_is_warned_of(make):
  """It is legal, and the end of a sweep, but every pair has the same frequency."""
  with pytest.warns(UserWarning, match="base: got 1.0, wanted another number than 1. All") as w:
    make()
  assert [x.filename for x in w] == [__file__]


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
  call, message = REFUSED[case]
  with pytest.raises((ValueError, TypeError)) as caught:
    call()
  assert message in str(caught.value)


def equal(x, y):
  return np.array_equal(np.asarray(x), np.asarray(y))


VALID = {
  "odd width of a table": lambda: px.sinusoidal(AT, 5).shape == (6, 5),
  "no tokens": lambda: px.attend(Q[:, :0], Q[:, :0], Q[:, :0], px.Alibi(4)).shape == (2, 0, 4, 8),
  "no tokens of T5": lambda: px.t5_bias(np.zeros((0, 0), np.int32), jnp.ones((32, 2)),
                                        bidirectional=False).shape == (2, 0, 0),
  "no positions": lambda: px.sinusoidal(np.arange(0), 8).shape == (0, 8),
  "negative positions": lambda: np.allclose(px.sinusoidal(-AT, 8)[:, ::2],
                                            -px.sinusoidal(AT, 8)[:, ::2], atol=1e-7),
  "lists": lambda: equal(px.sinusoidal([0, 1, 2], 4), px.sinusoidal(np.arange(3), 4)),
  "traced NaN": lambda: bool(jnp.isnan(jax.jit(lambda s: px.Alibi(slopes=s).slopes)(
    jnp.array([float("nan"), 1.0]))[0])),
  "traced row beyond": lambda: bool(jnp.isnan(jax.jit(px.lookup)(TABLE, np.array([4]))).all()),
  "real positions": lambda: np.allclose(px.sinusoidal(AT + np.float32(0.5), 2)[:, 0],
                                        np.sin(AT + 0.5), atol=1e-7),
  "one pair of any base": lambda: px.rotary_frequencies(2, base=1.0).tolist() == [1.0],
  "a row that sees nothing": lambda: equal(
    px.attend(Q, Q, Q, mask=np.zeros((2, 1, 6, 6), bool)), np.zeros((2, 6, 4, 8))),
  "two encodings": lambda: equal(px.chain(px.Alibi(4), px.Alibi(4)).bias(
    px.Tile(q_positions=AT, k_positions=AT)), 2 * px.Alibi(4).bias(
      px.Tile(q_positions=AT, k_positions=AT))),
}


@pytest.mark.parametrize("case", VALID)
def test_valid(case):
  assert VALID[case]()


def test_gradients_of_rows_that_see_nothing_are_finite():
  mask = np.zeros((2, 1, 6, 6), bool)
  assert jnp.isfinite(jax.grad(lambda q: px.attend(q, Q, Q, mask=mask).sum())(Q)).all()


@pytest.mark.parametrize("module", [px, px.functions], ids=lambda m: m.__name__)
def test_each_name_is_exported_once(module):
  """A merge once joined two versions of the list."""
  assert len(set(module.__all__)) == len(module.__all__)
  assert all(hasattr(module, name) for name in module.__all__)
