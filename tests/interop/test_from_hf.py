# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``from_hf`` against configs of published models: what their own code does, as numbers."""

import json

import numpy as np
import pytest

import posenc_jax as px


def facts(config, **kwargs):
  """(rotated dims, second frequency, attention scaling, pairing) of an encoding."""
  e = px.from_hf(config, **kwargs)
  return (2 * len(e.frequencies.radians), round(float(e.frequencies.radians[1]), 4),
          round(float(getattr(e, "attention_scaling", 1.0)), 4), e.pairing)


NEOX = {"model_type": "gpt_neox", "hidden_size": 128, "num_attention_heads": 4, "rotary_pct": 0.25,
        "rotary_emb_base": 10000}
DEEPSEEK = {"model_type": "deepseek_v3", "hidden_size": 7168, "num_attention_heads": 128,
            "qk_rope_head_dim": 64}
GEMMA = {"model_type": "gemma3", "text_config": {
    "model_type": "gemma3_text", "hidden_size": 3840, "num_attention_heads": 16,
    "num_hidden_layers": 48, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
    "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 1152}}
HUNYUAN = {"model_type": "hunyuan_v1_dense", "head_dim": 128, "rope_theta": 1e4,
           "max_position_embeddings": 32768, "rope_scaling": {
               "type": "dynamic", "alpha": 1000.0, "factor": 1.0, "beta_fast": 32, "beta_slow": 1,
               "mscale": 1.0, "mscale_all_dim": 0.0}}
PHI_MOE = {"model_type": "phimoe", "hidden_size": 4096, "num_attention_heads": 32,
           "rope_theta": 1e4, "max_position_embeddings": 131072,
           "original_max_position_embeddings": 4096, "rope_scaling": {
               "type": "longrope", "short_factor": [1.0] * 64, "long_factor": [2.0] * 64,
               "short_mscale": 1.243163121016122, "long_mscale": 1.25,
               "original_max_position_embeddings": 4096}}
SCOUT = {"model_type": "llama4_text", "hidden_size": 5120, "num_attention_heads": 40,
         "head_dim": 128, "num_hidden_layers": 48, "rope_theta": 5e5, "rope_scaling": {
             "factor": 16.0, "high_freq_factor": 1.0, "low_freq_factor": 1.0,
             "original_max_position_embeddings": 8192, "rope_type": "llama3"}}
OLMO3 = {"model_type": "olmo3", "hidden_size": 4096, "num_attention_heads": 32,
         "num_hidden_layers": 32, "rope_theta": 5e5, "max_position_embeddings": 65536,
         "rope_scaling": {"rope_type": "yarn", "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0,
                          "attention_factor": 1.2079441541679836,
                          "original_max_position_embeddings": 8192}}
PUBLISHED = [
    (NEOX, {}, (8, 0.1, 1.0, "half")),
    (DEEPSEEK, {}, (64, 0.7499, 1.0, "interleaved")),
    (DEEPSEEK | {"rope_interleave": False}, {}, (64, 0.7499, 1.0, "half")),
    (DEEPSEEK | {"model_type": "kimi_k2"}, {}, (64, 0.7499, 1.0, "interleaved")),
    (GEMMA, {"layer": "full_attention"}, (256, 0.1122, 1.0, "half")),
    (GEMMA, {"layer": 5}, (256, 0.1122, 1.0, "half")),
    (GEMMA, {"layer": "sliding_attention"}, (256, 0.9306, 1.0, "half")),
    ({"model_type": "modernbert", "global_attn_every_n_layers": 3, "num_hidden_layers": 22},
     {"layer": 0}, (64, 0.6877, 1.0, "half")),
    ({"model_type": "modernbert", "global_attn_every_n_layers": 3, "num_hidden_layers": 22},
     {"layer": 1}, (64, 0.7499, 1.0, "half")),
    (HUNYUAN, {}, (128, 0.776, 1.0, "half")),
    (PHI_MOE, {}, (128, 0.866, 1.2432, "half")),
    (PHI_MOE, {"length": 5000}, (128, 0.433, 1.25, "half")),
    ({"model_type": "chatglm", "kv_channels": 128, "hidden_size": 4096, "num_attention_heads": 32,
      "original_rope": True, "rope_ratio": 500}, {}, (64, 0.6175, 1.0, "interleaved")),
    (SCOUT, {"layer": 0}, (128, 0.8146, 1.0, "interleaved")),
    (OLMO3, {"layer": 3}, (128, 0.8146, 1.2079, "half")),
    (OLMO3, {"layer": 0}, (128, 0.8146, 1.0, "half")),
    ({"model_type": "gptj", "n_embd": 4096, "n_head": 16, "rotary_dim": 64}, {},
     (64, 0.7499, 1.0, "interleaved")),
    ({"model_type": "codegen", "n_embd": 1024, "n_head": 16, "rotary_dim": 32}, {},
     (32, 0.5623, 1.0, "interleaved")),
    ({"model_type": "nomic_bert", "n_embd": 768, "n_head": 12, "rotary_emb_base": 1000,
      "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False, "rotary_scaling_factor": None},
     {}, (64, 0.8058, 1.0, "half")),
    ({"model_type": "dbrx", "d_model": 6144, "n_heads": 48, "attn_config": {"rope_theta": 5e5}},
     {}, (128, 0.8146, 1.0, "half")),
    ({"model_type": "internlm2", "hidden_size": 4096, "num_attention_heads": 32, "rope_theta": 1e6,
      "max_position_embeddings": 32768, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, {},
     (128, 0.8058, 1.0, "half")),
]


@pytest.mark.parametrize("config, kwargs, wanted", PUBLISHED)
def test_published_configs(config, kwargs, wanted):
  assert facts(config, **kwargs) == wanted


def test_the_step_of_llama4_scout():
  """Equal frequency factors: wavelengths up to 8192 are kept, longer ones stretched by 16."""
  plain = px.rotary_frequencies(128, base=5e5).radians
  got = px.from_hf(SCOUT, layer="chunked_attention").frequencies.radians
  long = 2 * np.pi / plain > 8192
  assert long.sum() == 29
  np.testing.assert_allclose(got, np.where(long, plain / 16, plain), rtol=1e-9)


@pytest.mark.parametrize("config", [
    {"model_type": "jamba", "hidden_size": 4096, "num_attention_heads": 32},
    {"model_type": "nemotron_h", "hidden_size": 4096, "num_attention_heads": 32},
    {"model_type": "zamba2", "use_mem_rope": False},
    {"model_type": "granitemoehybrid", "position_embedding_type": "nope"},
    {"model_type": "phi", "hidden_size": 64, "num_attention_heads": 4,
     "partial_rotary_factor": 0.0},
])
def test_models_without_positions_have_no_encoding(config):
  assert px.from_hf(config) is None


def test_alibi():
  e = px.from_hf({"model_type": "bloom", "n_head": 4})
  np.testing.assert_allclose(e.slopes, px.alibi_slopes(4))
  e = px.from_hf({"model_type": "falcon", "hidden_size": 256, "num_attention_heads": 4,
                  "alibi": True})
  np.testing.assert_allclose(e.slopes, np.asarray(px.alibi_slopes(4)) / 8)
  e = px.from_hf({"model_type": "falcon", "hidden_size": 256, "num_attention_heads": 4,
                  "alibi": False})
  assert isinstance(e, px.Rotary)
  mpt = {"model_type": "mpt", "n_heads": 4, "d_model": 64}
  inner = {"alibi": True, "alibi_bias_max": 8, "rope": False, "rope_theta": 10000}
  np.testing.assert_allclose(px.from_hf(mpt | {"attn_config": inner}).slopes, px.alibi_slopes(4))
  with pytest.raises(ValueError, match="alibi: got True, alibi_bias_max 4"):
    px.from_hf(mpt | {"attn_config": inner | {"alibi_bias_max": 4}})


def test_several_axes():
  e = px.from_hf({"model_type": "qwen2_vl", "hidden_size": 1536, "num_attention_heads": 12,
                  "rope_theta": 1e6, "rope_scaling": {"type": "mrope",
                                                      "mrope_section": [16, 24, 24]}})
  assert repr(e) == "MRotary(sections=(16, 24, 24), base=1000000.0)"
  e = px.from_hf({"model_type": "qwen3_vl_vision", "hidden_size": 64, "num_heads": 4})
  assert e.axes == (0, 0, 0, 0, 1, 1, 1, 1)
  np.testing.assert_allclose(e.frequencies.radians, [1, 0.1, 0.01, 0.001] * 2)


def test_assume_takes_conventions_and_no_sizes():
  config = {"model_type": "mine", "hidden_size": 64, "num_attention_heads": 4, "my_rope_thing": 3,
            "rope_theta": 100.0}
  with pytest.raises(ValueError, match=r"model_type: got 'mine'.*Which dims turn.*assume='llama'"):
    px.from_hf(config)
  assert repr(px.from_hf(config, assume="llama")) == "Rotary(dim=16, base=100.0)"
  assert px.from_hf(config, assume="cohere").pairing == "interleaved"
  with pytest.raises(ValueError, match=r"config: got the settings \[\] without 'model_type', "
                     "wanted 'model_type', such as 'llama', or one of 'rope_theta', .* Pass"):
    px.from_hf({})
  with pytest.raises(ValueError, match="config: got no 'hidden_size'"):
    px.from_hf({"model_type": "mine"}, assume="llama")
  with pytest.raises(ValueError, match="assume: got 'lama'.*Did you mean 'llama'"):
    px.from_hf(config, assume="lama")


LLAMA = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4}


@pytest.mark.parametrize("config, kwargs, message", [
    ({"model_type": "llamma", "hidden_size": 8}, {}, "model_type: got 'llamma'.*mean 'llama'"),
    ({"hidden_size": 8}, {}, r"config: got the settings \['hidden_size'\] without 'model_type'"),
    (LLAMA | {"use_xpos_rotary": True}, {}, r"config: got the settings \['use_xpos_rotary'\]"),
    (LLAMA | {"position_embedding_type": "alibi"}, {}, "'position_embedding_type'.*What do they"),
    (LLAMA | {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "alpha": 8.0}}, {},
     r"rope_parameters: got the keys \['alpha'\], wanted keys that 'linear'"),
    (LLAMA | {"rope_scaling": {"rope_type": "linear"}}, {}, "config: got no 'factor'"),
    (LLAMA | {"rope_scaling": {"rope_type": "linear", "factor": -1.0}}, {}, "factor: got -1.0"),
    (LLAMA | {"rope_theta": float("nan")}, {}, "rope_theta: got nan, wanted a finite number"),
    (LLAMA | {"hidden_size": 64.5}, {}, "hidden_size: got 64.5, wanted a whole number"),
    (LLAMA | {"rope_scaling": {"rope_type": "longrope", "short_factor": [1.0]}}, {},
     "factors: got 1 numbers, wanted 8"),
    (GEMMA, {}, r"layer: got None, wanted an index below 48 .*\['sliding_attention', 'full_att"),
    (GEMMA, {"layer": 48}, "layer: got 48, wanted an index below 48"),
    (GEMMA, {"layer": "sliding"}, "layer: got 'sliding'.*Did you mean 'sliding_attention'"),
    ({"model_type": "gemma3_text", "layer_types": ["full_attention"], "num_hidden_layers": 2},
     {"layer": 0}, "layer_types: got 1 names, wanted one for each of 2"),
    (NEOX | {"rope_theta": 5e5}, {}, "rope_theta: got 500000.0, wanted the base in 'rotary_emb_b"),
    (LLAMA | {"partial_rotary_factor": 0.5}, {}, "partial_rotary_factor: got 0.5, wanted 1.0"),
    ({"model_type": "phi", "partial_rotary_factor": 0.5, "rope_parameters": {"rope_theta": 1e4},
      "rope_scaling": {"type": "linear", "factor": 2.0}}, {}, "rope_scaling, rope_parameters: got"),
    ({"model_type": "gemma4_text", "num_hidden_layers": 6, "per_layer_config": {
        "5": {"head_dim": 64}, "4": {"head_dim": 32}}}, {"layer": 0},
     r"per_layer_config: got heads of widths \[32, 256\] in sliding_attention layers"),
    (LLAMA | {"per_layer_config": {"0": {"head_dim": 8}}}, {}, r"\['per_layer_config'\]"),
    ({"model_type": "bert", "hidden_size": 768, "num_attention_heads": 12}, {},
     "model_type: got 'bert'.*px.Learned"),
    ({"model_type": "t5"}, {}, r"model_type: got 't5'.*\. Its table is among .*px.T5Bias"),
    ({"model_type": "gpt2"}, {}, r"'gpt2'.*px.Learned\(position_embeddings.weight\)"),
    ({"model_type": "roberta"}, {}, r"'roberta'.*px.Learned\(position_.*, offset=2\)"),
    ({"model_type": "opt"}, {}, r"'opt'.*px.Learned\(embed_positions.weight, offset=2\)"),
    ({"model_type": "bart"}, {}, r"'bart'.*px.Learned\(embed_positions.weight, offset=2\)"),
    ({"model_type": "whisper"}, {},
     r"'whisper'.*encoder.*px.sinusoidal.*decoder.*px.Learned\(embed_pos"),
    ({"model_type": "xlnet"}, {}, r"'xlnet'.*px.TransformerXL\(u, v, w_r\)"),
    ({"model_type": "vit_mae"}, {}, r"'vit_mae'.*Its table is among the weights"),
    ({"model_type": "deberta"}, {}, "'deberta'.*px.deberta_bucket"),
    ({"model_type": "dinov3_vit"}, {}, "'dinov3_vit'.*Patch centres"),
    ({"model_type": "wav2vec2-bert", "position_embeddings_type": "relative_key"}, {},
     "position_embeddings_type: got 'relative_key', wanted 'rotary', where q and k turn. Which"),
    ({"model_type": "minicpm3", "hidden_size": 2560, "num_attention_heads": 40,
      "qk_rope_head_dim": 32, "rope_scaling": {
        "type": "longrope", "short_factor": [1.0] * 15, "long_factor": [1.0] * 15,
        "original_max_position_embeddings": 32768}}, {}, "factors: got 15 numbers, wanted 16"),
    ({"model_type": "deberta-v2", "hidden_size": 8}, {}, "px.deberta_bucket"),
    ({"model_type": "baichuan", "hidden_size": 5120}, {}, "Which is it"),
    ({"model_type": "minimax", "rotary_dim": 64}, {}, "Which weights are these"),
    ({"model_type": "esm", "position_embedding_type": "absolute"}, {},
     "position_embedding_type: got 'absolute'"),
    ({"model_type": "wav2vec2-conformer", "position_embeddings_type": "relative"}, {},
     "position_embeddings_type: got 'relative'"),
    (LLAMA, {"length": 0}, "length: got 0"),
    (SCOUT | {"no_rope_layers": [1]}, {"layer": 0}, "no_rope_layers: got list, wanted 48"),
    ({"model_type": "qwen2_vl", "hidden_size": 64, "num_attention_heads": 4}, {},
     r"mrope_section: got \[16, 24, 24\], wanted 8 pairs"),
    ({"model_type": "qwen2_vl_text", "hidden_size": 64, "num_attention_heads": 4,
      "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "mrope_section": [2, 3, 3],
                          "original_max_position_embeddings": 8}}, {},
     "rope_parameters: got M-RoPE with an attention factor of 1.13.*, wanted 1.0"),
])
def test_refusals(config, kwargs, message):
  with pytest.raises(ValueError, match=message):
    px.from_hf(config, **kwargs)


@pytest.mark.parametrize("config, message", [
    (LLAMA | {"rope_theta": "10000"}, "rope_theta: got '10000', wanted a number"),
    (LLAMA | {"num_hidden_layers": "2"}, "num_hidden_layers: got '2', wanted a number"),
    (LLAMA | {"hidden_size": True}, "hidden_size: got True, wanted a number"),
    (LLAMA | {"rope_scaling": "linear"}, "rope_parameters: got 'linear', wanted a dict"),
    (DEEPSEEK | {"rope_interleave": "yes"}, "rope_interleave: got 'yes'"),
])
def test_wrong_types(config, message):
  with pytest.raises(TypeError, match=message):
    px.from_hf(config, layer=0)


def test_reads_a_directory_and_says_what_a_path_is_not(tmp_path):
  (tmp_path / "config.json").write_text(json.dumps(LLAMA))
  assert repr(px.from_hf(tmp_path)) == repr(px.from_hf(str(tmp_path / "config.json")))
  with pytest.raises(FileNotFoundError, match="config: got 'meta-llama/Llama-3'.*Nothing is down"):
    px.from_hf("meta-llama/Llama-3")


def nested(depth):
  return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("text, message", [
    ("{", "config: got no JSON"),
    ("[1]", "config: got list"),
    ('{"rope_theta": NaN}', "config: got NaN, wanted finite"),
    ('{"rope_theta": -Infinity}', "config: got -Infinity, wanted finite"),
    (nested(1000), "config: got dicts or lists nested more than 64 deep"),
    (nested(100_000), "config: got dicts or lists nested more than 64 deep"),
    ('{"a": "' + "x" * (10 * 2**20) + '"}', "config: got a file of more than 10 MB"),
    ("\xff", "config: got no JSON"),
])
def test_bad_files(tmp_path, text, message):
  path = tmp_path / "config.json"
  path.write_bytes(text.encode("latin-1"))
  with pytest.raises((ValueError, TypeError), match=message):
    px.from_hf(path)


def test_a_dict_that_holds_itself_is_refused():
  config = dict(LLAMA)
  config["a"] = config
  with pytest.raises(ValueError, match="nested more than 64 deep"):
    px.from_hf(config)
  assert sorted(config) == ["a", *sorted(LLAMA)]


def test_objects_keep_the_names_of_their_settings():
  class Config:
    attribute_map = {"hidden_size": "n_embed", "num_attention_heads": "n_times"}

    def to_dict(self):
      return {"model_type": "llama", "n_embed": 64, "n_times": 4, "rope_parameters": {
          "rope_theta": 100.0, "rope_type": "default"}}
  assert repr(px.from_hf(Config())) == "Rotary(dim=16, base=100.0)"
