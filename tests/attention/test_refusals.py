# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What attention refuses, and in which words: the argument, what came, what was wanted, the mend.

A row of a table is one mistake. Every row is tried through `attend` and `explain`, and through
`context_attend` where that has the argument.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests.support.refusals import FUNCTIONS, KV, B, H, K, N, Q, T, check, refused

AT = np.arange(T, dtype=np.int32)
KEY = jax.random.key(0)


def both(x):
  """The same for queries and keys."""
  return {"q_positions": x, "k_positions": x}


def orders(x):
  return {"q_order": x, "k_order": x, "causal": True}


INT32 = "numbers of int32, -2^31 to 2^31 - 1"
NAN = np.where(AT == 2, np.nan, AT).astype(np.float32)
INF = np.where(AT == 2, np.inf, AT).astype(np.float32)


@refused([
    ("nan", both(NAN), ValueError,
     ("q_positions", "NaN or infinity", "finite positions", "mask it out")),
    ("nan-rotary", dict(e=px.Rotary(H), **both(NAN)), ValueError,
     ("q_positions", "NaN or infinity", "finite positions", "Give padding any finite position")),
    ("infinity", dict(e=px.Alibi(N), **both(INF)), ValueError,
     ("q_positions", "NaN or infinity", "finite positions", "mask it out")),
    ("nan-order", orders(NAN), ValueError,
     ("q_order", "NaN or infinity", "finite", "mask it out")),
    ("int64-above", both(AT.astype(np.int64) + 2**31), ValueError,
     ("q_positions", str(2**31 + 5), INT32, "Subtract a common origin")),
    ("int64-below", dict(e=px.Rotary(H), **both(AT.astype(np.int64) - 2**31 - 1)), ValueError,
     ("q_positions", str(-(2**31) - 1), INT32, "Subtract a common origin")),
    ("int64-crossing", dict(e=px.Rotary(H), **both(AT.astype(np.int64) + 2**31 - 2)), ValueError,
     ("q_positions", str(2**31 + 3), INT32, "Subtract a common origin")),
    ("int64-by-one", dict(e=px.Rotary(H), **both(AT.astype(np.int64) + 2**31 - 5)), ValueError,
     ("q_positions", str(2**31), INT32, "Subtract a common origin")),
    ("uint32-above", dict(e=px.Alibi(N), **both(AT.astype(np.uint32) + np.uint32(2**32 - 9))),
     ValueError, ("q_positions", str(2**32 - 4), INT32, "Subtract a common origin")),
    ("uint64-above", both(AT.astype(np.uint64) + np.uint64(2**63)), ValueError,
     ("q_positions", str(2**63 + 5), INT32, "Subtract a common origin")),
    ("list-above", both([2**40] * T), ValueError,
     ("q_positions", str(2**40), INT32, "Subtract a common origin")),
    ("list-beyond-64-bits", both([2**70] * T), ValueError,
     ("q_positions", str(2**70), INT32, "Subtract a common origin")),
    ("order-above", orders(AT.astype(np.int64) * 2**40), ValueError,
     ("q_order", str(5 * 2**40), INT32, "Subtract a common origin")),
    ("segments-above", dict(segments=AT.astype(np.int64) + 2**40), ValueError,
     ("q_segments", str(2**40 + 5), INT32, "Subtract a common origin")),
    ("float-above", dict(e=px.Rotary(H), **both(AT.astype(np.float32) + 3e9)), ValueError,
     ("q_positions", "3000000000.0", "below 2^31", "count in a larger unit")),
    ("float64-seconds", dict(e=px.Rotary(H), **both(AT + 1.7e9)), ValueError,
     ("q_positions", "float64 positions that float32 moves", "float32 holds", "jax_enable_x64")),
    ("apart", dict(e=px.Alibi(N), q_positions=np.full(T, -2**31), k_positions=AT), ValueError,
     ("q_positions, k_positions", "from -2147483648 to 5", "less than 2^31 apart", "restart")),
    ("int-and-float", dict(e=px.Rotary(H), q_positions=AT, k_positions=AT.astype(np.float32)),
     TypeError, ("q_positions, k_positions", "int32 and float32", "one dtype", "both to int32")),
    ("int-and-float-order", dict(q_order=AT, k_order=AT.astype(np.float32), causal=True),
     TypeError, ("q_order, k_order", "int32 and float32", "one dtype", "both to int32")),
    ("bfloat16", both(jnp.asarray(AT, jnp.bfloat16)), TypeError,
     ("q_positions", "bfloat16", "int32, or float32", "pass int32 positions")),
    ("bool", both(AT > 2), TypeError, ("q_positions", "bool", "int32", "astype(jnp.int32)")),
    ("bool-list", both([True] * T), TypeError,
     ("q_positions", "list of bool", "int32", "jnp.asarray")),
    ("complex", both(AT + 0j), TypeError, ("q_positions", "complex128", "int32", "astype")),
    ("text", both("0 1 2"), TypeError, ("q_positions", "'0 1 2'", "int32", "jnp.asarray")),
    ("none-list", both([None] * T), TypeError,
     ("q_positions", "list of object", "int32", "jnp.asarray")),
    ("ragged", both([[1], [1, 2]]), TypeError, ("q_positions", "list", "int32", "jnp.asarray")),
    ("dates", both(AT.astype("datetime64[s]")), TypeError,
     ("q_positions", "datetime64[s]", "int32", "astype")),
    ("length", dict(e=px.Rotary(H), **both(T)), ValueError,
     ("q_positions", "shape ()", "T = 6", "jnp.arange(6) counts")),
    ("length-none", both(T), ValueError,
     ("q_positions", "shape ()", "T = 6", "jnp.arange(6) counts")),
    ("other-tokens", dict(e=px.Rotary(H), **both(np.arange(7))), ValueError,
     ("q_positions", "shape (7,)", "T = 6", "slice them as the tokens were sliced")),
    ("other-tokens-none", dict(causal=True, **both(np.arange(7))), ValueError,
     ("q_positions", "shape (7,)", "T = 6", "slice them as the tokens were sliced")),
    ("other-tokens-cope", dict(e=px.Cope.init(KEY, 4, H), causal=True, **both(np.arange(7))),
     ValueError, ("q_positions", "shape (7,)", "T = 6", "slice them as")),
    ("other-batch", dict(e=px.Alibi(N), **both(np.zeros((2, T), int))), ValueError,
     ("q_positions", "shape (2, 6)", "batch axes (3,) of q, or 1", "leave the axis out")),
    ("other-batch-none", both(np.zeros((2, T), int)), ValueError,
     ("q_positions", "shape (2, 6)", "batch axes (3,) of q, or 1", "leave the axis out")),
    ("batch-for-one", dict(q=Q[:1], k=KV[:1], v=KV[:1], e=px.Alibi(N),
                           **both(np.zeros((3, T), int))), ValueError,
     ("q_positions", "shape (3, 6)", "batch axes (1,) of q", "leave the axis out")),
    ("other-batch-axes", dict(e=px.MRotary((2, 2)), **both(np.zeros((2, T, 2), int))), ValueError,
     ("q_positions", "shape (2, 6, 2)", "batch axes (3,) of q", "leave the axis out")),
    ("other-batch-order", orders(np.zeros((2, T), int)), ValueError,
     ("q_order", "shape (2, 6)", "batch axes (3,) of q", "leave the axis out")),
    ("batch-for-one-segments", dict(q=Q[:1], k=KV[:1], v=KV[:1], segments=np.zeros((3, T), int)),
     ValueError, ("q_segments", "shape (3, 6)", "batch axes (1,) of q", "leave the axis out")),
    ("one-side", dict(e=px.Alibi(N), q_positions=AT), ValueError,
     ("q_positions, k_positions", "one of them", "both or neither", "go together")),
    ("no-axes", dict(e=px.MRotary((2, 1, 1)), **both(AT)), ValueError,
     ("q_positions", "shape (6,)", "[..., T, 3]", "jnp.stack([p] * 3, axis=-1)")),
    ("axes-first", dict(e=px.MRotary((2, 1, 1)), **both(np.zeros((3, B, T), int))), ValueError,
     ("q_positions", "shape (3, 3, 6)", "[..., T, 3]", "jnp.moveaxis(positions, 0, -1)")),
    ("axes-missing", dict(e=px.MRotary((2, 1, 1))), ValueError,
     ("q_positions, k_positions", "None", "positions of 3 axes", "equal ids for text")),
    ("axes-too-many", dict(e=px.Alibi(N), **both(np.zeros((T, 2), int))), ValueError,
     ("q_positions", "shape (6, 2)", "[..., T]", "px.along(axis, encoding)")),
    ("axis-beyond", dict(e=px.along(2, px.Alibi(N)), **both(np.zeros((T, 2), int))), ValueError,
     ("q_positions", "2 axes", "more than 2 of them", "reads the axis of that index")),
    ("driven-missing", dict(e=px.Fox.init(KEY, 5, N), applied="layer"), ValueError,
     ("q_positions, k_positions", "None", "the positions that Fox drives", "encoding.layer(x")),
    ("driven-index", dict(e=px.Fox.init(KEY, 5, N), applied="layer", **both(AT)), ValueError,
     ("q_positions", "shape (6,)", "driven positions [..., T, 2, 4]", "layer(x, positions)")),
    ("each-of-another-chain", dict(e=px.chain(px.Rotary(H), px.Alibi(N)), **both(px.Each((AT,)))),
     ValueError, ("q_positions", "positions of 1 members", "chain's 2", "this very chain")),
    ("decode-without", dict(q=Q[:, :1], e=px.Rotary(H)), ValueError,
     ("q_positions, k_positions", "None with T=1, S=6", "every token", "for decoding")),
    ("decode-without-order", dict(q=Q[:, :1], causal=True), ValueError,
     ("q_order, k_order", "None with T=1, S=6", "the order of tokens", "for decoding")),
])
def test_positions_orders_and_segments(function, call, error, message):
  check(function, dict(call), error, message)


