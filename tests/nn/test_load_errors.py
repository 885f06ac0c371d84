# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``load_hf`` on files and configs that do not fit: what it says, and that it builds nothing."""

import json
import struct

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from posenc_jax import nn
from tests.nn.test_load import parts


@pytest.fixture(scope="module")
def llama():
  return parts("llama2")


def edited(llama, config=None, weights=None):
  """The case with other settings and tensors; None takes a tensor out."""
  weights = llama[1] | (weights or {})
  return llama[0] | (config or {}), {k: v for k, v in weights.items() if v is not None}


Q = "model.layers.0.self_attn.q_proj.weight"


@pytest.mark.parametrize("config, weights, error, message", [
    (dict(model_type="deepseek_v3"), {}, ValueError, "model_type: got 'deepseek_v3', wanted one"),
    (dict(model_type="lama"), {}, ValueError, "model_type: got 'lama', .* Did you mean 'llama'"),
    ({}, {Q: None}, ValueError, r"weights: got no \['model.layers.0.self_attn.q_proj.weight'\]"),
    ({}, {Q: np.zeros((16, 8), np.float32)}, ValueError,
     r"q_proj.weight'\]: got shape \(16, 8\), wanted \(16, 16\), by the config"),
    ({}, {Q: np.zeros((16, 16), np.int8)}, TypeError, r"q_proj.weight'\]: got int8, wanted one of"),
    ({}, {Q: [[1.0]]}, TypeError, r"q_proj.weight'\]: got list, wanted an array"),
    ({}, {"more.weight": np.zeros(2)}, ValueError,
     r"weights: got 1 tensors that the model would not use, such as \['more.weight'\].*ignore="),
    (dict(num_hidden_layers=10**9), {}, ValueError, "num_hidden_layers: got 1000000000, wanted 12"),
    (dict(num_hidden_layers=2), {}, ValueError, "weights: got no .'model.layers.1.input_layer"),
    (dict(vocab_size=10**12), {}, ValueError, r"shape \(32, 16\), wanted \(1000000000000, 16\)"),
    (dict(vocab_size="32"), {}, TypeError, "vocab_size: got '32', wanted a number"),
    (dict(hidden_act="mish"), {}, ValueError, "hidden_act: got 'mish', wanted one of silu"),
    (dict(mlp_bias=1), {}, TypeError, "mlp_bias: got 1, wanted True or False"),
    (dict(rms_norm_eps=float("nan")), {}, ValueError, "rms_norm_eps: got nan"),
    (dict(tie_word_embeddings=True), {}, ValueError, "not use, such as .'lm_head.weight'"),
    (dict(num_attention_heads=3), {}, ValueError, r"got shape .16, 16., wanted .12"),
])
def test_configs_and_tensors_that_do_not_fit(llama, config, weights, error, message):
  with pytest.raises(error, match=message):
    nn.load_hf(*edited(llama, config, weights))


@pytest.mark.parametrize("name, config, message", [
    ("gpt2", dict(scale_attn_by_inverse_layer_idx=True), "scale_attn_by_inverse_layer_idx=True"),
    ("gpt2", dict(add_cross_attention=True), "config: got add_cross_attention=True, wanted False"),
    ("cohere", dict(use_qk_norm=True), "config: got use_qk_norm=True, wanted False"),
    ("bloom", dict(apply_residual_connection_post_layernorm=True), "got apply_residual_connection"),
    ("gemma3", dict(use_bidirectional_attention=True), "got use_bidirectional_attention=True"),
])
def test_settings_that_are_not_built(name, config, message):
  settings, weights = parts(name)
  with pytest.raises(ValueError, match=message):
    nn.load_hf(settings | config, weights)


