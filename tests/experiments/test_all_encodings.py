# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every encoding that experiments know by name trains: two widths in one packed grid, 20 steps."""

import math

import pytest

from experiments import compare, encodings
from posenc_jax import sweeps

STEPS = 20


@pytest.mark.slow
def test_every_encoding_trains_in_a_packed_grid(tmp_path):
  text = tmp_path / "text.txt"
  text.write_text("the cat sat on the mat and the dog sat on the log. " * 80, encoding="utf-8")
  names = tuple(f"{name}+rotary" if name == "randomized" else name for name in encodings.ENCODINGS)
  results = compare.run(compare.Config(
    encodings=names, d_model=(16, 32), seq_len=(16,), seeds=(0,), layers=1,
    head_dim=8, batch_size=8, steps=STEPS, eval_multiples=(1, 2), eval_characters=256,
    learning_rate=(1e-2,), data_file=str(text), out=None,
    options=sweeps.Options(progress=False, report=False)))
  assert len(results) == 2 * len(encodings.ENCODINGS)
  wrong = [(r["cell"]["encoding"], r["status"], r.get("error")) for r in results
           if r["status"] != "ok"]
  assert wrong == []
  for record in results:
    losses = record["series"]["loss"]
    assert len(losses) == STEPS and losses[-1] < losses[0], record["cell"]
    assert math.isfinite(record["metrics"]["loss"]), record["cell"]
