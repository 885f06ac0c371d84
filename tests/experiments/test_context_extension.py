# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Extended contexts against forwards by hand, keys in text, the search's text, and the page."""

import dataclasses
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from experiments import (
  abilities,
  context_extension,
  extended,
  extension,
  language,
  passkeys,
  released,
  searched,
)
from experiments import context_extension_expectations as expectations
from experiments import context_extension_page as page_lib
from experiments import context_extension_run as run_lib
from experiments.context_extension import Config
from experiments.data import Corpus
from experiments.extension import Rope
from experiments.findings import pictures
from posenc_jax import functions, nn, sweeps
from tests.nn.test_load import parts
from tests.support.nn_models import call

L, VOCABULARY = 8, 11
ROPE = Rope(8, L)
QUIET = sweeps.Options(progress=False, report=False)


def corpus(count=2000):
  rng = np.random.default_rng(0)
  draw = lambda n: rng.integers(0, VOCABULARY, n).astype(np.int32)
  return Corpus("made up", draw(count), draw(count), tuple("abcdefghijk"), "0" * 64, count)


def tiny(seed=0, encoding=None):
  return nn.TransformerLM(VOCABULARY, 16, 2, head_dim=8, encoding=encoding or px.Rotary(8),
                          rngs=nnx.Rngs(seed))


def ability(multiples=(1, 2), characters=128):
  return abilities.Reading(language.Language(corpus(), multiples, characters))


def nats(logits, targets):
  """Cross-entropy of each target by NumPy in float64."""
  x = np.asarray(logits, np.float64)
  top = x.max(-1, keepdims=True)
  logs = x - top - np.log(np.exp(x - top).sum(-1, keepdims=True))
  return -np.take_along_axis(logs, targets[..., None], -1)[..., 0]


def test_a_lane_of_interpolation_is_the_model_at_scaled_positions():
  """The second model's weights, and positions divided by the factor, in place of frequencies."""
  models, able = {0: tiny(0), 3: tiny(3)}, ability()
  experiment = extended.Extended("e", "d", able, models, ROPE, {})
  program, traced = experiment.split(dict(encoding="pi", factor=2, tuned=0, seed=3))
  found = jax.jit(experiment.make_train(program))(traced, jax.random.key(0))
  rows = able.rows(2 * L).reshape(-1, 2 * L + 1)
  at = np.arange(2 * L, dtype=np.float32) / 2
  logits = call(models[3], rows[:, :-1], at)
  each = nats(logits, rows[:, 1:])
  assert float(found["loss"]) == pytest.approx(each.mean(), abs=1e-5)
  assert float(found["first"]) == pytest.approx(each[:, :L].mean(), abs=1e-5)
  assert float(found["last"]) == pytest.approx(each[:, L:].mean(), abs=1e-5)
  other = nats(call(models[0], rows[:, :-1], at), rows[:, 1:]).mean()
  assert abs(other - each.mean()) > 1e-3  # else the test would not see whose weights they are


def test_methods_of_a_family_share_a_program():
  experiment = extended.Extended("e", "d", ability(), {0: tiny()}, Rope(8, 128),
                                 {(0, 2): (1.0,) * 4})
  lanes = {name: experiment.split(dict(encoding=name, factor=2, tuned=0, seed=0))
           for name in extension.METHODS}
  programs = {name: program for name, (program, _) in lanes.items()}
  assert len({programs[name] for name in extension.TRAINED}) == 1
  assert programs["dynamic-ntk"] == programs["dynamic-yarn"] != programs["none"]
  shapes = {(programs[name], tuple(sorted((k, np.shape(x)) for k, x in traced.items())))
            for name, (_, traced) in lanes.items()}
  assert len(shapes) == len(set(programs.values()))
  numbers = {name: traced["number/0001"].tobytes() for name, (_, traced) in lanes.items()
             if name in extension.TRAINED}
  assert numbers["none"] == numbers["longrope"]  # all of its factors are 1 here
  assert len({numbers[n] for n in extension.TRAINED}) == len(extension.TRAINED) - 1