def test_what_may_be_left_out(llama):
  """Named beginnings, stored buffers, and an output table that repeats a tied embedding table."""
  more = {"vision.a": np.zeros(2), "model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(2)}
  nn.load_hf(*edited(llama, weights=more), ignore="vision.")
  tied, weights = parts("llama3")
  table = weights["model.embed_tokens.weight"]
  assert nn.load_hf(tied, weights | {"lm_head.weight": table}).head is None
  with pytest.raises(ValueError, match="not use, such as .'lm_head.weight'"):
    nn.load_hf(tied, weights | {"lm_head.weight": table + 1})


def test_names_of_bare_and_of_composite_files():
  for name, old, new in (("gpt2", "transformer.", ""),
                         ("llama3", "model.", "language_model.model.")):
    config, weights = parts(name)
    renamed = {k.replace(old, new, 1): v for k, v in weights.items()}
    ours, theirs = (nnx.to_pure_dict(nnx.state(nn.load_hf(config, w), nnx.Param))
                    for w in (renamed, weights))
    assert str(ours) == str(theirs)


def test_dtypes(llama):
  model = nn.load_hf(*llama, param_dtype=jnp.bfloat16)
  assert model.embedding.table.dtype == model.stack.layers[0].attention.query.dtype == jnp.bfloat16
  with pytest.raises(TypeError, match="param_dtype: got int32"):
    nn.load_hf(*llama, param_dtype=jnp.int32)


def test_weights_of_another_kind(llama, tmp_path):
  config = llama[0]
  for bad, error, message in (
      (None, ValueError, "weights: got None, wanted a path or a mapping"),
      (3, TypeError, "weights: got 3, wanted a path or a mapping"),
      (tmp_path / "none.safetensors", FileNotFoundError, "wanted a file that exists. Nothing is"),
      (tmp_path, FileNotFoundError, "got no weights in")):
    with pytest.raises(error, match=message):
      nn.load_hf(config, bad)
  (tmp_path / "pytorch_model.bin").write_bytes(b"x")
  with pytest.raises(FileNotFoundError, match="pytorch_model.bin.*no pickle is read"):
    nn.load_hf(config, tmp_path)
  with pytest.raises(ValueError, match=r"pytorch_model.bin', wanted a file .safetensors"):
    nn.load_hf(config, tmp_path / "pytorch_model.bin")


def index(folder, names):
  path = folder / "model.safetensors.index.json"
  path.write_text(json.dumps(dict(weight_map={str(i): n for i, n in enumerate(names)})))
  return path


def test_indexes_that_lie(llama, tmp_path):
  for names, message in ((["../x.safetensors"], "an index that names '../x.safetensors'"),
                         (["x.bin"], "an index that names 'x.bin'"),
                         ([3], "without a weight_map of file names")):
    with pytest.raises(ValueError, match=message):
      nn.load_hf(llama[0], index(tmp_path, names))
  with pytest.raises(FileNotFoundError, match="gone.safetensors"):
    nn.load_hf(llama[0], index(tmp_path, ["gone.safetensors"]))
  (tmp_path / "model.safetensors.index.json").write_text("[" * 10**5)
  with pytest.raises(ValueError, match="without a weight_map"):
    nn.load_hf(llama[0], tmp_path)


def test_files(llama, tmp_path):
  """A directory with config.json and one file; several files; files cut off, and lying ones."""
  save = pytest.importorskip("safetensors.numpy").save_file
  config, weights = llama
  (tmp_path / "config.json").write_text(json.dumps(config))
  file = tmp_path / "model.safetensors"
  save(weights, file)
  wanted = str(nnx.to_pure_dict(nnx.state(nn.load_hf(config, weights), nnx.Param)))
  found = lambda *given: str(nnx.to_pure_dict(nnx.state(nn.load_hf(*given), nnx.Param)))
  assert found(tmp_path) == found(tmp_path / "config.json") == found(config, file) == wanted
  data = file.read_bytes()
  size = struct.unpack("<Q", data[:8])[0]
  for bad in (data[:-1], data[:5], data[:size // 2], struct.pack("<Q", 2**62) + data[8:],
              data[:8] + data[8:].replace(b"[16,16]", b"[99,99]")):
    file.write_bytes(bad)
    with pytest.raises(ValueError, match="which cannot be read .*Fetch the file again"):
      nn.load_hf(tmp_path)
  file.unlink()
  names = sorted(weights)
  for i, part in enumerate((names[::2], names[1::2])):
    save({k: weights[k] for k in part}, tmp_path / f"part{i}.safetensors")
  index(tmp_path, ["part0.safetensors", "part1.safetensors"])
  assert found(tmp_path) == wanted
  save(weights, tmp_path / "part1.safetensors")
  with pytest.raises(ValueError, match="in two files, wanted each tensor once"):
    nn.load_hf(tmp_path)


def test_files_need_their_reader(llama, tmp_path, monkeypatch):
  monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
  (tmp_path / "a.safetensors").write_bytes(b"")
  with pytest.raises(ImportError, match="wanted the package safetensors.*pip install safetensors"):
    nn.load_hf(llama[0], tmp_path / "a.safetensors")


@pytest.mark.parametrize("name, config, message", [
    ("t5", dict(feed_forward_proj="gated-relu"), "feed_forward_proj: got 'gated-relu', wanted one"),
    ("bert", dict(is_decoder=True), "config: got is_decoder=True, wanted False"),
    ("bert", dict(position_embedding_type="relative_key"), "got position_embedding_type='relative"),
])
def test_settings_of_encoders_that_are_not_built(name, config, message):
  settings, weights = parts(name)
  with pytest.raises(ValueError, match=message):
    nn.load_hf(settings | config, weights)


def test_tables_that_are_stored_again():
  config, weights = parts("t5")
  table = weights["shared.weight"]
  copies = {f"{stack}.embed_tokens.weight": table for stack in ("encoder", "decoder")}
  nn.load_hf(config, weights | copies)
  with pytest.raises(ValueError, match="not use, such as .'decoder.embed_tokens.weight'"):
    nn.load_hf(config, weights | copies | {"decoder.embed_tokens.weight": table + 1})
