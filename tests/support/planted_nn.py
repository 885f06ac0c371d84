# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Planted faults of posenc_jax/nn and of how parameters are told apart; see `planted`."""

from tests.support.fault import Fault

NN = [
  Fault(
    "cache-overflow-by-one", "posenc_jax/nn/cache.py",
    "cache.index <= cache.length,", "cache.index <= cache.length + 1,",
    "tests/nn/test_cache.py::test_one_token_more_than_there_are_slots_is_nan"),
  Fault(
    "cache-exactly-full", "posenc_jax/nn/cache.py",
    "cache.index <= cache.length,", "cache.index < cache.length,",
    "tests/nn/test_cache.py::test_one_token_more_than_there_are_slots_is_nan"),
  Fault(
    "cache-order-from-zero", "posenc_jax/nn/cache.py",
    "return start + np.arange(t", "return 0 * start + np.arange(t",
    "tests/nn/test_cache.py::test_a_window_hides_old_slots"),
  Fault(
    "cache-any-batch", "posenc_jax/nn/cache.py",
    "if made_for != tuple(batch):", "if len(made_for) != len(batch):",
    "tests/nn/test_hooks.py::test_one_mistake_about_the_batch_has_one_message"),
  Fault(
    "cache-any-encoding", "posenc_jax/nn/cache.py",
    "if kind(old) != kind(new):", "if kind(old)[0] != kind(new)[0]:",
    "tests/nn/test_cache.py::test_wrong_caches"),
  Fault(
    "held-learns-by-name", "posenc_jax/nn/held.py",
    "(nnx.Param if learned else Hyper)",
    '(nnx.Param if hasattr(type(encoding), "init") else Hyper)',
    "tests/nn/test_recipes.py::test_an_encoding_of_ones_own_is_trained"),
  Fault(
    "held-learns-all", "posenc_jax/nn/held.py",
    "(nnx.Param if learned else Hyper)",
    "(nnx.Param if jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.floating) else Hyper)",
    "tests/nn/test_recipes.py -k one_step"),
  Fault(
    "held-words-as-floats", "posenc_jax/nn/held.py",
    "(jnp.asarray(leaf)))", "(jnp.asarray(leaf, jnp.float32)))",
    "tests/nn/test_recipes.py -k one_step"),
  Fault(
    "held-names-add-up", "posenc_jax/nn/held.py",
    "learn_fields(freeze(encoding), *names)", "learn_fields(encoding, *names)",
    "tests/nn/test_encodings.py::test_only_the_named_fields_are_learned"),
  Fault(
    "inputs-for-every-layer", "posenc_jax/nn/held.py",
    "if len(absolute) > 1:", "if len(absolute) > 2:",
    "tests/nn/test_encodings.py::test_inputs_act_once_or_not_at_all"),
  Fault(
    "one-key-a-layer", "posenc_jax/nn/held.py",
    "key=key)\n",
    "key=None if key is None else jax.random.fold_in(key, id(e) % 97))\n",
    "tests/nn/test_encodings.py::test_random_positions_are_drawn_once_for_all_layers"),
  Fault(
    "padding-keeps-positions", "posenc_jax/nn/held.py",
    "    if mask is not None:\n"
    "        mapped",
    "    if mask is None:\n"
    "        mapped",
    "tests/nn/test_models.py::test_explicit_positions_and_padding_on_the_right"),
  Fault(
    "mha-ignores-hooks", "posenc_jax/nn/attention.py",
    'check_applied(encoding, (*applied, "layer"))',
    'check_applied(encoding, (*ONCE_A_MODEL, "layer"))',
    "tests/nn/test_hooks.py::test_attention_alone_refuses_what_only_a_model_runs"),
  Fault(
    "mha-layers-input-lost", "posenc_jax/nn/attention.py",
    "x, positions, carry = encoding.layer(x,", "_, positions, carry = encoding.layer(x,",
    "tests/nn/test_hooks.py::test_a_layer_equals_loops"),
  Fault(
    "mha-carry-lost", "posenc_jax/nn/attention.py",
    "encoding, x, positions, cache.carry,", "encoding, x, positions, None,",
    "tests/nn/test_hooks.py::test_decoding_equals_the_full_forward"),
  Fault(
    "mha-carry-of-queries", "posenc_jax/nn/attention.py",
    '  check_cross(encoding, "encoding")\n'
    "    order",
    "  order",
    "tests/nn/test_hooks.py::test_attention_to_a_memory_refuses_what_acts_on_one_sequence"),
  Fault(
    "mha-prepared-twice", "posenc_jax/nn/attention.py",
    "order, (q_segments, cache.segments), mask,\n"
    "                       PREPARED, prefix)",
    "order, (q_segments, cache.segments), mask, (), prefix)",
    "tests/nn/test_cache.py::test_one_layer_alone"),
  Fault(
    "mha-segments-of-queries", "posenc_jax/nn/attention.py",
    "cache_lib.append(cache, k, v, at, k_segments,",
    "cache_lib.append(cache, k, v, at, q_segments,",
    "tests/nn/test_hooks.py::test_left_padding_in_a_full_forward_and_in_decoding"),
  Fault(
    "mha-surplus-columns", "posenc_jax/nn/attention.py",
    "if self.active_width is not None:  # else", "if False:  # else",
    "tests/nn/test_width.py::test_a_changed_input_leaves_surplus_parameters_without_gradients"),
  Fault(
    "mha-scale-lost", "posenc_jax/nn/attention.py",
    "scale=self.scale, applied", "scale=None, applied",
    "tests/nn/test_models.py::test_a_scale_of_ones_own"),
  Fault(
    "positions-kept-unread", "posenc_jax/nn/tokens.py",
    "  if encoding.position_axes is None:\n"
    "    return ()\n",
    "",
    "tests/nn/test_hooks.py::test_decoding_equals_the_full_forward"),
  Fault(
    "segments-negative", "posenc_jax/nn/tokens.py",
    "known.min() < 0:\n      raise _errors.value_error(names[0]",
    "known.min() < -1:\n      raise _errors.value_error(names[0]",
    "tests/nn/test_hooks.py -k of_any_integers"),
  Fault(
    "positions-across-documents", "posenc_jax/nn/tokens.py",
    "positions = before - start", "positions = before",
    "tests/nn/test_models.py::test_packed_documents_and_windows"),
  Fault(
    "positions-count-padding", "posenc_jax/nn/tokens.py",
    "else mask.astype(jnp.int32)", "else jnp.ones(shape, jnp.int32)",
    "tests/nn/test_cache.py::test_left_padded_rows_equal_unpadded_rows"),
  Fault(
    "width-heads-unprobed", "posenc_jax/nn/width.py",
    'for hook in (*WHOLE_ROWS, "visible"))', 'for hook in ("scores",))',
    "tests/nn/test_width.py::test_hooks_that_see_all_columns_or_heads_are_probed"),
  Fault(
    "width-columns-unprobed", "posenc_jax/nn/width.py",
    'for hook in ("inputs", "layer")', 'for hook in ("inputs",)',
    "tests/nn/test_width.py::test_hooks_that_see_all_columns_or_heads_are_probed"),
  Fault(
    "width-fan-in", "posenc_jax/nn/attention.py",
    "scale=inverse_root(active_rows),", "scale=inverse_root(rows),",
    "tests/nn/test_width.py::test_a_known_width_gives_the_same_as_a_traced_one"),
  Fault(
    "norm-over-all-columns", "posenc_jax/nn/norms.py",
    "keepdims=True) / jnp.asarray(count, y.dtype)",
    "keepdims=True) / jnp.asarray(y.shape[-1], y.dtype)",
    "tests/nn/test_width.py::test_encoder_decoder_at_half_width_equals_a_narrow_one"),
  Fault(
    "flax-state-later", "posenc_jax/_tree.py",
    "  for watcher in _watchers:\n"
    "    watcher(made)\n",
    "",
    "tests/nn/test_recipes.py::test_flax_serialization_of_a_class_defined_after_the_import"),
  Fault(
    "flax-state-any-class", "posenc_jax/nn/serialize.py",
    "if set(state) != set(tree._leaf_fields):", "if len(state) != len(tree._leaf_fields):",
    "tests/nn/test_recipes.py::test_flax_serialization_of_parameters_that_hold_encodings"),
  Fault(
    "ids-clamped", "posenc_jax/nn/layers.py",
    "jnp.where(tokens < 0, rows, tokens)", "tokens",
    "tests/nn/test_errors.py::test_unknown_ids_and_positions_inside_a_trace_are_nan_never_another_row"),
]
