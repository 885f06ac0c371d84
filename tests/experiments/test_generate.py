# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The script that writes on: released models from their files, models that a run has kept."""

import dataclasses
import json
import subprocess
import sys
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from experiments import compare, generate, script, spelling
from experiments import config as config_lib
from experiments.generate import Config, Faults, run
from posenc_jax import nn, sweeps
from tests.goldens import load
from tests.nn.test_load import parts
from tests.support.nn_models import call
from tests.support.repository import ROOT

GOLDEN = load("models")
WORDS = ["<pad>", "<s>", "</s>", *map(chr, range(97, 97 + 26)), "the", "god", "é"]


def write(folder, name, **settings):
  """The files of a tiny model of transformers, and a tokenizer of whole words."""
  save = pytest.importorskip("safetensors.numpy").save_file
  config, weights = parts(name)
  (folder / "config.json").write_text(json.dumps(config | settings), encoding="utf-8")
  save(weights, folder / "model.safetensors")
  made = dict(version="1.0", added_tokens=[], normalizer=None, post_processor=None, decoder=None,
              pre_tokenizer=dict(type="Whitespace"), truncation=None, padding=None,
              model=dict(type="WordLevel", vocab={w: i for i, w in enumerate(WORDS)},
                         unk_token="<pad>"))
  (folder / "tokenizer.json").write_text(json.dumps(made), encoding="utf-8")
  return str(folder)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
  return write(tmp_path_factory.mktemp("llama"), "llama3")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
  """A run with two kept models."""
  folder = tmp_path_factory.mktemp("kept")
  text = "In the beginning God created the heaven and the earth.\n" * 200
  (folder / "text.txt").write_text(text, encoding="utf-8")
  config = compare.Config(
    encodings=("fire",), vary=("fire.threshold=8,16",), d_model=(16,), seq_len=(8,), seeds=(0,),
    steps=3, layers=(1,), head_dim=(8,), batch_size=(2,), eval_multiples=(1, 2),
    eval_characters=256, out=str(folder / "run"), data_file=str(folder / "text.txt"),
    options=sweeps.Options(keep=("weights",), progress=False, report=False)).load()
  config_lib.run(config)
  return folder


def faults(**settings):
  with pytest.raises(Faults) as error:
    run(Config(**settings))
  return "\n".join(error.value.faults)


def test_the_likeliest_tokens_are_those_of_transformers(llama, capsys):
  """From flags to standard output: each next token of the golden's text, one at a time."""
  tokens, logits = GOLDEN["tokens"][0], GOLDEN["llama3/full"][0]
  ids = ",".join(map(str, tokens))
  config = script.from_flags(Config, ["generate", f"--hf={llama}", f"--tokens={ids}",
                                      "--temperature=0", "--steps=3", "--noeos"])
  assert generate.main(config) == 0
  out, told = capsys.readouterr()
  words = out.split()
  assert words[:-3] == ids.split(",") and int(words[-3]) == logits[-1].argmax()
  assert told == f"{len(tokens)} tokens read, 3 written, cut at 3\n"
  text = np.array([words], np.int32)
  likely = np.asarray(call(nn.load_hf(llama), text))[0].argmax(-1)
  assert likely[len(tokens) - 1:-1].tolist() == text[0, len(tokens):].tolist()


def test_pieces_come_one_by_one_and_make_the_text(llama):
  pytest.importorskip("tokenizers")
  pieces = []
  config = Config(hf=llama, prompt="the god a", steps=3, seed=3)
  written = run(config, pieces.append)
  assert written.prompt == (29, 30, 3) and len(written.tokens) == 3
  assert written.text == "".join(pieces) == "".join(f" {WORDS[i]}" for i in written.tokens)
  assert len([p for p in pieces if p]) == 3
  assert run(config) == written
  assert run(dataclasses.replace(config, seed=4)).tokens != written.tokens


def test_another_encoding_and_the_end(llama):
  own = Config(hf=llama, tokens=(29, 30, 3), steps=5, temperature=0.0)
  first, other = run(own), run(dataclasses.replace(own, encoding="alibi"))
  assert first.tokens != other.tokens
  model = nn.with_encoding(nn.load_hf(llama), px.Alibi(4))
  wanted = nn.generate(model, jnp.array([[29, 30, 3]]), 5, temperature=0).tokens[0].tolist()
  assert list(other.tokens) == wanted
  ended = run(dataclasses.replace(own, encoding="alibi", stop=(wanted[2],)))
  at = wanted.index(wanted[2])
  assert ended.ended and list(ended.tokens) == wanted[:at + 1]
  assert ended.text.split() == [str(i) for i in wanted[:at]]  # the end itself is not told


