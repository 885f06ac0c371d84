# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The precision report finds the errors that are there."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px


def test_rotary_is_exact_and_the_plain_product_is_not():
  report = px.precision_report(px.Rotary(32), 10**6)
  assert report.angle_error < 2e-7
  assert 1e-3 < report.plain_angle_error < 0.2  # half an ulp of an angle near 10^6 is 3e-2
  assert report.score_error < 2e-5 and report.first_equal is None


def test_wrong_frequencies_show(monkeypatch):
  """A frequency that lost its lower limb is off by up to position * 2^-32 turns."""
  exact = px.Rotary(32)
  words = exact.frequencies
  lost = words.replace(lo=np.zeros_like(words.lo))
  monkeypatch.setattr("posenc_jax.precision.phases.cos_sin",
                      lambda p, t, dtype=jnp.float32, cos_sin=px.phases.cos_sin:
                      cos_sin(p, lost, dtype=dtype))
  assert px.precision_report(exact, 2**31 - 1).angle_error > 0.5


def test_bfloat16_scores_and_equal_neighbours():
  report = px.precision_report(px.Rotary(32), 4096, jnp.bfloat16)
  assert 1e-3 < report.score_error < 0.2
  # Frequencies so slow that a bfloat16 cosine cannot move from one position to the next.
  slow = px.Rotary.from_frequencies(np.array([1e-5, 1e-6]))
  assert px.precision_report(slow, 4096, jnp.bfloat16).first_equal is not None
  assert px.precision_report(slow, 4096).first_equal is None


def test_it_prints_a_table():
  text = str(px.precision_report(px.Sinusoidal(8), 1000))
  assert [line.split("  ")[0].strip() or line.strip() for line in text.splitlines()][0] == (
    "positions up to 1,000, float32")
  assert "rad" in text and "none" in text
  fields = {f.name for f in dataclasses.fields(px.PrecisionReport)}
  assert {"angle_error", "score_error", "first_equal"} <= fields


@pytest.mark.parametrize("encoding, position, message", [
  (px.Rotary(4), 2**31, r"max_position: got 2147483648"),
  (px.Rotary(4), 0, r"max_position: got 0"),
  (px.Alibi(2), 10, r"encoding: got Alibi, wanted one with known frequencies"),
  (px.Rotary(4, base=np.array([10.0, 20.0])), 10, r"frequencies of shape \(2, 2\)"),
])
def test_errors(encoding, position, message):
  with pytest.raises(ValueError, match=message):
    px.precision_report(encoding, position)
