# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Planted faults of experiments; see `planted`."""

from tests.support.fault import Fault

EXPERIMENTS = [
  Fault(
    "loss-at-the-longest", "experiments/language.py",
    '"loss": by_multiple[0]', '"loss": by_multiple[-1]',
    "tests/experiments/test_compare.py::test_evaluation_reports_the_losses_of_its_windows"),
  Fault(
    "multiples-of-the-pack", "experiments/language.py",
    'jnp.int32) * traced["seq_len"]', "jnp.int32) * lengths[0]",
    "tests/experiments/test_compare.py::test_evaluation_reports_the_losses_of_its_windows"),
  Fault(
    "bin-centres", "experiments/language.py",
    "(i + 0.5) * most", "(i + 1.0) * most",
    "tests/experiments/test_compare.py::"
    "test_positions_are_binned_and_labelled_by_the_middle_of_each_bin"),
  Fault(
    "bins-rounded-up", "experiments/language.py",
    "edges = [-(-i * n // POSITION_BINS) for", "edges = [i * n // POSITION_BINS for",
    "tests/experiments/test_compare.py::"
    "test_positions_are_binned_and_labelled_by_the_middle_of_each_bin"),
  Fault(
    "blocks-by-length", "experiments/language.py",
    "length, count, block=stretch)", "length, count)",
    "tests/experiments/test_compare.py::"
    "test_evaluation_predicts_the_same_characters_at_every_length"),
  Fault(
    "warm-up-from-zero", "experiments/optimizer.py",
    "up = (at + 1) / warm", "up = at / warm",
    "tests/experiments/test_compare.py::test_schedule"),
  Fault(
    "gradients-scaled-up", "experiments/optimizer.py",
    "jnp.minimum(1.0, clip", "jnp.maximum(1.0, clip",
    "tests/experiments/test_compare.py -k test_adam_with_clipping_and_decay_against_numpy"),
  Fault(
    "biases-decayed", "experiments/optimizer.py",
    "if p.ndim > 1 else u", "if p.ndim > 0 else u",
    "tests/experiments/test_compare.py -k test_adam_with_clipping_and_decay_against_numpy"),
  Fault(
    "sizes-of-the-pack", "experiments/lanes.py",
    "made = {w: spec.build(sizing.sizes(w, n, **more), key, vary)",
    "made = {w: spec.build(sizing.sizes(w, sizing.spans[-1][0], **more), key, vary)",
    "tests/experiments/test_lanes.py -k 'test_packed_lanes_equal_lanes_alone and log-n'"),
  Fault(
    "drawn-positions-packed", "experiments/lanes.py",
    'if jax.eval_shape(one, jnp.float32(1)).has("positions"):',
    'if jax.eval_shape(one, jnp.float32(1)).has("outputs"):',
    "tests/experiments/test_lanes.py::test_draws_of_ones_own_share_no_program"),
  Fault(
    "rows-that-differ-packed", "experiments/lanes.py",
    "return self.builds((width,), lengths) and self._rows_agree(width, lengths)",
    "return self.builds((width,), lengths)",
    "tests/experiments/test_lanes.py::test_a_table_whose_length_matters_is_not_made_longer"),
  Fault(
    "dropout-packed", "experiments/training.py",
    "or (first.dropout and merged != first)", "or False",
    "tests/experiments/test_training.py::test_dropout_is_of_the_lane"),
  Fault(
    "draws-in-one-order", "posenc_jax/nn/draws.py",
    "drawn = normals[end - counts[i]:end, :sizes[i]]", "drawn = normals[:counts[i], :sizes[i]]",
    "posenc_jax/nn/draws.py"),
  Fault(
    "longer-draws-other-tokens", "experiments/training.py",
    "row = lambda i: jax.random.randint(jax.random.fold_in(key, i), (length,), 0, vocabulary)",
    "row = lambda i: jax.random.randint(jax.random.fold_in(key, i + length), (length,), 0, "
    "vocabulary)",
    "experiments/training.py"),
  Fault(
    "cells-of-settings-not-read", "experiments/config.py",
    "if self.base and self._reads_base(spec, varied):", "if self.base:",
    "tests/experiments/test_training.py::test_a_setting_that_an_encoding_does_not_read_makes_no_cells"
  ),
  Fault(
    "static-traced", "experiments/vary.py",
    "return clean[0]", "return True",
    "tests/experiments/test_training.py::test_a_leaf_is_traced_and_a_static_is_not"),
  Fault(
    "edited-file-not-noticed", "experiments/own_files.py",
    "hashlib.sha256(content).hexdigest()", "hashlib.sha256(b'').hexdigest()",
    "tests/experiments/test_training.py -k "
    "test_an_encoding_of_a_file_is_told_apart_by_what_is_in_it"),
  Fault(
    "unknown-of-training", "experiments/data.py",
    "np.mean(self.valid == 0)", "np.mean(self.train == 0)",
    "tests/experiments/test_data.py::test_a_text_that_is_mostly_unknown_is_refused"),
  Fault(
    "some-lengths-predict-less", "experiments/compare.py",
    "if self.eval_characters % (math.lcm(*lengths) * language.STRETCHES):",
    "if self.eval_characters < max(lengths) * language.STRETCHES:",
    "tests/experiments/test_compare.py -k test_configs_that_make_no_sense"),
  Fault(
    "preset-over-flags", "experiments/script.py",
    "settings |= {name: value for name, value in given.items() if name in own}",
    "settings = {**{name: value for name, value in given.items() if name in own}, **settings}",
    "tests/experiments/test_script.py::test_flags_override_a_preset"),
  Fault(
    "bounds-in-flags-alone", "experiments/fields.py",
    "not low <= number <= high", "not True",
    "tests/experiments/test_script.py::test_every_fault_is_told_and_no_other"),
  Fault(
    "spurious-faults", "experiments/fields.py",
    "return self.bad.isdisjoint(names)", "return True",
    "tests/experiments/test_script.py::test_a_value_that_cannot_be_read_makes_no_further_faults"),
  Fault(
    "error-of-the-sample", "posenc_jax/sweeps/summaries.py",
    "/ (n - 1) / n)", "/ (n - 1))",
    "tests/experiments/test_compare.py::test_the_table_is_mean_and_standard_error_over_seeds"),
  Fault(
    "luke-held-out", "experiments/data.py",
    "30, 43, 58", "30, 42, 58",
    "tests/experiments/test_data.py::test_translation_is_split_by_whole_books"),
  Fault(
    "last-window-never-drawn", "experiments/data.py",
    "last = ids.shape[0] - (", "last = ids.shape[0] - 1 - (",
    "tests/experiments/test_data.py::test_training_windows_are_pieces_of_the_text"),
  Fault(
    "window-beyond-the-text", "experiments/data.py",
    "stride = (len(ids) - 1) // blocks", "stride = len(ids) // blocks",
    "tests/experiments/test_data.py -k test_bad_evaluation_windows_are_refused"),
  Fault(
    "vocabulary-of-the-rarest", "experiments/data.py",
    "(-counts[character], character)", "(counts[character], character)",
    "tests/experiments/test_data.py::test_rare_characters_share_the_unknown_id"),
  Fault(
    "a-ninth-held-out", "experiments/data.py",
    "len(text) // 10", "len(text) // 9",
    "tests/experiments/test_data.py::test_file_is_split_by_position_and_hashed"),
  Fault(
    "end-on-the-last-character", "experiments/pairs.py",
    "targets[row, len(target) + 1] =", "targets[row, len(target)] =",
    "tests/experiments/test_pairs.py::test_pairs_from_a_file"),
  Fault(
    "carriage-returns-kept", "experiments/texts.py",
    '.replace("\\r\\n", "\\n").replace("\\r", "\\n")', '.replace("\\r\\n", "\\n")',
    "tests/experiments/test_texts.py::test_control_characters_are_dropped"),
  Fault(
    "chunks-hashed-twice", "experiments/texts.py",
    "digest.update(chunk)", "digest.update(content)",
    "tests/experiments/test_texts.py::test_hash_covers_a_file_longer_than_one_chunk"),
  Fault(
    "repeated-flag-replaces", "experiments/flag_types.py",
    "self.value + new if many else new", "new",
    "tests/experiments/test_script.py::test_lists_by_comma_and_by_repeating"),
  Fault(
    "phrases-not-read-round", "experiments/worked_examples.py",
    "(start[:, None] + jnp.arange(PHRASE + 1)[None]) % PHRASE",
    "jnp.minimum(start[:, None] + jnp.arange(PHRASE + 1)[None], PHRASE - 1)",
    "tests/experiments/test_worked_examples.py::test_texts_are_phrases_that_a_reader_could_know"),
  Fault(
    "surplus-heads-learn", "posenc_jax/nn/attention.py",
    "out = width_lib.keep(out, (None,) * (out.ndim - 2) + (count, None))", "pass",
    "tests/experiments/test_lanes.py -k 'test_packed_lanes_equal_lanes_alone and shaw'"),
]
