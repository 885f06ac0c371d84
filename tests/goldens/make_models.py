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
PADDING = (0, 3)  # tokens of padding on the left of each row

COMMON = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
ONE = dict(num_hidden_layers=1)
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
    "gpt_neox": ("GPTNeoX", COMMON | dict(rotary_pct=0.5)),
    "gpt_neox_serial": ("GPTNeoX", COMMON | ONE | dict(use_parallel_residual=False, rotary_pct=0.5,
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
  kind, settings = (MODELS | SEQ2SEQ | ENCODERS)[name]
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


def main():
  found = {"versions": np.array([f"torch {torch.__version__}",
                                 f"transformers {transformers.__version__}"]),
           "seed": np.array(SEED), "names": np.array(sorted(MODELS))}
  tokens = np.random.default_rng(SEED).integers(3, VOCABULARY, (2, LENGTH))
  padded = np.array([[0] * n + row[n:].tolist() for n, row in zip(PADDING, tokens, strict=True)])
  found |= dict(tokens=tokens.astype(np.int32), padded_tokens=padded.astype(np.int32),
                mask=np.arange(LENGTH) >= np.array(PADDING)[:, None], start=np.array(START))
  for name in MODELS:
    config, weights, model = make(name)
    full, _ = run(model, torch.tensor(tokens), torch.ones((2, LENGTH), dtype=torch.int64))
    left, cached = run(model, torch.tensor(padded), torch.tensor(found["mask"]).long())
    found |= {f"{name}/config": np.array(json.dumps(config.to_dict())), f"{name}/full": full,
              f"{name}/padded": left[1]}
    found |= {f"{name}/weights/{k}": v for k, v in weights.items()}
    real = found["mask"]
    # One array stands for both: what the cache gives, and the first row, which has no padding.
    assert abs(left - cached)[real].max() < 1e-5 and abs(full - left)[0].max() < 1e-5
    print(name, np.std(full))
  found["both_names"] = np.array(sorted(SEQ2SEQ))
  for name in SEQ2SEQ:
    config, weights, model = make(name)
    target = torch.tensor(tokens[:, ::-1].copy())
    full = run_both(model, torch.tensor(tokens), torch.ones((2, LENGTH), dtype=torch.int64), target)
    left = run_both(model, torch.tensor(padded), torch.tensor(found["mask"]).long(), target)
    found |= {f"{name}/config": np.array(json.dumps(config.to_dict())), f"{name}/full": full,
              f"{name}/padded": left[1]}
    found |= {f"{name}/weights/{k}": v for k, v in weights.items()}
    print(name, np.std(full))
  found["encoder_names"] = np.array(sorted(ENCODERS))
  for name in ENCODERS:
    config, weights, model = make(name)
    with torch.no_grad():
      mask = torch.tensor(found["mask"]).long()
      at = (mask.cumsum(-1) - 1).clamp(min=0)
      full = model(torch.tensor(tokens)).logits.numpy()
      left = model(torch.tensor(padded), attention_mask=mask, position_ids=at).logits.numpy()
    found |= {f"{name}/config": np.array(json.dumps(config.to_dict())), f"{name}/full": full,
              f"{name}/padded": left[1]}
    found |= {f"{name}/weights/{k}": v for k, v in weights.items()}
    print(name, np.std(full))
  path = pathlib.Path(__file__).parent / "models.npz"
  np.savez_compressed(path, **found)
  print(path.stat().st_size)


if __name__ == "__main__":
  main()