def test_dynamic_scaling_reads_all_anew_when_the_text_has_grown():
  """Each stretch of L tokens has the logits of a text that ends with it, at that length's base."""
  model, length = tiny(), 2 * L
  made = extension.encodings("dynamic-ntk", ROPE, 2)
  pieces = extended.swapped(model, made[0])
  rests = [extended.with_numbers(pieces.rest, e) for e in made]
  numbers = jax.tree.map(lambda *xs: jnp.stack(xs), *rests)
  tokens = jnp.asarray(corpus().valid[:length])[None]
  found = extended.logits_of(pieces.graph, pieces.params, numbers, tokens, 2)
  for stop in (L, 2 * L):
    base = functions.dynamic_ntk_base(1e4, 1.0, 8, length=stop, original=L)
    wanted = call(nn.with_encoding(model, px.Rotary(8, base=base)), tokens[:, :stop])
    np.testing.assert_allclose(found[:, stop - L:stop], wanted[:, stop - L:], atol=1e-5)


def test_distances_beyond_the_trained_length_are_not_met():
  """Self-Extend's and dual chunks' farthest distances, by the positions of the package."""
  for factor in (2, 4, 8):
    window, group = extension.group_of(Rope(8, 128), factor)
    q, k, far = functions.self_extend_positions(
      jnp.arange(128 * factor), jnp.arange(128 * factor), window=window, group=group)
    distance = q[:, None] - k[None]
    assert int(jnp.where(far, distance, 0).max()) < 128
    smaller = [g for g in range(1, group) if window % g == 0]
    assert all((128 - window) * g + window < 128 * factor for g in smaller)
  with pytest.raises(ValueError, match="factor: got 100, wanted a factor that groups of 32"):
    extension.group_of(Rope(8, 128), 100)


def test_text_of_the_search_is_not_evaluated_on(monkeypatch):
  """Marks: 1 in what may be evaluated, 2 in what may be searched, 0 in what is trained on."""
  made = corpus()
  mark = np.where(np.arange(2000) < 1600, 1, 2).astype(np.int32)
  made = dataclasses.replace(made, train=np.zeros(2000, np.int32), valid=mark)
  seen = {}

  def extend(config, name, able, models, rope, judge, trained):
    seen[name] = judge.rows(64), able

  monkeypatch.setattr(run_lib, "_train", lambda part: sweeps.Results(()))
  monkeypatch.setattr(run_lib, "_models", lambda *given: [(0, tiny())])
  monkeypatch.setattr(run_lib, "extend", extend)
  config = Config(seq_len=(32,), eval_multiples=(1, 2), eval_characters=512, passkey_rows=8,
                  search_tokens=128, corpus=made, out="unused")
  run_lib.own(config, context_extension.Keys)
  assert set(seen) == {"extended", "retrieved"}
  for rows, able in seen.values():
    assert 2 in rows and 1 not in rows and 0 not in rows
    assert 1 in able.rows(64) and 2 not in able.rows(64) and 0 not in able.rows(64)
  assert set(np.unique(seen["extended"][1].rows(64))) == {1}
  with pytest.raises(ValueError, match="data: got 1600 held-out .* 400 for the search, wanted 513 a"
                     "nd 401"):
    run_lib.own(dataclasses.replace(config, search_tokens=400), context_extension.Keys)


