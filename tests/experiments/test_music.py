# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chorales as tokens, and the task, on chorales made by hand; music21 where it is installed."""

import dataclasses
import math
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import chorales, encodings, music
from experiments.training import Shape
from posenc_jax import sweeps

PITCHES = (72, 65, 57, 45)  # what each voice sings below, if it sings one pitch only
SHAPE = Shape(encodings.parse("none"), (16,), (8,), 1, 8, 64, 2)


def made_by_hand(steps=(1, 9, 2, 5, 4, 7, 12, 3, 5, 6)):
  grids = tuple(np.tile(np.array(PITCHES, np.uint8), (n, 1)) for n in steps)
  return chorales.Chorales(tuple(f"piece{i}" for i in range(len(steps))), grids, 4, "0")


def test_a_score_comes_back():
  """Notes on and off the grid, a silence, and one voice that begins late."""
  score = [[(0.0, 1.0, 72), (1.0, 0.5, 74), (2.0, 1.0, 71)], [(0.0, 3.0, 67)],
           [(0.5, 0.25, 60), (0.75, 2.25, 62)], [(0.0, 1.5, 48), (1.5, 1.5, 50)]]
  grid = chorales.grid_of(score, 4)
  assert grid.shape == (12, 4) and grid[[0, 3, 4, 6, 8], 0].tolist() == [72, 72, 74, 0, 71]
  assert chorales.notes_of(grid, 4) == score
  ids = chorales.encode(grid)
  assert ids[0] == chorales.BEGIN and len(ids) == 49 and ids.max() < chorales.VOCABULARY
  np.testing.assert_array_equal(chorales.decode(ids), grid)
  assert ids[1 + 4 * 6] == chorales.SILENCE
  # A thirty-second between two steps is heard by neither; the one that is on a step, by it.
  short = chorales.grid_of([[(0.0, 0.125, 60), (0.125, 0.125, 62), (0.25, 0.25, 64)]], 4)
  assert short.tolist() == [[60], [64]]


def test_faults():
  with pytest.raises(ValueError, match="voices: got a pitch of 120, wanted 24 to 96"):
    chorales.grid_of([[(0, 1, 120)]], 4)
  with pytest.raises(ValueError, match="voices: got no notes"):
    chorales.grid_of([[], []], 4)
  for ids in ([], [1, 5], [5, 5, 5, 5, 5], [1, 5, 5, 5, 0]):
    with pytest.raises(ValueError, match="ids: got .* wanted BEGIN and rows of four pitches"):
      chorales.decode(np.array(ids))
  found = music.Config(seq_len=(66,), eval_multiples=(2, 4)).faults()
  assert [x.split(":")[0] for x in found] == ["--seq_len", "--eval_multiples"]


def test_parts_are_disjoint_and_whole():
  grids = tuple(np.full((2, 4), 40 + i, np.uint8) for i in range(12))
  found = chorales.Chorales(tuple(map(str, range(12))), grids, 4, "0")
  train, valid = ([int(chorales.decode(x)[0, 0]) for x in part] for part in chorales.split(found))
  assert valid == [44, 49] and sorted(train + valid) == list(range(40, 52))


@pytest.mark.parametrize("length", [4, 8, 24])
def test_evaluation_predicts_every_token_once(length):
  """By a loop: what windows predict, in order, is the pieces without BEGIN."""
  pieces = [np.array([1, *range(100 * i, 100 * i + 4 * n)])
            for i, n in enumerate((3, 5, 2), 1)]
  windows = chorales.windows_of(pieces, length)
  wanted = [int(x) for piece in pieces for x in piece[1:]]
  assert [int(x) for row in windows for x in row[1:] if x] == wanted
  before = dict(zip(wanted, (int(x) for piece in pieces for x in piece[:-1]), strict=True))
  for row in windows:  # each target follows the token that came before it in the piece
    assert all(before[int(b)] == a for a, b in zip(row[:-1], row[1:], strict=True) if b)


def test_a_place_in_the_window_tells_the_voice():
  """Targets at t are of voice t mod 4, in training; windows end in their piece."""
  task = music.Music(made_by_hand(), (1, 2), 2)
  batch = np.asarray(task.batch(SHAPE, {"seq_len": 8}, jax.random.key(0)))
  assert batch.shape == (64, 9)
  ids = chorales.encode(np.array([PITCHES], np.uint8))[1:]
  for t in range(8):
    assert set(batch[:, 1 + t]) - {0} == {ids[t % 4]}
  first = batch[:, 0] == chorales.BEGIN
  assert first.any() and set(batch[~first, 0]) == {ids[3]} and (batch[:, 1:] != 1).all()
  assert (batch[:, -1] == 0).any()  # a piece of one step has no more than four tokens