def test_an_encoding_that_is_not_trained_is_told(llama):
  """Fresh parameters are told with their number; one without any is not."""
  ask = Config(hf=llama, tokens=(29, 30, 3), steps=1, temperature=0.0)
  with pytest.warns(UserWarning) as told:
    dataclasses.replace(ask, encoding="t5(num_buckets=8)+kerple-log", seed=5).load()
  assert [str(w.message) for w in told] == [
    "--encoding: 't5(num_buckets=8)+kerple-log': its parameters (40) are initial values from "
    "--seed, not trained ones"]
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    dataclasses.replace(ask, encoding="rotary(base=500.0)").load()


def test_an_encoding_of_both_directions_is_told(llama):
  """The model is causal: a bidirectional table has entries that nothing reads."""
  ask = Config(hf=llama, tokens=(29, 30, 3), steps=1, temperature=0.0)
  with pytest.warns(UserWarning) as told:
    dataclasses.replace(ask, encoding="t5(bidirectional=True, num_buckets=8)").load()
  assert str(told[1].message) == (
    "--encoding: 't5(bidirectional=True, num_buckets=8)': it is of both directions, and the model "
    "sees no later tokens: what is for those is never read")


def test_the_models_own_end(tmp_path):
  """generation_config.json comes before config.json; an id that does not exist is refused."""
  folder = write(tmp_path, "llama3")
  ask = dict(hf=folder, tokens=(29, 30, 3), steps=4, temperature=0.0)
  first = run(Config(**ask)).tokens[0]
  (tmp_path / "generation_config.json").write_text(json.dumps(dict(eos_token_id=[first, 1])))
  assert run(Config(**ask)).tokens == (first,)
  assert len(run(Config(**ask, eos=False)).tokens) == 4
  (tmp_path / "generation_config.json").write_text(json.dumps(dict(eos_token_id=99)))
  assert "--eos: got eos_token_id=[99] in generation_config.json, wanted ids below 32" in faults(
    **ask)
  (tmp_path / "generation_config.json").write_text("[" * 10**5)
  assert "which cannot be read, wanted a JSON object" in faults(**ask)


@pytest.mark.parametrize("settings, message", [
  (dict(), "--hf: got neither --hf nor --run, wanted one of them"),
  (dict(hf="a", run="b"), "--hf: got both --hf and --run, wanted one of them"),
  (dict(hf="a"), "--tokens: got neither --prompt nor --tokens"),
  (dict(hf="a", prompt="a", cell=("seed=0",)), "--cell: got ('seed=0',), wanted none"),
  (dict(hf="a", prompt="a", data_file="x"), "--data_file: got 'x', wanted none, as nothing"),
  (dict(run="a", prompt="a", length=8), "--length: got 8, wanted none"),
  (dict(run="a", prompt="a", eos=False), "--eos: got False, wanted none"),
  (dict(hf="a", tokens=(1,), bytes=True), "--bytes: got True, wanted none"),
  (dict(hf="a", tokens=(1,), top_p=0.0), "top_p: got 0.0, wanted a share in (0, 1]"),
  (dict(hf="a", tokens=(1,), temperature=-1.0), "--temperature: got -1.0, wanted a finite number"),
  (dict(hf="nowhere", tokens=(1,)), "config: got 'nowhere', wanted a config.json"),
  (dict(run="nowhere", tokens=(1,)), "load: directory: got nowhere, wanted one with a manifest"),
])
def test_what_does_not_make_sense(settings, message):
  assert message in faults(**settings)


def test_models_and_prompts_that_do_not_fit(llama, tmp_path):
  ask = dict(hf=llama, tokens=(1, 2))
  assert "--tokens: got the id 32, wanted ids below 32" in faults(**ask | dict(tokens=(32,)))
  assert "--prompt: got the id 116, wanted ids below 32, as the model has no more. These are ids " \
      "by bytes" in faults(hf=llama, prompt="the", bytes=True)
  assert "--encoding: 'alibi(slopes=(0.5,))' does not fit" in faults(
    **ask, encoding="alibi(slopes=(0.5,))")
  assert "--encoding: got 'alibbi', wanted some of" in faults(**ask, encoding="alibbi")
  bert = write(tmp_path, "bert")
  assert "a MaskedLM, wanted a language model that writes" in faults(hf=bert, tokens=(1,))
  (tmp_path / "tokenizer.json").unlink()
  assert "wanted a model with a tokenizer.json. Give ids as --tokens=1,2,3, or --bytes" in faults(
    hf=bert, prompt="a")