def test_searches_are_kept_until_something_changes(monkeypatch, tmp_path):
  asked = []

  def losses(models, judge, rope, factor):
    def loss(seed, factors):
      asked.append(seed)
      return float(abs(factors - 1.5).sum()) + seed
    return loss

  def other(models, judge, rope, factor):
    return lambda seed, factors: asked.append(seed) or 1.0

  def run(digest="a"):
    asked.clear()
    judge = searched.Judge(np.zeros, 0, "x")
    return searched.search({0: None, 1: None}, digest, judge, ROPE, (2, 4),
                           searched.Settings(4, 1, 8), tmp_path)

  monkeypatch.setattr(searched, "losses", losses)
  first = run()
  assert set(first) == {(s, x) for s in (0, 1) for x in (2, 4)} and len(asked) >= 16
  assert all(len(x) == 4 and min(x) >= 1 for x in first.values())
  assert run() == first and not asked
  kept = json.loads((tmp_path / searched.FILE).read_text())
  del kept["seed 1, factor 4"]  # as if it had been killed before the last one
  (tmp_path / searched.FILE).write_text(json.dumps(kept))
  assert run() == first and set(asked) == {1}
  run("b")
  assert set(asked) == {0, 1}
  monkeypatch.setattr(searched, "losses", other)
  run("b")
  assert asked  # other code


def test_a_candidate_is_judged_by_the_loss_on_the_search_text():
  text, model = corpus().valid[:100], tiny()
  judge = abilities.reading_judge(text, 32)
  loss = searched.losses({5: model}, judge, ROPE, 2)(5, np.array([1.0, 1.5, 1.5, 2.0]))
  e = functions.longrope_rotary(8, short_factors=[1] * 4, long_factors=[1, 1.5, 1.5, 2],
                                length=2 * L, original=L, factor=2.0)
  plain = px.Rotary.from_frequencies(e.frequencies, attention_scaling=e.attention_scaling)
  rows = np.stack([text[:2 * L + 1], text[49:49 + 2 * L + 1]])
  wanted = nats(call(nn.with_encoding(model, plain), rows[:, :-1]), rows[:, 1:]).mean()
  assert loss == pytest.approx(wanted, abs=1e-5)
  judge = abilities.retrieving_judge(corpus(), text, 64)
  assert judge.rows(32).shape == (2, 33) and judge.last == passkeys.KEY_LENGTH


def test_keys_stand_once_within_and_once_at_the_end():
  """As the device draws them for training; depths are given here."""
  task = passkeys.Passkeys(corpus(), 8)
  text = np.arange(8 * 20).reshape(8, 20).astype(np.int32) % VOCABULARY
  depths = np.array([0, 1, 5, 10, 19, 20, 20, 3], np.int32)
  rows = np.asarray(task.rows_of(jnp.asarray(text), jax.random.key(1), jnp.asarray(depths)))
  assert rows.shape == (8, 20 + passkeys.EXTRA)
  keys = set()
  for row, words, depth in zip(rows, text, depths, strict=True):
    first, last = np.flatnonzero(row == task.marker)
    key = row[first + 1:first + 6]
    assert first == depth and last == len(row) - 6 and (row[last + 1:] == key).all()
    assert len(set(key)) == 5 and (VOCABULARY <= key).all() and (key < task.marker).all()
    assert (np.delete(row[:last], np.arange(first, first + 6)) == words).all()
    keys.add(tuple(key))
  assert len(keys) == 8


def test_keys_of_an_evaluation_are_at_all_depths_and_counted_whole():
  task = passkeys.Passkeys(corpus(), 16)
  able = abilities.Retrieving(task)
  rows = able.rows(32)
  assert rows.shape[0] == 1 and rows.shape[-1] == 33
  rows = rows.reshape(-1, 33)
  first = (rows == task.marker).argmax(1)
  assert first[0] == 0 and first[-1] == 33 - passkeys.EXTRA and (np.diff(first) >= 0).all()
  logits = np.eye(task.marker + 1, dtype=np.float32)[rows[:, 1:]]
  logits[0, -1] = 0  # one digit of the first row is not told
  logits[1, :-6] = 0  # text is not asked for
  right = able.score(jnp.asarray(logits), jnp.asarray(rows))
  assert right.tolist() == [0.0] + [1.0] * 15
  found = able.summary(right, 32)
  assert float(found["solved"]) == pytest.approx(15 / 16)
  assert found["solved_by_depth"].tolist() == [0.5] + [1.0] * 7