def test_losses_by_voice_by_hand():
  """A model that knows the alto after the soprano, and nothing else."""
  task = music.Music(made_by_hand(), (1, 2), 2)
  soprano, alto = chorales.encode(np.array([PITCHES], np.uint8))[1:3]

  def model(tokens, **how):
    uniform = jnp.zeros((*tokens.shape, chorales.VOCABULARY))
    return uniform.at[..., alto].set(jnp.where(tokens == soprano, 100.0, 0.0))

  found = task.evaluate(SHAPE, model, {"seed": 0})
  unknown = math.log(chorales.VOCABULARY)
  np.testing.assert_allclose(found["loss_by_voice"], [unknown, 0, unknown, unknown], rtol=1e-5)
  np.testing.assert_allclose(found["loss_by_multiple"], [0.75 * unknown] * 2, rtol=1e-5)
  np.testing.assert_allclose(found["loss"], 0.75 * unknown, rtol=1e-5)
  assert task.held == 1.0 and task.settings["eval_tokens"] == 4 * (4 + 6)


def test_the_file_of_chorales(monkeypatch, tmp_path):
  """It is read in place of parsing, unless it is damaged or of another version."""
  asked, library = [], types.SimpleNamespace(__version__="0")
  monkeypatch.setitem(sys.modules, "music21", library)
  monkeypatch.setattr(chorales, "parse", lambda *args: asked.append(args) or made_by_hand())
  first, again = (chorales.load(10, 4, tmp_path) for _ in range(2))
  assert asked == [(10, 4)] and again.sha256 == first.sha256 and again.names == first.names
  for one, other in zip(first.grids, again.grids, strict=True):
    np.testing.assert_array_equal(one, other)
  path = tmp_path / "chorales-10-4.npz"
  path.write_bytes(path.read_bytes()[:-40])
  assert chorales.load(10, 4, tmp_path).sha256 == first.sha256 and len(asked) == 2
  library.__version__ = "1"
  chorales.load(10, 4, tmp_path)
  chorales.load(10, 2, tmp_path)
  chorales.load(None, 4, None)
  assert asked[2:] == [(10, 4), (10, 2), (None, 4)]


def test_a_dry_run_writes_nothing(monkeypatch, tmp_path):
  """It reads the file of chorales if there is one."""
  monkeypatch.setitem(sys.modules, "music21", types.SimpleNamespace(__version__="0"))
  asked = []
  monkeypatch.setattr(chorales, "parse", lambda *args: asked.append(args) or made_by_hand())
  config = music.Config(out=str(tmp_path / "run"), dry_run=True)
  assert config.load().found is not None and not list(tmp_path.rglob("*"))
  dataclasses.replace(config, dry_run=False).load()
  assert [p.name for p in tmp_path.rglob("*.npz")] == ["chorales-all-4.npz"]
  config.load()
  assert len(asked) == 2


def test_scores_of_music21():
  """The highest of a chord, no grace notes; other parts than the four are no chorale."""
  from_package = pytest.importorskip("music21")
  score = from_package.stream.Score()
  for name, pitch in zip(chorales.VOICES, PITCHES, strict=True):
    part = from_package.stream.Part()
    part.partName = name.capitalize()
    part.append(from_package.note.Note(pitch, quarterLength=1.0))
    part.append(from_package.note.Note(pitch + 7, quarterLength=1.0).getGrace())
    part.append(from_package.chord.Chord([pitch - 3, pitch + 2], quarterLength=0.5))
    part.append(from_package.note.Rest(quarterLength=0.5))
    part.append(from_package.note.Note(pitch, quarterLength=1.0))
    score.append(part)
  voices = chorales._voices(score)
  assert voices is not None
  assert voices[0] == [(0.0, 1.0, 72), (1.0, 0.5, 74), (2.0, 1.0, 72)]
  score.parts[3].partName = "Continuo"
  assert chorales._voices(score) is None


@pytest.mark.slow
def test_the_page(tmp_path):
  pytest.importorskip("music21")
  config = music.Config(**{**music.Config.PRESETS["smoke"], "pages": str(tmp_path / "pages"),
                           "out": str(tmp_path / "run"), "pieces": 10,
                           "options": sweeps.Options(progress=False, report=False)})
  assert music.main(config) == 0
  text = (tmp_path / "pages" / "music.md").read_text(encoding="utf-8")
  assert "## Verdicts" in text and "| pope |" in text and "8 four-part chorales" in text
