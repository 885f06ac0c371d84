# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes hf_layers.npz: what each layer of tiny models of transformers hands to its attention.

  python tests/goldens/measure_hf_layers.py

Run by hand, in an environment with torch and transformers. An attention function of our own takes
the place of the library's and notes the scale, window, soft-cap, sinks and the turned queries and
keys of each layer. The same token stands at four positions, so that all of them had equal queries
and keys before the rotation: those of position 0 are stored with the products of all.
"""

import json
import pathlib
import warnings

import numpy as np
import torch
import transformers
from transformers.masking_utils import AttentionMaskInterface, eager_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

FOLDER = pathlib.Path(__file__).parent
POSITIONS = [0, 1, 7, 101]
TINY = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_hidden_layers": 6, "vocab_size": 32, "intermediate_size": 32,
        "max_position_embeddings": 256, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
FEW = {"num_experts": 2, "num_local_experts": 2, "num_experts_per_tok": 1,
       "moe_intermediate_size": 16, "n_routed_experts": 2, "n_group": 1, "topk_group": 1,
       "first_k_dense_replace": 1}
LATENT = {"qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 16, "kv_lora_rank": 16,
          "q_lora_rank": 16}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "mscale": 1.0,
        "mscale_all_dim": 0.7}
MODELS = {
    **dict.fromkeys("""llama gemma phi stablelm olmo olmo2 cohere glm glm4 nemotron arcee seed_oss
        helium ernie4_5 persimmon flex_olmo diffllama bitnet jetmoe apertus gpt_neox minimax_m2
        ernie4_5_moe glm4_moe olmoe granitemoe granitemoeshared hunyuan_v1_dense hunyuan_v1_moe
        phimoe mixtral qwen3_moe ministral csm""".split(), {}),
    "qwen2": {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 4},
    "qwen3": {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 2},
    "mistral": {"sliding_window": 3}, "starcoder2": {"sliding_window": 3},
    "phi3": {"sliding_window": 3}, "granite": {"attention_multiplier": 0.3},
    "gemma2": {"sliding_window": 3, "query_pre_attn_scalar": 9},
    "vaultgemma": {"sliding_window": 3},
    "gemma3_text": {"sliding_window": 3, "query_pre_attn_scalar": 9, "rope_theta": 77.0,
                    "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "gemma3n_text": {"sliding_window": 3, "hidden_size_per_layer_input": 8, "laurel_rank": 4,
                     "vocab_size_per_layer_input": 32, "num_kv_shared_layers": 0,
                     "activation_sparsity_pattern": [0.0] * 6},
    "olmo3": {"sliding_window": 3, "rope_scaling": YARN}, "cohere2": {"sliding_window": 3},
    "gpt_oss": {"sliding_window": 3}, "smollm3": {}, "cwm": {"sliding_window": 3},
    "llama4_text": {"attention_chunk_size": 64, "floor_scale": 4},
    "exaone4": {"sliding_window": 3}, "ministral3": {}, "modernbert": {"local_attention": 4},
    "deepseek_v3": LATENT | {"rope_scaling": YARN}, "deepseek_v2": LATENT | {"rope_scaling": YARN},
    "minicpm3": LATENT, "exaone_moe": {"sliding_window": 3}, "afmoe": {"sliding_window": 3},
    "kolibri1": {"sliding_window": 3}, "dots1": {"sliding_window": 3}, "lfm2": {},
}
noted: list[dict] = []


def note(module, query, key, value, attention_mask=None, scaling=None, sliding_window=None,
         softcap=None, s_aux=None, **_):
  """Takes the place of attention: notes what came and attends without positions."""
  del attention_mask
  noted.append({
      "layer": getattr(module, "layer_idx", None), "scale": scaling, "window": sliding_window,
      "cap": softcap, "sinks": s_aux is not None,
      "q": query[0, 0].double().numpy(), "k": key[0, 0].double().numpy()})
  groups = query.shape[1] // value.shape[1]
  return value.repeat_interleave(groups, 1).transpose(1, 2).contiguous(), None


def measure(name, extra):
  """The notes of one tiny model, layer by layer."""
  config_class = transformers.CONFIG_MAPPING[name]
  fields = getattr(config_class, "__dataclass_fields__", {})
  known = TINY | {k: v for k, v in FEW.items() if k in fields}
  if "head_dim" in fields and "qk_rope_head_dim" not in fields:
    known["head_dim"] = 16
  given = {"model_type": name, **known, **extra}
  config = config_class.from_dict(json.loads(json.dumps(given)))
  config._attn_implementation = "note"
  torch.manual_seed(1)
  model = transformers.AutoModel.from_config(config, attn_implementation="note").float().eval()
  with torch.no_grad():
    for parameter in model.parameters():
      parameter.copy_(0.3 * torch.randn(parameter.shape) if parameter.ndim > 1
                      else torch.ones_like(parameter))
    noted.clear()
    model(input_ids=torch.full((1, 4), 5), position_ids=torch.tensor([POSITIONS]), use_cache=False)
  layers = []
  for n in noted:
    q, k = n.pop("q"), n.pop("k")
    size = np.sqrt(max(1e-30, (q[0] @ q[0]) * (k[0] @ k[0])))
    layers.append(n | {"q": np.round(q[0], 6).tolist(), "k": np.round(k[0], 6).tolist(),
                       "products": np.round(q @ k.T / size, 6).tolist()})
  return {"config": {k: v for k, v in given.items() if "token_id" not in k}, "layers": layers}


def main():
  warnings.simplefilter("ignore")
  transformers.logging.set_verbosity_error()
  ALL_ATTENTION_FUNCTIONS.register("note", note)
  AttentionMaskInterface.register("note", eager_mask)
  cases = {}
  for name, extra in MODELS.items():
    try:
      cases[name] = measure(name, extra)
    except Exception as fault:
      print(f"{name}: {type(fault).__name__}: {str(fault)[:200]}")
  versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
  np.savez_compressed(FOLDER / "hf_layers.npz", cases=json.dumps(cases), positions=POSITIONS,
                      versions=versions)
  print(f"{len(cases)} models")


if __name__ == "__main__":
  main()
