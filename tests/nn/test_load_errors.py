# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``load_hf`` on files and configs that do not fit: what it says, and that it builds nothing."""

import json
import struct
import tracemalloc

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
    ("gpt_oss", dict(swiglu_alpha=1.5), "config: got swiglu_alpha=1.5, wanted 1.702"),
    ("gpt_oss", dict(experts_per_token=3), "config: got experts_per_token=3, wanted 2"),
    ("gpt_oss", dict(num_experts_per_tok=5), "experts_per_token: got 5, wanted at most the 4 exp"),
    ("t5", dict(is_gated_act=True), "config: got is_gated_act=True, wanted False"),
    ("bloom", dict(apply_residual_connection_post_layernorm=True), "got apply_residual_connection"),
    ("gemma3", dict(use_bidirectional_attention=True), "got use_bidirectional_attention=True"),
    ("gpt_neox", dict(num_key_value_heads=2), r"got the settings \['num_key_value_heads'\]"),
    ("qwen2", dict(use_logn_attn=True), r"got the settings \['use_logn_attn'\], wanted those that "
     "'qwen2' is known to have. What do they change. .* ignore_settings="),
    ("llama2", dict(pruned_heads={"0": [1]}), r"got the settings \['pruned_heads'\]"),
    ("llama2", dict(quantization_config={}), "got a quantization_config, wanted weights"),
    ("phi3", dict(full_attn_mod=2), r"got the settings \['full_attn_mod'\]"),
    ("gemma2", dict(sliding_window_size=5), r"got the settings \['sliding_window_size'\]"),
    ("bert", dict(embedding_size=8), r"got the settings \['embedding_size'\]"),
])
def test_settings_that_are_not_built(name, config, message):
  settings, weights = parts(name)
  with pytest.raises(ValueError, match=message):
    nn.load_hf(settings | config, weights)


@pytest.mark.parametrize("name, more", [
    ("llama2", dict(rope_interleaved=False, is_llama_config=True, torch_dtype="bfloat16",
                    pruned_heads={}, task_specific_params={"a": 1}, use_cache=False)),
    ("phi3", dict(full_attn_mod=1, lm_head_bias=False, auto_map={})),
    ("gemma2", dict(sliding_window_size=4, hidden_act="gelu", cache_implementation="hybrid")),
    ("qwen2", dict(use_mrope=False)), ("bloom", dict(offset_alibi=100, skip_bias_add=True)),
    ("gpt2", dict(n_ctx=16, task_specific_params={})),
    ("bert", dict(directionality="bidi", pooler_type="first_token_transform")),
    ("gpt_oss", dict(initial_context_length=8, experts_per_token=2)),
])
def test_settings_that_change_nothing(name, more):
  """Of released configs; and those that the caller vouches for."""
  config, weights = parts(name)
  nn.load_hf(config | more, weights)
  nn.load_hf(config | dict(mystery=3, riddle=[]), weights, ignore_settings=("mystery", "riddle"))
  with pytest.raises(ValueError, match=r"got the settings \['riddle'\]"):
    nn.load_hf(config | dict(mystery=3, riddle=[]), weights, ignore_settings="mystery")
  with pytest.raises(ValueError, match="ignore_settings: got 'mistery', wanted settings .* 'myst"):
    nn.load_hf(config | dict(mystery=3), weights, ignore_settings="mistery")
  with pytest.raises(TypeError, match="ignore_settings: got 3, wanted a name or several"):
    nn.load_hf(config, weights, ignore_settings=3)


def test_the_first_gemmas_meant_the_tanh_form():
  """Config files say gelu; the released code takes the other form, as hidden_activation says."""
  config, weights = parts("gemma")
  act = lambda **more: nn.load_hf(config | more, weights).stack.layers[0].feed_forward.act
  assert act(hidden_act="gelu") == act() == act(hidden_act="gelu", hidden_activation="gelu_new")
  config, weights = parts("llama2")
  assert act(hidden_act="gelu") != act(hidden_act="gelu_new")


@pytest.mark.parametrize("more, message", [
    (dict(rms_norm_eps="1e-5"), "rms_norm_eps: got '1e-5', wanted a number"),
    (dict(hidden_size=float("inf")), "hidden_size: got inf, wanted a finite number"),
    (dict(num_hidden_layers=1.5), "num_hidden_layers: got 1.5, wanted a whole number"),
    (dict(hidden_size=-4), "hidden_size: got -4"),
    (dict(rope_parameters=dict(rope_type="yarn", factor=float("nan"))), "factor: got nan"),
    (dict(rope_parameters=dict(rope_type="linear", factor="8")), "factor: got '8', wanted a numb"),
])
def test_numbers_that_are_none(llama, more, message):
  with pytest.raises((ValueError, TypeError), match=message):
    nn.load_hf(*edited(llama, more))


def _peak(run):
  """The most bytes that Python had allocated while this ran."""
  tracemalloc.start()
  try:
    run()
    return tracemalloc.get_traced_memory()[1]
  finally:
    tracemalloc.stop()


def test_bad_files_take_little_memory(llama, tmp_path):
  """Configs of 11 MB and of 1000 levels, headers that promise 2^40 bytes or tensors: errors."""
  pytest.importorskip("safetensors")
  big, deep = tmp_path / "big", tmp_path / "deep"
  for folder, text in ((big, json.dumps({"a": "x" * (11 << 20)})), (deep, "[" * 1000 + "]" * 1000)):
    folder.mkdir()
    (folder / "config.json").write_text(text)

  def refused(config, weights, message):
    with pytest.raises(ValueError, match=message):
      nn.load_hf(config, weights)

  assert _peak(lambda: refused(big, llama[1], "a file of more than 10 MB, wanted")) < 25 << 20
  assert _peak(lambda: refused(deep, llama[1], "nested more than 64 deep")) < 25 << 20
  deepest = {}
  for _ in range(1000):
    deepest = {"a": deepest}
  refused(llama[0] | dict(extra=deepest), llama[1], "nested more than 64 deep")
  file = tmp_path / "model.safetensors"
  header = json.dumps({Q: dict(dtype="F32", shape=[2**20, 2**18], data_offsets=[0, 2**40])})
  for data in (struct.pack("<Q", 2**40), struct.pack("<Q", len(header)) + header.encode() + b"0000",
               struct.pack("<Q", 2**20) + b"[" * 2**20):
    file.write_bytes(data)
    assert _peak(lambda: refused(llama[0], file, "which cannot be read")) < 5 << 20
  wide = llama[0] | dict(hidden_size=2**30, vocab_size=2**30)
  assert _peak(lambda: refused(wide, llama[1], "wanted .1073741824, 1073741824., by")) < 5 << 20


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
