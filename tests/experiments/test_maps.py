# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention maps of kept models, and numbers recomputed from them."""

import dataclasses

import numpy as np
import pytest

from experiments import compare, maps
from experiments import config as config_lib
from posenc_jax import nn, sweeps
from posenc_jax.sweeps.show import report


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
  """(config, results) of two lanes of two lengths in one program, with their states."""
  out = tmp_path_factory.mktemp("kept")
  config = compare.Config(
    encodings=("fire",), d_model=(16,), seq_len=(8, 16), seeds=(0,), steps=3, layers=(1,),
    head_dim=(8,), batch_size=(2,), eval_multiples=(1, 2), eval_characters=1024, out=str(out),
    options=sweeps.Options(keep=("weights",), progress=False, batching="padded")).load()
  return config, config_lib.run(config)


def test_maps_are_attached_and_the_report_links_them(kept, monkeypatch):
  config, results = kept
  times, replace = [], report.written.replace
  monkeypatch.setattr(report.written, "replace", lambda *a: (times.append(1), replace(*a)))
  assert config_lib.show(config, str) == 0
  assert len(times) == 1  # It takes seconds.
  assert [p.name for p in (results.directory / "attached").iterdir()] == ["attention-fire.png"]
  page = (results.directory / "report_static.html").read_text(encoding="utf-8")
  assert 'href="attached/attention-fire.png"' in page


def test_a_report_is_written_though_nothing_can_be_attached(kept, monkeypatch):
  config, results = kept
  (results.directory / "report.html").unlink(missing_ok=True)
  monkeypatch.setattr(maps, "attach", lambda *_: 1 / 0)
  with pytest.raises(ZeroDivisionError):
    config_lib.show(config, str)
  assert (results.directory / "report.html").exists()


def test_a_share_writes_no_report(kept, monkeypatch, tmp_path):
  config, _ = kept
  config = dataclasses.replace(config, out=str(tmp_path / "run"), options=dataclasses.replace(
    config.options, shard=(0, 2), batching="bucketed"))
  config_lib.show(config, str)
  assert not (tmp_path / "run" / "report.html").exists()


def test_the_map_is_that_of_the_largest_sizes(kept):
  config, results = kept
  cell, = maps.chosen(results)
  assert cell["seq_len"] == 16
  model = maps.model_of(results, cell, config.experiment())
  tokens = config.corpus.valid[:32].astype(np.int32)
  weights, = maps.maps_of(model, tokens, 0)
  assert weights.shape == (2, 32, 32)
  np.testing.assert_allclose(weights, nn.attention_maps(model, tokens)[0], atol=1e-6)
  np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-5)
  assert len(maps.draw([weights], cell).axes) == 3  # two heads and the bar


@pytest.mark.parametrize("seq_len", [8, 16])
def test_reported_losses_are_those_of_the_kept_model(kept, seq_len):
  """Outside of the engine: the model, its windows and a float64 softmax."""
  config, results = kept
  record = next(r for r in results if r["cell"]["seq_len"] == seq_len)
  model = maps.model_of(results, record["cell"], config.experiment())
  stretch = config.eval_characters // 8
  for multiple, reported in zip((1, 2), record["series"]["loss_by_multiple"], strict=True):
    n = multiple * seq_len
    windows = config.task().evaluation_windows(n).reshape(-1, n + 1)
    logits = np.asarray(model(windows[:, :-1]), np.float64)
    logits -= logits.max(-1, keepdims=True)
    losses = np.log(np.exp(logits).sum(-1)) - np.take_along_axis(
      logits, windows[:, 1:, None], -1)[..., 0]
    np.testing.assert_allclose(losses.mean(), reported, rtol=2e-5)
    # Every length predicts the same characters.
    assert windows[:, 1:].size == config.eval_characters
    starts = np.asarray(windows[:, 1:]).reshape(8, stretch)
    assert (starts == config.task().evaluation_windows(seq_len)[..., 1:].reshape(8, stretch)).all()
  assert record["metrics"]["loss"] == record["series"]["loss_by_multiple"][0]


def test_without_kept_states_nothing_is_attached(kept, tmp_path):
  config, results = kept
  bare = dataclasses.replace(results, records=tuple(
    {k: v for k, v in r.items() if k != "state"} for r in results))
  assert maps.attach(bare, config.experiment(), config.corpus.valid) == []