def test_positions_that_a_table_does_not_have(tmp_path):
  folder = write(tmp_path, "gpt2")
  assert "--steps: got logits that are no numbers after 17 tokens, wanted finite ones. The " \
      "encoding (Learned)" in faults(hf=folder, tokens=(1,) * 14, steps=8)


def test_a_prompt_needs_its_reader(llama, monkeypatch):
  monkeypatch.setitem(sys.modules, "tokenizers", None)
  assert "wanted the package tokenizers to read it with. Install it" in faults(
    hf=llama, prompt="the god")


def test_a_tokenizer_that_is_none(tmp_path):
  pytest.importorskip("tokenizers")
  folder = write(tmp_path, "llama3")
  (tmp_path / "tokenizer.json").write_text("{}")
  assert "which cannot be read" in faults(hf=folder, prompt="the")


def test_kept_models_write(kept):
  """The cell is found by its settings, and its model is the one that was trained."""
  ask = dict(run=str(kept / "run"), data_file=str(kept / "text.txt"), prompt="In the ", steps=4)
  written = run(Config(**ask, cell=("fire_threshold=16",), temperature=0.0))
  assert len(written.text) == len(written.tokens) == 4
  writer = Config(**ask, cell=("fire_threshold=16",)).load().writer
  text = np.array([written.prompt + written.tokens], np.int32)
  likely = np.asarray(call(writer.model, text))[0].argmax(-1)
  assert likely[len(written.prompt) - 1:-1].tolist() == list(written.tokens)
  assert "got 2 models of the run, wanted one. They differ in fire_threshold: 8, 16" in faults(
    **ask)
  assert "got 0 models of fire_threshold=9" in faults(**ask, cell=("fire_threshold=9",))
  assert "--cell: got the setting 'sed', wanted one of batch_size" in faults(**ask, cell=("sed=0",))
  assert "--cell: got 'sed', wanted name=value" in faults(**ask, cell=("sed",))
  assert "--prompt: got the characters ['Z'], wanted those" in faults(
    **ask | dict(prompt="Z"), cell=("fire_threshold=8",))
  assert "Give the --data or --data_file that the run had" in faults(
    **ask | dict(data_file=str(ROOT / "README.md")), cell=("fire_threshold=8",))


def test_pieces_are_whole_characters_and_nothing_a_terminal_acts_on():
  stream = spelling.Stream(spelling.of_bytes(), [65])
  pieces = [stream.add(i) for i in b"\xf0\x9f\x98\x80\x1b[31m\x07"]
  assert pieces[:4] == ["", "", "", "\U0001f600"] and "\x1b" not in "".join(pieces)
  stream = spelling.Stream(spelling.of_bytes(), [65])
  assert stream.add(0xf0) == "" and stream.end() == "\ufffd"


def test_a_reader_that_goes_away(llama, monkeypatch, capsys):
  """As `| head -c 2` does: a line on standard error, and no more."""
  class Closed:
    def write(self, text):
      raise BrokenPipeError

    def flush(self):
      pass

    def fileno(self):
      return 1

  put = []
  monkeypatch.setattr(sys, "stdout", Closed())
  monkeypatch.setattr(generate.os, "dup2", lambda a, b: put.append(b))
  assert generate.main(Config(hf=llama, tokens=(29, 30, 3), steps=3, eos=False)) == 1
  assert put == [1]
  assert capsys.readouterr().err == "error: standard output was closed before the end\n"


@pytest.mark.slow
def test_the_command(llama):
  done = subprocess.run(
    [sys.executable, "-m", "experiments.generate", f"--hf={llama}", "--tokens=29,30", "--steps=3"],
    cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
  assert done.returncode == 0, done.stderr
  assert len(done.stdout.split()) == 5 and "2 tokens read, 3 written" in done.stderr
  assert np.all(np.array(done.stdout.split(), int) < 32)
