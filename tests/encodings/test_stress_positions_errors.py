# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What FIRE, Shaw, Transformer-XL, PoPE, VO-RoPE, M-RoPE and temperatures say to wrong input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.encodings.biases.fire import Fire
from posenc_jax.encodings.content.shaw import Shaw
from posenc_jax.encodings.content.transformer_xl import TransformerXL
from posenc_jax.encodings.rotations.m_rotary import MRotary, mrotary_axes, mrotary_positions
from posenc_jax.encodings.rotations.pope import Pope
from posenc_jax.encodings.rotations.vo_rotary import VORotary
from posenc_jax.encodings.softmax.temperature import LogNTemperature, SSMax

KEY = jax.random.key(0)


def _attend(encoding, positions=None, heads=2, dim=4):
  x = jnp.ones((3, heads, dim))
  at = np.arange(3) if positions is None else positions
  return px.attend(x, x, x, encoding, q_positions=at, k_positions=at)


@pytest.mark.parametrize("build, message", [
  (lambda: Fire(np.ones(3), np.ones(3), np.ones((4, 2))),
   r"w1, b1, w2, b2: got shapes \(3,\), \(3,\), \(4, 2\).*wanted shapes \[W\].*Fire\.init"),
  (lambda: Fire(np.ones(3), np.ones(3), np.ones((3, 2)), np.ones(4)), r"w1, b1, w2, b2: got"),
  (lambda: Fire.init(KEY, 0), r"num_heads: got 0, wanted an int, at least 1"),
  (lambda: Shaw(), r"key_table, value_table: got shapes \[\], wanted one or two tables"),
  (lambda: Shaw(np.ones((4, 8))), r"got shapes \[\(4, 8\)\], wanted .* odd number of rows"),
  (lambda: Shaw(np.ones((5, 8)), np.ones((7, 8))), r"key_table, value_table: got shapes"),
  (lambda: Shaw(np.ones(5)), r"key_table, value_table: got shapes \[\(5,\)\]"),
  (lambda: Shaw.init(KEY, 8, max_distance=-1), r"max_distance: got -1, wanted an int, at least 0"),
  (lambda: TransformerXL(np.ones((2, 4)), np.ones((2, 4)), np.ones((3, 2, 4))),
   r"u, v, w_r: got shapes .*wanted shapes \[N, H\], \[N, H\], \[D, N, H\] with an even D"),
  (lambda: TransformerXL(np.ones((2, 4)), np.ones((2, 5)), np.ones((6, 2, 4))), r"u, v, w_r: got"),
  (lambda: TransformerXL.init(KEY, 2, 4, base=0.0), r"base: got 0\.0, wanted a positive"),
  (lambda: _attend(TransformerXL.init(KEY, 2, 4), heads=4),
   r"u, v, w_r: got shapes .* for q with N, H = \(4, 4\), wanted"),
  (lambda: Pope(np.ones(4)), r"delta: got shape \(4,\), wanted \[N, H\]"),
  (lambda: Pope.init(KEY, 2, 4, base=-1.0), r"base: got -1\.0, wanted a positive"),
  (lambda: _attend(Pope.init(KEY, 2, 4), heads=4), r"q: got N, H = \(4, 4\), wanted \(2, 4\)"),
  (lambda: VORotary(3), r"dim: got 3, wanted an even"),
  (lambda: VORotary(4, pairing="halves"), r"pairing: got 'halves'.*Did you mean 'half'"),
  (lambda: VORotary(4, base=float("nan")), r"base: got nan, wanted a positive"),
  (lambda: _attend(VORotary(8)), r"dim: got 8 dims that turn, wanted at most the 4 dims of a head"),
  (lambda: MRotary(()), r"sections: got \(\), wanted a number of pairs"),
  (lambda: MRotary((2, 0, 1)), r"sections: got \(2, 0, 1\), wanted a number of pairs, at least 1"),
  (lambda: mrotary_axes((1, 2, 1), interleaved=True),
   r"sections: got \(1, 2, 1\), wanted a first section at least as long"),
  (lambda: MRotary((1, 1), pairing="Half"), r"pairing: got 'Half'.*Did you mean 'half'"),
  (lambda: MRotary((1, 1), base=0.0), r"base: got 0\.0, wanted a positive"),
  (lambda: _attend(MRotary((1, 1))),
   r"q_positions: got shape \(3,\), wanted \[\.\.\., T, 2\].*jnp\.stack\(\[p\] \* 2"),
  (lambda: _attend(MRotary((1, 1)), np.zeros((3, 3), np.int32)),
   r"positions: got shape \(3, 3\), wanted \[\.\.\., T, 2\].* 2 numbers a token"),
  (lambda: mrotary_positions(2, (2, 2)), r"parts: got \(2, 2\), wanted .* 3 grid sizes"),
  (lambda: LogNTemperature(1), r"train_length: got 1, wanted a length above 1"),
  (lambda: LogNTemperature(np.array([8.0, 0.5])), r"train_length: got \[8\.0, 0\.5\], wanted"),
  (lambda: SSMax(np.ones(2), np.ones(3)), r"s, offset: got shapes .*wanted \[N\] each"),
  (lambda: SSMax(0.5), r"s, offset: got shapes \[\(\)\], wanted \[N\] each"),
])
def test_wrong_values(build, message):
  with pytest.raises(ValueError, match=message):
    build()


@pytest.mark.parametrize("build, message", [
  (lambda: _attend(Shaw.init(KEY, 4), jnp.arange(3.0)),
   r"q_positions, k_positions: got float32, wanted int32\. The tables have rows for whole dist"),
  (lambda: _attend(MRotary((1, 1)), jnp.zeros((3, 2), jnp.bfloat16)),
   r"q_positions: got bfloat16, wanted int32"),
])
def test_wrong_dtypes(build, message):
  with pytest.raises(TypeError, match=message):
    build()


def test_shaw_says_which_hooks_it_answers():
  both, keys, values = (Shaw.init(KEY, 4, keys=k, values=v)
                        for k, v in ((True, True), (True, False), (False, True)))
  assert [(e.has("bias"), e.has("value_bias")) for e in (both, keys, values)] == [
    (True, True), (True, False), (False, True)]
  assert not both.has("qk") and values.max_distance == 16
