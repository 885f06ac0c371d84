# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What no picture can show: it is refused by name, or the picture and a warning say so."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import plots, sweeps
from posenc_jax.plots import weights as weights_module

KEY = jax.random.key(0)
S, A, R = px.Sinusoidal(8), px.Alibi(2), px.Rotary(8)
DRAWN = px.chain(px.Shifted(20), S)
NAN, INF = float("nan"), float("inf")
W = np.full((1, 2, 2), 0.5)


def results(*values, failed=()):
  records = [{"id": f"{e}{s}", "cell": {"encoding": e, "seed": s},
              "status": "nan" if e in failed else "ok",
              "metrics": {"loss": 1.0}, "series": {} if e in failed else {"by": list(values)},
              "axes": {"by": {"label": "length", "values": [16, 32]}}}
             for e in ("rotary", "alibi") for s in (0, 1)]
  return sweeps.Results(tuple(records))


@pytest.mark.parametrize("call, kind, message", [
  (lambda: plots.table(S, 8, positions=[]), ValueError,
   "positions: got shape (0,), wanted [T] or [T, P] with T at least 1."),
  (lambda: plots.table(S, 8, positions=3), ValueError, "positions: got shape (), wanted [T]"),
  (lambda: plots.table(S, 8, positions=np.arange(4097)), ValueError,
   "positions: got 4097, wanted at most 4096."),
  (lambda: plots.table(S, 8, positions=np.arange(5), length=9), ValueError,
   "length: got 9 beside 5 positions, wanted 5. Leave length out where you give positions."),
  (lambda: plots.pattern(R, 1, 8, positions=np.arange(5), length=9), ValueError,
   "length: got 9 beside 5 positions"),
  (lambda: plots.pattern(R, 1, 8, positions=[]), ValueError, "positions: got shape (0,)"),
  (lambda: plots.table(DRAWN, 8, key="x"), TypeError, "key: got 'x', wanted a PRNG key."),
  (lambda: plots.table(DRAWN, 8, key=3), TypeError, "key: got 3, wanted a PRNG key. Make one: "
   "jax.random.key(3)."),
  (lambda: plots.table(DRAWN, 8, key=jax.random.split(KEY, 3)), ValueError,
   "key: got an array of keys, shape (3,), wanted one PRNG key. Pass one of them, as keys[0]"),
  (lambda: plots.table(DRAWN, 8, key=jnp.zeros((3, 2), jnp.uint32)), ValueError,
   "key: got an array of keys, shape (3,), wanted one PRNG key."),
  (lambda: plots.table(DRAWN, 8, key=jnp.zeros(3, jnp.uint32)), ValueError,
   "key: got uint32[3], wanted"),
  (lambda: plots.table(S, 8, key=KEY), ValueError,
   "key: got key<fry>[], wanted None for Sinusoidal, which draws no positions. Leave it out."),
  (lambda: plots.bias(A, 65_537), ValueError, "max_distance: got 65537, wanted at most 65536."),
  (lambda: plots.bias(px.Alibi2D(4), 129), ValueError, "max_distance: got 129, wanted at most 128"),
  (lambda: plots.bias(px.Alibi2D(4), 2, both=True), ValueError,
   "both: got True, wanted False for Alibi2D, which reads two axes. Leave it out"),
  (lambda: plots.bias(px.Alibi(257), 2), ValueError, "heads: got 257, wanted at most 256."),
  (lambda: plots.similarity(R, 8, max_distance=65_537), ValueError, "max_distance: got 65537"),
  (lambda: plots.similarity(R, 8, heads=256, max_distance=65_536), ValueError,
   "max_distance, heads, head_dim: got 65537 x 256 x 8 numbers of keys, wanted at most 67108864"),
  (lambda: plots.similarity(R, 8, heads=4, kv_heads=3), ValueError,
   "kv_heads: got 3, wanted a divisor of heads = 4."),
  (lambda: plots.wavelengths(px.Rotary.from_frequencies(jnp.ones((257, 2)))), ValueError,
   "frequencies"),
  (lambda: plots.pattern(R, 64, 8, length=4096), ValueError,
   "length, heads: got 1 x 64 x 4096 x 4096 weights of 1 draw, wanted at most 67108864 of them."),
  (lambda: plots.pattern(R, 65, 8), ValueError, "heads: got 65, wanted at most 64."),
  (lambda: plots.pattern(R, 1, 8, seed=-1), ValueError, "seed: got -1, wanted an int, at least 0."),
  (lambda: plots.pattern(R, 1, 8, seed=None), TypeError, "seed: got None, wanted an int"),
  (lambda: plots.pattern(R, 1, 8, causal=1), TypeError, "causal: got 1, wanted True or False"),
  (lambda: plots.receptive_field(R, 1, 8, length=4097), ValueError, "length: got 4097, wanted at"),
  (lambda: plots.receptive_field(R, 1, 8, seed="a"), TypeError, "seed: got 'a'"),
  (lambda: plots.attention(np.full((1, 2, 2), -0.5)), ValueError,
   "weights: got numbers from -0.5 to -0.5, wanted weights from 0 to 1. Pass weights, not scores"),
  (lambda: plots.attention(np.full((1, 2, 2), 2)), ValueError, "weights: got numbers from 2 to 2"),
  (lambda: plots.attention(np.zeros((1, 1, 2, 2))), ValueError,
   "weights: got shape (1, 1, 2, 2), wanted [N, T, S], or a list of such, one a layer. Choose one"),
  (lambda: plots.attention(W * 1j), TypeError, "weights: got complex128[1, 2, 2]"),
  (lambda: jax.jit(lambda e: plots.bias(e, 2))(A), TypeError,
   "e: got Alibi with float32[2] whose numbers are not known, wanted an encoding of known number"),
  (lambda: plots.fitting(jax.eval_shape(lambda: px.Alibi(2))), TypeError, "e: got Alibi with"),
  (lambda: plots.attention(np.zeros((1, 0, 2))), ValueError, "weights: got shapes [[1, 0, 2]]"),
  (lambda: plots.attention("abc"), TypeError, "weights: got 'abc' (could not convert"),
  (lambda: plots.attention(3), TypeError, "weights: got 3 ('int' object is not iterable), wa"),
  (lambda: plots.attention(np.broadcast_to(0.5, (64, 1025, 1024))), ValueError,
   "weights: got 1 x 64 x 1025 x 1024 weights, wanted at most 67108864 of them."),
  (lambda: plots.attention(W, mark="a"), TypeError, "mark: got 'a', wanted the index of one of 2"),
  (lambda: plots.attention(W, mark=3), ValueError, "mark: got 3, wanted at most the 2 keys."),
  (lambda: plots.attention(W, tokens=3), TypeError, "tokens: got 3, wanted a list of names."),
  (lambda: plots.attention(np.zeros((1, 3, 2)), tokens="ab"), ValueError,
   "tokens: got names of 2 keys for 3 queries, wanted queries that are the last of the keys."),
])
def test_refused(call, kind, message):
  with pytest.raises(kind) as raised:
    call()
  assert message in str(raised.value)