def record(encoding, factor, tuned, seed, **metrics):
  return {"id": f"{encoding}{factor}{tuned}{seed}", "status": "ok", "metrics": metrics,
          "cell": {"encoding": encoding, "factor": factor, "tuned": tuned, "seed": seed},
          "series": {"loss": [2.0, 1.0 + seed / 9]} if tuned else {}, "axes": {}}


def made_up():
  rng, results = np.random.default_rng(0), {}
  for part in ("extended", "retrieved"):
    results[part] = sweeps.Results(tuple(
      record(name, s, t, seed, loss=rng.random(), solved=rng.random(), first=1.0 + seed, last=2.0)
      for name, s, t, seed in itertools.product(extension.METHODS, (2, 4), (0, 9), range(3))
      if not t or name in extension.TRAINED))
  trained = lambda name: sweeps.Results(tuple(
    {**record("rotary", 1, 0, seed, loss=0.5, solved=0.25), "cell": {"encoding": "rotary",
                                                                     "seed": seed}}
    for seed in range(3)))
  return results | {"language": trained("language"), "passkeys": trained("passkeys")}


def test_every_statement_is_tested_and_the_page_has_every_number():
  results = made_up()
  for expectation in expectations.EXPECTATIONS:
    assert expectation.test(results), expectation
  found = page_lib.page(Config(tune_steps=9), results)
  assert {p.name for p in found.pictures} == {"length", "training", "keys"}
  assert not [v for v in found.verdicts if v.verdict == "not tested"]
  first, told = found.tables[0], results["extended"]
  rows = {row[0]: row[1:] for row in first.rows}
  assert first.head == ("encoding", "1 L", "2 L", "4 L", "seeds")
  assert rows["none"][0] == rows["pi"][0] == "0.500 ± 0.000" and rows["rerope"][0] == "-"
  mean = np.mean([r["metrics"]["loss"] for r in told
                  if (r["cell"]["encoding"], r["cell"]["factor"], r["cell"]["tuned"]) == (
                    "yarn", 4, 0)])
  assert rows["yarn"][2].startswith(f"{mean:.3f}")
  alone = page_lib.page(Config(tune_steps=0), {"extended": told})
  assert {v.verdict for v in alone.verdicts} >= {"not tested"}


def test_pictures_hold_every_mean_and_tell_hidden_lines():
  """One method is far above all others; shares of keys have bands within 0 and 100 percent."""
  results = made_up()
  far = [r if r["cell"]["encoding"] != "pi" else {**r, "metrics": {**r["metrics"], "loss": 40.0}}
         for r in results["extended"]]
  found = {p.name: p for p in page_lib.page(
    Config(tune_steps=9), results | {"extended": sweeps.Results(tuple(far))}).pictures}
  for name in ("length", "keys"):
    for ax in found[name].figure.axes:
      low, high = ax.get_ylim()
      means = [y for line in ax.get_lines() for y in line.get_ydata()]
      assert means and low < min(means) and max(means) < high, name
    assert found[name].caption.endswith(pictures.hidden(found[name].figure))
  assert max(found["length"].figure.axes[0].get_ylim()) > 40
  ends = [p.vertices[:, 1] for ax in found["keys"].figure.axes for c in ax.collections
          for p in c.get_paths()]
  assert 0 <= min(map(min, ends)) and max(map(max, ends)) <= 100


