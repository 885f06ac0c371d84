# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Settings of a config that nothing has read: harmless ones by a list, all others refused."""

from collections.abc import Collection, Mapping
from typing import Any

from posenc_jax import _errors
from posenc_jax.interop import lookup
from posenc_jax.interop.config import ALIASES
from posenc_jax.interop.families import Family


class Noted(dict):
  """Settings that note which of them were read."""

  def __init__(self, settings: Mapping[str, Any]):
    super().__init__(settings)
    self.read: set[str] = set()

  def get(self, key: Any, default: Any = None) -> Any:
    self.read.add(key)
    return super().get(key, default)

  def __getitem__(self, key: Any) -> Any:
    self.read.add(key)
    return super().__getitem__(key)


# What is about training, files, tokens, classifiers or sampling, or moves rounding alone.
_HARMLESS = frozenset("""
_attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash
_name_or_path _num_labels activation_dropout architectures attention_dropout
attention_probs_dropout_prob attention_softmax_in_fp32 attn_implementation attn_pdrop auto_map
begin_suppress_tokens bos_token bos_token_id bad_words_ids bias_dropout_fusion cache_implementation
chunk_size_feed_forward classifier_dropout classifier_dropout_prob decoder_start_token_id
directionality diversity_penalty do_sample dropout dropout_rate dtype early_stopping embd_pdrop
encoder_no_repeat_ngram_size eos_token eos_token_id exponential_decay_length_penalty
finetuning_task forced_bos_token_id forced_eos_token_id fused_swiglu gradient_checkpointing
hidden_dropout hidden_dropout_prob id2label ignore_index initializer_factor initializer_range
is_decoder is_llama_config keys_to_ignore_at_inference label2id length_penalty masked_softmax_fusion
max_length max_position_embeddings max_sequence_length min_length model_type n_ctx n_positions
no_repeat_ngram_size num_beam_groups num_beams num_labels num_return_sequences offset_alibi
output_attentions output_hidden_states output_past output_router_logits output_scores
pad_token pad_token_id pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers
pooler_size_per_head pooler_type prefix pretraining_tp problem_type remove_invalid_values
reorder_and_upcast_attn repetition_penalty resid_pdrop return_dict return_dict_in_generate
router_aux_loss_coef sep_token_id seq_length skip_bias_add skip_bias_add_qkv slow_but_exact
summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj
suppress_tokens task_specific_params temperature tie_encoder_decoder tokenizer_class top_k top_p
torch_dtype torchscript transformers.js_config transformers_version typical_p unk_token_id
unsloth_fixed unsloth_version use_bfloat16 use_cache
""".split())
# What is harmless at this value alone; it switches something on at others.
_OFF: Mapping[str, Any] = {
    "add_cross_attention": False, "attention_bias": False, "full_attn_mod": 1,
    "interpolate_factor": 1, "is_encoder_decoder": False, "lm_head_bias": False, "mlp_bias": False,
    "pruned_heads": {}, "tf_legacy_loss": False, "use_bidirectional_attention": False,
    "use_mrope": False, "use_sliding_window": False,
}


def check_all_read(settings: Noted, family: Family, ignore: Collection[str]) -> None:
  """Refuses settings that may change what the model computes and that nothing has read.

  Args:
    settings: after the plan of the model was made.
    family: its row in the table of encodings, which explains settings about positions.
    ignore: settings that the caller knows to change nothing.

  Raises:
    ValueError: there are such settings, or quantized weights; one to ignore that is not there.
  """
  for name in ignore:
    if name not in settings:
      close = _errors.near(name, map(str, settings))
      raise _errors.value_error("ignore_settings", repr(name), "settings of the config",
                                f"Did you mean {close!r}?" if close else "Leave it out")
  if settings.get("quantization_config") is not None:
    raise _errors.value_error("config", "a quantization_config", "weights that are floats",
                              "Quantized weights are not read: take the model's original ones")
  known = settings.read | lookup.understood(family) | _HARMLESS | set(ALIASES) | set(ignore)
  known |= {other for others in ALIASES.values() for other in others}
  known |= _of_scores(family)
  left = sorted(str(k) for k, v in settings.items()
                if k not in known and not _is_off(k, v, settings))
  if left:
    raise _errors.value_error(
        "config", f"the settings {left[:6]}", f"those that {settings['model_type']!r} is known to "
        "have", "What do they change? Name those that change nothing: ignore_settings=(..)")


def _is_off(key: Any, value: Any, settings: Mapping) -> bool:
  if key == "sliding_window_size":  # beside sliding_window, in Gemma 2's first configs
    return value == settings.get("sliding_window")
  if key == "rope_interleaved":  # from_hf has checked it
    return True
  return key in _OFF and type(value) is type(_OFF[key]) and value == _OFF[key]


def _of_scores(family: Family) -> set[str]:
  """Settings that ``layers_from_hf`` reads or refuses."""
  told = family.scores
  if told is None:
    return set()
  rule = family.pattern[0] if family.pattern else None
  names = {told.window, told.cap, told.scale.removeprefix("^"), *told.off}
  names |= {"layer_types", "_sliding_window_pattern", "sliding_window_pattern"} if rule else set()
  names |= {"no_rope_layers", "no_rope_layer_interval"} if rule == "no rope" else set()
  slides = rule == "late" or "use_sliding_window" in told.off
  names |= {"max_window_layers", "use_sliding_window", "sliding_window"} if slides else set()
  return {name for name in names if name}