def test_distances_of_device_arrays_are_checked_too():
  check("attend", dict(e=px.Alibi(N), q_positions=jnp.full(T, -2**31), k_positions=jnp.array(AT)),
        ValueError,
        ("q_positions, k_positions", "from -2147483648 to 5", "less than 2^31 apart", "restart"))


def _traced(name, value, **options):
  """A call with one traced argument, as a function of the three."""
  def call(function):
    jax.eval_shape(lambda x: function(Q, KV, KV, **{name: x}, **options), value)
  return call


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name, value, wanted", [
    ("causal", True, "causal: got bool[], wanted True or False, known on the host. It shapes the"),
    ("window", np.int32(2), "window must be static: jax.jit(f, static_argnames='window')"),
    ("tile", np.int32(2), "tile must be static: jax.jit(f, static_argnames='tile')"),
])
def test_traced_settings(function, name, value, wanted):
  with pytest.raises(TypeError) as found:
    _traced(name, value)(FUNCTIONS[function])
  assert wanted in str(found.value)


MASK = "[..., 1 or 4, 6, 6] (heads, queries, keys)"


@refused([
    ("window-negative", dict(window=-1), ValueError,
     ("window", "-1", "an integer >= 0 or a pair", "window=(128, 0)")),
    ("window-float", dict(window=2.0), TypeError, ("window", "2.0", "integer >= 0", "(128, 0)")),
    ("window-bool", dict(window=True), TypeError, ("window", "True", "integer >= 0", "(128, 0)")),
    ("window-text", dict(window="2"), TypeError, ("window", "'2'", "integer >= 0", "(128, 0)")),
    ("window-array", dict(window=np.array([2, 1])), TypeError,
     ("window", "int64[2]", "a pair (left, right)", "(128, 0)")),
    ("window-three", dict(window=(1, 2, 3)), ValueError,
     ("window", "(1, 2, 3)", "a pair (left, right)", "(128, 0)")),
    ("window-open", dict(window=(128, None)), TypeError,
     ("window", "(128, None)", "an integer >= 0 for each side", "pass 2**31 - 1")),
    ("causal-number", dict(causal=1), TypeError, ("causal", "1", "True or False", "a Python bool")),
    ("causal-array", dict(causal=jnp.array(True)), TypeError,
     ("causal", "bool[]", "True or False, known on the host", "a Python bool")),
    ("tile-zero", dict(tile=0), ValueError, ("tile", "0", "at least 1", "None chooses")),
    ("tile-bool", dict(tile=True), TypeError, ("tile", "True", "at least 1", "None chooses")),
    ("tile-float", dict(tile=4.0), TypeError, ("tile", "4.0", "at least 1", "None chooses")),
    ("scale-head", dict(scale=np.ones((N, 1, 1), np.float32)), ValueError,
     ("scale", "shape (4, 1, 1)", "a single number", "scale[:, None]")),
    ("scale-keys", dict(scale=jnp.ones(T)), ValueError,
     ("scale", "shape (6,)", "a single number", "scale[:, None]")),
    ("scale-one", dict(scale=jnp.ones(1)), ValueError,
     ("scale", "shape (1,)", "a single number", "scale[:, None]")),
    ("scale-list", dict(scale=[0.5]), ValueError,
     ("scale", "shape (1,)", "a single number", "scale[:, None]")),
    ("scale-bool", dict(scale=True), TypeError, ("scale", "True", "a number", "scale[:, None]")),
    ("scale-text", dict(scale="0.5"), TypeError, ("scale", "'0.5'", "a number", "scale[:, None]")),
    ("scale-nan", dict(scale=float("nan")), ValueError,
     ("scale", "nan", "a finite number", "None takes 1 / sqrt(H)")),
    ("scale-infinite", dict(scale=np.float32(np.inf)), ValueError,
     ("scale", "inf", "a finite number", "None takes 1 / sqrt(H)")),
    ("segments-bool", dict(segments=AT > 2), TypeError,
     ("q_segments", "bool", "integers", "astype(jnp.int32)")),
    ("segments-float", dict(segments=AT * 1.0), TypeError,
     ("q_segments", "float64", "integers", "astype(jnp.int32)")),
    ("segments-tuple", dict(segments=(0, 0, 1, 1, 2, 2)), ValueError,
     ("segments", "a tuple of 6", "a pair (of the queries, of the keys)", "jnp.asarray")),
    ("segments-one", dict(q=Q[:, :1], segments=AT), ValueError,
     ("segments", "one array", "a pair, as T=1 and S=6 differ", "(q_segments, k_segments)")),
    ("lengths-too-long", dict(lengths=[7, 6, 6]), ValueError,
     ("lengths", "[7, 6, 6]", "numbers from 0 to 6", "Count the real tokens")),
    ("lengths-negative", dict(lengths=-1), ValueError,
     ("lengths", "-1", "numbers from 0 to 6", "Count the real tokens")),
    ("lengths-shape", dict(lengths=[1, 2]), ValueError,
     ("lengths", "shape (2,)", "one number an example, shape (3,)", "Count the real tokens")),
    ("lengths-bool", dict(lengths=np.array([True] * 3)), TypeError,
     ("lengths", "bool", "integers", "astype(jnp.int32)")),
    ("lengths-float", dict(lengths=4.0), TypeError,
     ("lengths", "float64", "integers", "astype(jnp.int32)")),
    ("lengths-none", dict(lengths=(3, None)), TypeError,
     ("lengths", "None", "integers", "jnp.asarray")),
    ("lengths-pair", dict(q=Q[:2], k=KV[:2], v=KV[:2], lengths=(6, 3)), ValueError,
     ("lengths", "(6, 3) for two examples", "one length an example", "jnp.asarray([a, b])")),
    ("prefix-alone", dict(prefix=2), ValueError,
     ("prefix", "2", "causal=True or a window with it", "a prefix changes nothing")),
    ("prefix-too-long", dict(prefix=9, causal=True), ValueError,
     ("prefix", "9", "numbers from 0 to 6", "Count the tokens of each prefix")),
    ("prefix-pair", dict(prefix=(2, 2), causal=True), ValueError,
     ("prefix", "shape (2,)", "one number an example, shape (3,)", "visible to every query")),
    ("prefix-bool", dict(prefix=True, causal=True), TypeError,
     ("prefix", "True", "integers", "jnp.asarray")),
    ("prefix-float", dict(prefix=2.0, causal=True), TypeError,
     ("prefix", "float64", "integers", "jnp.int32")),
    ("mask-int", dict(mask=np.ones((1, T, T), int)), TypeError,
     ("mask", "int64", "bool, True where visible", "mask > 0")),
    ("mask-float", dict(mask=np.zeros((1, T, T))), TypeError,
     ("mask", "float64", "bool, True where visible", "additive biases belong to an encoding")),
    ("mask-list", dict(mask=[[True]]), TypeError,
     ("mask", "list", "a bool array, True where visible", "jnp.asarray(mask, bool)")),
    ("mask-text", dict(mask="causal"), TypeError,
     ("mask", "'causal'", "a bool array", "jnp.asarray(mask, bool)")),
    ("mask-tokens", dict(mask=np.ones((T, T), bool)), ValueError,
     ("mask", "shape (6, 6)", MASK, "mask[None]")),
    ("mask-examples", dict(mask=np.ones((B, T, T), bool)), ValueError,
     ("mask", "shape (3, 6, 6)", MASK, "mask[:, None]")),
    ("mask-examples-or-heads", dict(q=np.ones((4, T, N, H), np.float32),
                                    k=np.ones((4, T, K, H), np.float32),
                                    v=np.ones((4, T, K, H), np.float32),
                                    mask=np.ones((4, T, T), bool)), ValueError,
     ("mask", "shape (4, 6, 6), where batch and heads are both 4", "all axes", "mask[:, None]")),
    ("implementation-flash", dict(implementation="flash"), ValueError,
     ("implementation", "'flash'", "auto, reference, rows", "Pass one of the 6")),
    ("implementation-near", dict(implementation="row"), ValueError,
     ("implementation", "'row'", "auto, reference, rows", "Did you mean 'rows'?")),
    ("implementation-of-a-gpu", dict(implementation="cudnn"), ValueError,
     ("implementation", "'cudnn'", "reference, rows", "cudnn cannot: it ")),
])
def test_settings_masks_and_lengths(function, call, error, message):
  check(function, dict(call), error, message)
