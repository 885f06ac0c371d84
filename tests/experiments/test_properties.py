# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures against loops in float64, and the script's page."""

import math
import types

import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from experiments import measures, properties, properties_page, properties_pictures
from experiments.fields import Faults
from tests import oracles

WIDTHS, LENGTH = (4, 8, 6), 40


def frequencies(width, base=10_000.0):
  return [base ** (-2 * i / width) for i in range(width // 2)]


def test_waves_equal_loops():
  """Widths share a program; what pads a narrow one counts nowhere."""
  waves, counts = measures.stack_waves(WIDTHS)
  distances = jnp.arange(LENGTH, dtype=jnp.int32)
  similar = measures.similarity(waves, counts, distances)
  bound = measures.decay_bound(waves, counts, distances)
  for w, width in enumerate(WIDTHS):
    own = frequencies(width)
    for r in range(LENGTH):
      assert similar[w, r] == pytest.approx(sum(math.cos(f * r) for f in own) / len(own), abs=1e-6)
      sums = [abs(sum(complex(math.cos(f * r), math.sin(f * r)) for f in own[:j + 1]))
              for j in range(len(own))]
      full = sum(range(1, len(own) + 1))
      assert bound[w, r] == pytest.approx(sum(sums) / full, abs=1e-6)


def test_rank_equals_eigenvalues():
  waves, counts = measures.stack_waves(WIDTHS)
  got = measures.effective_rank(waves, counts, jnp.array([7, LENGTH]), longest=LENGTH)
  for w, width in enumerate(WIDTHS):
    for n, length in enumerate((7, LENGTH)):
      table = oracles.sinusoidal(range(length), width)
      values = np.linalg.svd(table - table.mean(0), compute_uv=False) ** 2
      assert got[w, n] == pytest.approx(values.sum() ** 2 / (values**2).sum(), rel=1e-4)


def test_profiles():
  """ALiBi's is a geometric series, a sinusoid's a softmax of similarities, a window's cut off."""
  weights = measures.profile(px.Alibi(slopes=[0.5, 0.1]), 2, 4, 8, 9)
  wanted = np.exp(-np.outer([0.5, 0.1], np.arange(9)))
  np.testing.assert_allclose(weights, wanted / wanted.sum(-1, keepdims=True), atol=1e-6)
  assert measures.receptive_field(weights).tolist() == [
    next(n for n in range(1, 10) if row[:n].sum() >= 0.9) for row in weights]
  table = oracles.sinusoidal(range(9), 8)
  scores = table[8] @ table[::-1].T * 2 / math.sqrt(8)  # rows scaled from 4 to 8, one head of 8
  wanted = np.exp(scores) / np.exp(scores).sum()
  got = measures.profile(px.Sinusoidal(8), 1, 8, 8, 9, offset=0)
  np.testing.assert_allclose(got[0], wanted, atol=1e-6)


def test_lowest_bases_equal_loops():
  """The smallest base of two digits whose sums of cosines stay above zero; nan beyond all."""
  def holds(base, length):
    own = frequencies(32, base)
    return all(sum(math.cos(w * r) for w in own) >= 0 for r in range(length + 1))

  bases = [d * p for p in (100, 1000) for d in range(10, 100)]
  wanted = {n: next((float(b) for b in bases if holds(b, n)), math.nan) for n in (150, 260)}
  assert measures.lowest_bases((150, 260), 32) == wanted and wanted[150] < wanted[260]
  found = measures.lowest_bases((150, 10**7), 2)  # one frequency: cos(r) is negative at r = 2
  assert all(math.isnan(base) for base in found.values())


def test_rows_are_linear_in_rows_before(monkeypatch):
  assert measures.shift_error(16, (1, 7), 30) < 1e-6
  table = measures.functions.sinusoidal
  monkeypatch.setattr(measures.functions, "sinusoidal", lambda at, d: table(at, d) ** 2)
  assert measures.shift_error(16, (1, 7), 30) > 0.1


def test_angles_in_narrow_dtypes():
  positions = np.array([3, 257, 4095])
  radians = np.array([1.0, 0.3])
  for name in ("float32", "float16"):
    kind = np.dtype(name).type
    product = kind(1) * positions.astype(kind)[:, None] * radians.astype(np.float32).astype(kind)
    wanted = np.abs(product.astype(np.float64) - positions[:, None] * radians).max(-1)
    np.testing.assert_allclose(measures.angle_errors(positions, radians, name), wanted, atol=1e-12)


def test_the_reach_of_a_base_equals_loops():
  """Beyond the last distance that is tried it is a lower bound, and its claim says so."""
  for base in (30.0, 1000.0):
    own = frequencies(8, base)
    wanted = next(r for r in range(10**4) if sum(math.cos(w * r) for w in own) < 0)
    assert measures.first_negative(8, base) == wanted
    assert measures.first_negative(8, base, longest=wanted - 1) == wanted
  most = measures.LONGEST + 1
  reach = {1e2: 60, 1e4: 3284, 1e5: most, 1e6: most}
  found = properties_page._base(types.SimpleNamespace(reach=reach))
  assert [c.shown for c in found] == ["3224", f">= {most - 3284}"]


def test_envelopes_equal_loops():
  """Bins cover every distance but 0 once."""
  curve = np.random.default_rng(0).normal(size=300)
  at, mean, low, high = properties_pictures.envelope(curve)
  start = 1
  for a, m, lowest, highest in zip(at, mean, low, high, strict=True):
    stop = int(2 * a - start) + 1
    assert lowest == curve[start:stop].min() and highest == curve[start:stop].max()
    assert m == pytest.approx(curve[start:stop].mean())
    start = stop
  assert start == 300 and len(at) < 100


def test_faults():
  twins = properties.Config(encodings=("rotary", "rotary()", "alibi")).faults()
  assert len(twins) == 1 and "--encodings: got 'rotary()', which is there already" in twins[0]
  found = properties.Config(d_model=(24,), bases=(10.0, 5.0), encodings=("rotory",)).faults()
  assert [f.split(":")[0] for f in found] == ["--d_model", "--bases", "--encodings"]
  with pytest.raises(Faults, match="--encodings: got 'fox', wanted encodings of positions alone"):
    properties.profiles(properties.Config(encodings=("fox",), seq_len=(16,)))


@pytest.mark.slow
def test_the_page(tmp_path, capsys):
  config = properties.Config(**{**properties.Config.PRESETS["smoke"], "pages": str(tmp_path)})
  assert properties.main(config) == 0
  text = (tmp_path / "properties.md").read_text(encoding="utf-8")
  assert text.count("**agrees**") >= 10 and "**disagrees**" in text
  assert len(list(tmp_path.glob("properties-*.png"))) == 6
