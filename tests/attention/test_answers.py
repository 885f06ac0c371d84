# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What hooks of a user's own return: right or refused, in one text for every path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px

_Q = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 4, 8)), jnp.float32)


def _own(hook, answer):
  return px.encoding(type("Own", (px.Encoding,), {hook: answer, "__annotations__": {}}))()


def _far(tile):  # [1 or B, T, S]
  return jnp.abs(tile.distance())


def _heads(x, kind=jnp.float32):  # [.., T, S] as [.., N, T, S]
  return jnp.stack([x.astype(kind)] * 4, axis=-3)


_ANSWERS = {  # name: (hook, method, what the message says)
    "no array": ("bias", lambda self, tile: 3.0, "Own, bias: got 3.0"),
    "no axis of heads": ("bias", lambda self, tile: -_far(tile).astype(jnp.float32),
                         r"Own, bias: got shape \(1, 5, 5\)"),
    "no axis of examples": ("bias", lambda self, tile: _heads(_far(tile)[0]),
                            r"bias: got shape \(4, 5, 5\).*\(2, 4, 5, 5\)"),
    "an axis too many": ("bias", lambda self, tile: _heads(_far(tile))[None],
                         r"bias: got shape \(1, 1, 4, 5, 5\)"),
    "bools for a bias": ("bias", lambda self, tile: _heads(_far(tile)) > 1.0,
                         "bias: got bool, wanted numbers"),
    "complex numbers": ("bias", lambda self, tile: _heads(_far(tile), jnp.complex64),
                        "bias: got complex64"),
    "numbers for a mask": ("visible", lambda self, tile: _far(tile)[:, None],
                           "visible: got int32, wanted bool"),
    "a mask without heads": ("visible", lambda self, tile: _far(tile) < 2,
                             r"visible: got shape \(1, 5, 5\)"),
    "True": ("visible", lambda self, tile: True, "visible: got True"),
    "other keys": ("visible", lambda self, tile: jnp.ones((1, 1, 3, 3), bool),
                   r"visible: got shape \(1, 1, 3, 3\)"),
    "distances without heads": ("distance_bias", lambda self, d: -jnp.abs(d).astype(jnp.float32),
                                r"distance_bias: got shape .*wanted \[N, "),
    "heads last": ("distance_bias", lambda self, d: jnp.stack([-jnp.abs(d)] * 4, axis=-1),
                   r"distance_bias: got shape .*wanted \[N, "),
    "no scores": ("scores", lambda self, scores, tile: None, "scores: got None"),
    "integer scores": ("scores", lambda self, scores, tile: scores.astype(jnp.int32),
                       "scores: got int32"),
    "complex scores": ("scores", lambda self, scores, tile: scores.astype(jnp.complex64),
                       "scores: got complex64"),
    "no weights": ("weights", lambda self, scores, tile: None, "weights: got None"),
    "no output": ("outputs", lambda self, out, positions: None, "outputs: got None"),
    "no values": ("values", lambda self, v, positions: None, "values: got None"),
    "q alone": ("qk", lambda self, q, k, a, b: q, "qk: got float32.*a pair"),
    "integer q": ("qk", lambda self, q, k, a, b: (q.astype(jnp.int32), k), "qk: got int32"),
    "two widths": ("qk", lambda self, q, k, a, b: (q[..., :4], k), "qk: got shapes"),
    "nothing wide": ("expand", lambda self, q, k, a, b: None, "expand: got None"),
}


@pytest.mark.parametrize("name", _ANSWERS)
def test_an_answer_that_does_not_fit_is_refused_in_the_same_words(name):
  hook, method, message = _ANSWERS[name]
  for implementation in ("reference", "rows"):
    with pytest.raises((TypeError, ValueError), match=message):
      jax.eval_shape(lambda implementation=implementation: px.attend(
          _Q, _Q, _Q, _own(hook, method), implementation=implementation))


def test_shared_axes_and_integers_are_right():
  def answer(self, tile):  # [1, N, 1, S]
    return jnp.stack([i * jnp.asarray(tile.k_positions)[:, None] for i in range(4)], axis=1)

  bias = np.arange(4)[:, None, None] * np.arange(5.0)
  q = np.asarray(_Q, np.float64)
  e = np.exp(np.einsum("btnh,bsnh->bnts", q, q) / np.sqrt(8) + bias)
  want = np.einsum("bnts,bsnh->btnh", e / e.sum(-1, keepdims=True), q)
  for implementation in ("reference", "rows"):
    got = px.attend(_Q, _Q, _Q, _own("bias", answer), implementation=implementation)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_prepare_refuses_what_attend_refuses():
  at = range(5)
  for q, k, v, message in (
      (_Q, _Q[:1], _Q, r"q, k, v: got q \(2, 5"), (_Q, _Q, _Q.astype(jnp.int32), "one floating"),
      ([1.0], _Q, _Q, "q: got list"), (_Q[0, 0], _Q, _Q, "of one rank")):
    with pytest.raises((TypeError, ValueError), match=message):
      px.prepare(q, k, v, px.Rotary(8), at, at)


def test_heads_without_dims_are_refused():
  with pytest.raises(ValueError, match="q, k: got head dims 0 and 0"):
    px.attend(_Q[..., :0], _Q[..., :0], _Q)


@px.encoding
class _Fades(px.Encoding):
  strength: jax.Array

  def distance_bias(self, distance):
    return -self.strength[:, None, None] * jnp.abs(distance).astype(jnp.float32)


def test_an_error_inside_a_hook_names_the_hook_and_what_it_got():
  q = jnp.ones((2, 6, 4, 8))
  e = _Fades(np.ones(4, np.float32))
  with pytest.raises((TypeError, ValueError)) as caught:
    px.attend(q, q, q, e, q_positions=np.arange(12).reshape(2, 6),
              k_positions=np.arange(12).reshape(2, 6))
  note, = (n for n in caught.value.__notes__ if n.startswith("In the hook"))
  assert note.startswith("In the hook _Fades.distance_bias(int32[2, 6, 6]). It takes distances")
  assert "x.reshape(x.shape + (1,) * distance.ndim)" in note
  with pytest.raises((TypeError, ValueError)) as caught:  # in a chain too, and once
    px.attend(q, q, q, px.chain(px.Rotary(8), e), q_positions=np.arange(12).reshape(2, 6),
              k_positions=np.arange(12).reshape(2, 6))
  note, = (n for n in caught.value.__notes__ if n.startswith("In the hook"))
  assert note.startswith("In the hook _Fades.distance_bias(")


def test_a_bias_with_heads_at_another_axis_is_told_where_they_belong():
  e = _own("bias", lambda self, tile: jnp.zeros((1, 2, 5, 5)))
  with pytest.raises(ValueError, match=r"Own, bias: got 2 heads in shape \(1, 2, 5, 5\), wanted "
                     r"the N = 4 query heads of q. Build the encoding for 4 heads"):
    px.attend(_Q, _Q, _Q, e)
