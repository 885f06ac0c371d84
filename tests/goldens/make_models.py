# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes models.npz: tiny random models of transformers, with their logits.

Run from the repository root, with torch and transformers installed (they are needed for nothing
else): ``python -m tests.goldens.make_models``. Weights are multiples of 1/64, which makes the
file small; the models run in float32 on the CPU.
"""

import inspect
import json
import pathlib

import numpy as np
import torch
import transformers

SEED, VOCABULARY, LENGTH, START = 0, 32, 10, 4
PADDING = (0, 3)  # tokens of padding on the left of each row; and on the right
LONG = 24  # tokens of the cases whose rotation depends on the length; they are made for 8

COMMON = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
ONE = dict(num_hidden_layers=1)
NEOX = {k: v for k, v in COMMON.items() if k != "num_key_value_heads"}
IDS = dict(pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA3 = dict(rope_type="llama3", rope_theta=100.0, factor=4.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=8)
YARN = dict(rope_type="yarn", rope_theta=100.0, factor=4.0, original_max_position_embeddings=8)
SLIDES = dict(layer_types=["sliding_attention", "full_attention"], sliding_window=4)
BOTH_ROPES = dict(full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000.0),
                  sliding_attention=dict(rope_type="default", rope_theta=100.0))

# Name of the case: (config class without "Config", its settings).
MODELS = {
    "llama2": ("Llama", COMMON | ONE | dict(num_key_value_heads=4)),
    "llama3": ("Llama", COMMON | dict(rope_parameters=LLAMA3, tie_word_embeddings=True)),
    "llama_yarn": ("Llama", COMMON | ONE | dict(rope_parameters=YARN, attention_bias=True,
                                                mlp_bias=True)),
    "mistral": ("Mistral", COMMON | dict(sliding_window=4, head_dim=6)),
    "qwen2": ("Qwen2", COMMON | dict(use_sliding_window=True, sliding_window=4,
                                     max_window_layers=1)),
    "qwen3": ("Qwen3", COMMON | ONE | dict(head_dim=8)),
    "gpt2": ("GPT2", dict(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=4, n_positions=16)),
    "gpt_neox": ("GPTNeoX", NEOX | dict(rotary_pct=0.5)),
    "gpt_neox_serial": ("GPTNeoX", NEOX | ONE | dict(use_parallel_residual=False, rotary_pct=0.5,
                                                       attention_bias=False)),
    "gemma": ("Gemma", COMMON | ONE | dict(head_dim=8, num_key_value_heads=1)),
    "gemma2": ("Gemma2", COMMON | SLIDES | dict(
        head_dim=8, query_pre_attn_scalar=10, attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0)),
    "gemma3": ("Gemma3Text", COMMON | SLIDES | dict(
        head_dim=8, query_pre_attn_scalar=10, rope_parameters=BOTH_ROPES)),
    "olmo2": ("Olmo2", COMMON),
    "smollm3": ("SmolLM3", COMMON | dict(no_rope_layers=[1, 0])),
    "phi3": ("Phi3", COMMON | ONE | dict(sliding_window=5)),
    "bloom": ("Bloom", dict(vocab_size=VOCABULARY, hidden_size=18, n_layer=1, n_head=3)),
    "cohere": ("Cohere", COMMON | ONE | dict(logit_scale=0.25, use_qk_norm=False)),
    "cohere_plus": ("Cohere", COMMON | ONE | dict(use_qk_norm=True)),
    "gpt_oss": ("GptOss", COMMON | SLIDES | dict(
        head_dim=8, num_local_experts=4, num_experts_per_tok=2, intermediate_size=8,
        swiglu_limit=1.0, rope_parameters=YARN | dict(truncate=False))),
}
# Past the length that they were trained at, 8 tokens: what a whole call of LONG tokens gives.
FAR = COMMON | ONE | dict(max_position_embeddings=8)
LONG_MODELS = {
    "dynamic": ("Llama", FAR | dict(rope_parameters=dict(
        rope_type="dynamic", rope_theta=100.0, factor=4.0))),
    "longrope": ("Phi3", FAR | dict(
        max_position_embeddings=64, original_max_position_embeddings=8, rope_parameters=dict(
            rope_type="longrope", rope_theta=100.0, original_max_position_embeddings=8,
            short_factor=[1.0, 1.5], long_factor=[2.0, 5.0]))),
    "linear": ("Llama", FAR | dict(rope_parameters=dict(
        rope_type="linear", rope_theta=100.0, factor=4.0))),
    "llama3_far": ("Llama", FAR | dict(rope_parameters=LLAMA3)),
    "yarn": ("Qwen2", FAR | dict(rope_parameters=YARN)),
}
T5 = dict(vocab_size=VOCABULARY, d_model=16, d_kv=6, d_ff=20, num_layers=2, num_decoder_layers=1,
          num_heads=3, relative_attention_num_buckets=8, relative_attention_max_distance=12)
SEQ2SEQ = {"t5": ("T5", T5 | dict(decoder_start_token_id=0)),
           "t5_gated": ("T5", T5 | dict(decoder_start_token_id=0, num_layers=1, d_ff=12,
                                        feed_forward_proj="gated-gelu",
                                        tie_word_embeddings=False))}
ENCODERS = {"bert": ("Bert", dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20,
                                  num_hidden_layers=2, num_attention_heads=4,
                                  max_position_embeddings=12))}


def make(name):
  """(config, weights, model) of one case."""
  kind, settings = (MODELS | LONG_MODELS | SEQ2SEQ | ENCODERS)[name]
  config = getattr(transformers, f"{kind}Config")(**settings, **IDS)
  config._attn_implementation = "eager"
  auto = "AutoModelForSeq2SeqLM" if name in SEQ2SEQ else "AutoModelForCausalLM"
  auto = "AutoModelForMaskedLM" if name in ENCODERS else auto
  model = getattr(transformers, auto).from_config(config, attn_implementation="eager").eval()
  draws = torch.Generator().manual_seed(SEED)
  weights = {}
  with torch.no_grad():
    for key, parameter in model.named_parameters():
      around = parameter.mean() if parameter.ndim == 1 else 0.0  # gains stay about 1
      size = 0.1 if parameter.ndim == 1 else 0.3
      drawn = around + size * torch.randn(parameter.shape, generator=draws)
      parameter.copy_(torch.round(drawn * 64) / 64)
      weights[key] = parameter.numpy().astype(np.float16)
  return config, weights, model


def run(model, tokens, mask):
  """Logits of one call, and of a prompt and then single tokens with a cache."""
  at = (mask.cumsum(-1) - 1).clamp(min=0)
  placed = "position_ids" in inspect.signature(model.forward).parameters

  def call(tokens, mask, at, cache=None):
    where = dict(position_ids=at) if placed else {}
    return model(tokens, attention_mask=mask, past_key_values=cache, use_cache=True, **where)

  with torch.no_grad():
    whole = call(tokens, mask, at).logits
    out = call(tokens[:, :START], mask[:, :START], at[:, :START])
    parts = [out.logits]
    for i in range(START, tokens.shape[1]):
      out = call(tokens[:, i:i + 1], mask[:, :i + 1], at[:, i:i + 1], out.past_key_values)
      parts.append(out.logits)
  return whole.numpy(), torch.cat(parts, 1).numpy()


def run_both(model, source, mask, target):
  """Logits of an encoder-decoder, whose cached ones must be the same."""
  with torch.no_grad():
    whole = model(input_ids=source, attention_mask=mask, decoder_input_ids=target).logits
    out = model(input_ids=source, attention_mask=mask, decoder_input_ids=target[:, :START],
                use_cache=True)
    parts = [out.logits]
    for i in range(START, target.shape[1]):
      out = model(encoder_outputs=(out.encoder_last_hidden_state,), attention_mask=mask,
                  decoder_input_ids=target[:, i:i + 1], past_key_values=out.past_key_values,
                  use_cache=True)
      parts.append(out.logits)
  assert abs(whole - torch.cat(parts, 1)).max() < 1e-5
  return whole.numpy()


def keep(found, name, config, weights, full):
  """Notes a case."""
  found |= {f"{name}/config": np.array(json.dumps(config.to_dict())), f"{name}/full": full}
  found |= {f"{name}/weights/{k}": v for k, v in weights.items()}
  print(name, np.std(full))


def decoders(found, tokens, lefts, rights):
  """Whole calls; the second row padded on either side; the same with a cache."""
  real, right = lefts[1].bool().numpy(), rights[1].bool().numpy()
  for name in MODELS:
    config, weights, model = make(name)
    full, _ = run(model, tokens, torch.ones((2, LENGTH), dtype=torch.int64))
    left, cached = run(model, *lefts)
    # One array stands for both: what the cache gives, and the first row, which has no padding.
    assert abs(left - cached)[real].max() < 1e-5 and abs(full - left)[0].max() < 1e-5
    keep(found, name, config, weights, full)
    with torch.no_grad():
      after = model(rights[0], attention_mask=rights[1]).logits.numpy()
    assert abs(full - after)[0].max() < 1e-5
    found |= {f"{name}/padded": left[1], f"{name}/right": after[1][right[1]]}


def both(found, tokens, lefts, rights):
  """Encoder-decoders with a padded source."""
  target = tokens.flip(1)
  for name in SEQ2SEQ:
    config, weights, model = make(name)
    full = run_both(model, tokens, torch.ones((2, LENGTH), dtype=torch.int64), target)
    keep(found, name, config, weights, full)
    found |= {f"{name}/padded": run_both(model, *lefts, target)[1],
              f"{name}/right": run_both(model, *rights, target)[1]}


def encoders(found, tokens, lefts, rights):
  """Encoders, also with tokens of two types."""
  types = torch.tensor([[0] * 4 + [1] * (LENGTH - 4)] * 2)
  for name in ENCODERS:
    config, weights, model = make(name)
    at = (lefts[1].cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
      keep(found, name, config, weights, model(tokens).logits.numpy())
      left = model(lefts[0], attention_mask=lefts[1], position_ids=at).logits.numpy()
      right = model(rights[0], attention_mask=rights[1]).logits.numpy()
      typed = model(tokens, token_type_ids=types).logits.numpy()
    found |= {f"{name}/padded": left[1], f"{name}/right": right[1][rights[1][1].bool().numpy()],
              f"{name}/typed": typed, "types": types.numpy().astype(np.int32)}


def main():
  rng = np.random.default_rng(SEED)
  tokens = rng.integers(3, VOCABULARY, (2, LENGTH))
  padded = np.array([[0] * n + row[n:].tolist() for n, row in zip(PADDING, tokens, strict=True)])
  right = np.array([row[:LENGTH - n].tolist() + [0] * n for n, row in zip(PADDING, tokens,
                                                                         strict=True)])
  long = rng.integers(3, VOCABULARY, (2, LONG))
  mask = np.arange(LENGTH) >= np.array(PADDING)[:, None]
  found = {"versions": np.array([f"torch {torch.__version__}",
                                 f"transformers {transformers.__version__}"]),
           "seed": np.array(SEED), "start": np.array(START), "mask": mask,
           "right_mask": mask[:, ::-1], "tokens": tokens.astype(np.int32),
           "padded_tokens": padded.astype(np.int32), "right_tokens": right.astype(np.int32),
           "long_tokens": long.astype(np.int32), "names": np.array(sorted(MODELS)),
           "both_names": np.array(sorted(SEQ2SEQ)), "encoder_names": np.array(sorted(ENCODERS)),
           "long_names": np.array(sorted(LONG_MODELS))}
  given = [torch.tensor(tokens)] + [
      (torch.tensor(t), torch.tensor(np.ascontiguousarray(m)).long())
      for t, m in ((padded, mask), (right, mask[:, ::-1]))]
  decoders(found, *given)
  both(found, *given)
  encoders(found, *given)
  for name in LONG_MODELS:
    config, weights, model = make(name)
    with torch.no_grad():
      keep(found, name, config, weights, model(torch.tensor(long)).logits.numpy())
  path = pathlib.Path(__file__).parent / "models.npz"
  np.savez_compressed(path, **found)
  print(path.stat().st_size)


if __name__ == "__main__":
  main()