def note(figure):
  return (figure.axes[0].get_title() + figure.get_suptitle()).replace("\n", " ")


@pytest.mark.parametrize("draw, told", [
  (lambda: plots.bias(px.Alibi(slopes=np.array([NAN, 1], np.float32)), 3), "4 of 8 numbers are"),
  (lambda: plots.bias(px.LevitTable(np.array([[[NAN, 1.0]] * 2] * 2, np.float32)), 1),
   "of 18 numbers are"),
  (lambda: plots.table(px.Learned(np.array([[INF, 0.0], [1, 2]], np.float32)), 2, length=2),
   "1 of 4 numbers is"),
  (lambda: plots.wavelengths(px.Rotary.from_frequencies(jnp.array([1.0, NAN]))),
   "1 of 2 numbers is"),
  (lambda: plots.similarity(px.Rotary.from_frequencies(jnp.array([1.0, NAN])), 4, max_distance=2),
   "numbers are"),
  (lambda: plots.pattern(px.Alibi(slopes=np.array([NAN], np.float32)), 1, 8, length=3),
   "numbers are"),
  (lambda: plots.receptive_field(px.Alibi(slopes=np.array([NAN], np.float32)), 1, 8, length=3),
   "3 of 3 numbers are"),
  (lambda: plots.attention(np.array([[[NAN, 1.0]]])), "1 of 2 numbers is"),
  (lambda: plots.loss_against_length(results(1.0, NAN)), "2 of 4 numbers are"),
  (lambda: plots.loss_against_length(results(1.0, INF)), "2 of 4 numbers are"),
], ids=lambda x: x if isinstance(x, str) else "")
def test_what_is_not_finite_is_said_on_the_picture_and_in_a_warning(draw, told):
  with pytest.warns(UserWarning, match=f"got .*{told[-11:].replace('numbers', 'numbers that')}"):
    figure = draw()
  assert told in note(figure) and "NaN or infinite and left out" in note(figure)
  figure.draw_without_rendering()


def test_a_setting_without_a_line_is_named():
  with pytest.warns(UserWarning, match="results: got no by of encoding alibi .2 nan., wanted a l"):
    figure = plots.loss_against_length(results(1.0, 2.0, failed=("alibi",)))
  assert "no line: encoding alibi (2 nan)" in note(figure)


def test_the_scale_is_of_what_is_finite():
  e = px.Learned(np.array([[NAN, 0.0], [-3, 2]], np.float32))
  with pytest.warns(UserWarning):
    image = plots.table(e, 2, length=2).axes[0].images[0]
  assert image.get_clim() == (-3.0, 3.0)
  assert image.get_array().mask.tolist() == [[True, False], [False, False]]
  assert image.axes.get_facecolor()[:3] == (0.6, 0.6, 0.6)  # not white, which is zero


def test_weights_that_are_no_numbers_are_grey_and_not_white():
  with pytest.warns(UserWarning):
    shades, unknown = plots.attention(np.array([[[NAN, 0.0], [0.5, 0.5]]])).axes[0].images
  assert shades.get_array().mask.tolist() == [[True, True], [False, False]]
  assert unknown.get_array().mask.tolist() == [[False, True], [True, True]]


def test_a_key_draws_positions():
  one, two = (plots.table(DRAWN, 8, length=4, key=jax.random.key(i)).axes[0].images[0].get_array()
              for i in (0, 1))
  assert not np.allclose(one, two)


def test_the_last_query_alone_is_that_of_all():
  at = np.arange(9, dtype=np.int32)
  every, last = (weights_module._drawn_weights(px.chain(R, A), (2, 1, 8), at, 9, True, 3, 5, last=x)
                 for x in (False, True))
  np.testing.assert_allclose(last, every[:, :, -1:], atol=1e-6)