@pytest.mark.parametrize("settings, message", [
  (dict(encodings=("alibi",)), "--encodings: got alibi, wanted rotary"),
  (dict(layers=(1, 2)), r"--layers: got \(1, 2\), wanted one number"),
  (dict(eval_multiples=(2, 4)), r"--eval_multiples: got \(2, 4\), wanted 1 and a longer one"),
  (dict(methods=("pi",)), "--methods: got pi, wanted none among them"),
  (dict(bytes=True), "--bytes: got True, wanted none, as nothing would read it"),
  (dict(eval_multiples=(1, 128), eval_characters=2**17), "multiples that self-extend can serve"),
  (dict(hf="folder"), "--data_file: got none beside --hf, wanted a text"),
  (dict(hf="folder", data_file="x", d_model=(96,)), r"--d_model: got \(96,\), wanted none beside"),
  (dict(hf="folder", data_file="x", given={"steps"}), "--steps: got .*, wanted none beside"),
  (dict(hf="folder", data_file="x", seq_len=(64,)), r"--seq_len: got \(64,\), wanted none beside"),
])
def test_faults(settings, message):
  with pytest.raises(context_extension.Faults, match=message) as error:
    context_extension.run(Config(**settings))
  assert len(error.value.faults) == 1


def test_the_rotary_of_a_released_model():
  assert released.rope_of(tiny(encoding=px.Rotary(8, base=500.0, pairing="interleaved")), 64
                          ) == Rope(8, 64, 500.0, "interleaved")
  for e, message in ((px.Alibi(2), "a model with Alibi"), (functions.yarn_rotary(
      8, factor=4.0, original=64), "scaled already")):
    with pytest.raises(ValueError, match=f"--hf: got .*{message}"):
      released.rope_of(tiny(encoding=e), 64)


@pytest.mark.slow
def test_a_released_model(tmp_path):
  """Parts of the text are lanes; the unchanged model at L has the loss of its own forward."""
  save = pytest.importorskip("safetensors.numpy").save_file
  pytest.importorskip("tokenizers")
  config, weights = parts("qwen2")
  (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
  save(weights, tmp_path / "model.safetensors")
  words = list("abcdefghij")
  (tmp_path / "tokenizer.json").write_text(json.dumps(dict(
    version="1.0", added_tokens=[], normalizer=None, post_processor=None, decoder=None,
    pre_tokenizer=dict(type="Whitespace"), truncation=None, padding=None,
    model=dict(type="WordLevel", vocab={w: i for i, w in enumerate(words)}, unk_token="a"))))
  text = np.random.default_rng(0).choice(words, 4000)
  (tmp_path / "text.txt").write_text(" ".join(text), encoding="utf-8")
  config = Config(hf=str(tmp_path), data_file=str(tmp_path / "text.txt"), trained_length=16,
                  methods=("none", "pi", "longrope"), eval_multiples=(1, 2), eval_characters=256,
                  search_population=2, search_rounds=1, search_tokens=32, out=None, options=QUIET,
                  pages=str(tmp_path / "pages"))
  results = context_extension.run(config)["extended"]
  assert len(results) == 8 * 4 and {r["status"] for r in results} == {"ok"}
  ids = np.array([words.index(w) for w in text], np.int32)[3600:]  # the last tenth is held out
  rows = np.stack([ids[:17], ids[16:33]])
  wanted = nats(call(nn.load_hf(str(tmp_path)), rows[:, :-1]), rows[:, 1:]).mean()
  cell = dict(encoding="none", factor=1, tuned=0, seed=0)
  assert results[cell]["metrics"]["loss"] == pytest.approx(wanted, abs=1e-4)
  assert context_extension.main(config) == 0
  assert "parts of the text" in (tmp_path / "pages" / "context_extension_released.md").read_text()


@pytest.mark.slow
def test_the_page(tmp_path):
  config = Config(**{**Config.PRESETS["smoke"], "pages": str(tmp_path), "out": None,
                     "options": QUIET})
  assert context_extension.main(config) == 0
  text = (tmp_path / "context_extension.md").read_text(encoding="utf-8")
  assert expectations.EXPECTATIONS[1].question in text and "Percent of passkeys told whole" in text
