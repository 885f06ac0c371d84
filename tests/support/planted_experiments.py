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
    "(size - 1) / 2 for i", "(size + 1) / 2 for i",
    "tests/experiments/test_compare.py::"
    "test_positions_are_binned_and_labelled_by_the_middle_of_each_bin"),
  Fault(
    "bins-interleaved", "experiments/language.py",
    ".reshape(bins, -1), axis=1)", ".reshape(-1, bins), axis=0)",
    "tests/experiments/test_compare.py::"
    "test_positions_are_binned_and_labelled_by_the_middle_of_each_bin"),
  Fault(
    "blocks-by-length", "experiments/language.py",
    "STRETCHES * each,\n                                          block=each * length)",
    "STRETCHES * each)",
    "tests/experiments/test_compare.py::"
    "test_evaluation_predicts_the_same_characters_at_every_length"),
  Fault(
    "warm-up-from-zero", "experiments/language.py",
    "up = (at + 1) / warm", "up = at / warm",
    "tests/experiments/test_compare.py::test_schedule"),
  Fault(
    "gradients-scaled-up", "experiments/language.py",
    "jnp.minimum(1.0, clip", "jnp.maximum(1.0, clip",
    "tests/experiments/test_compare.py::test_adam_with_clipping_against_numpy"),
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
    "repeated-flag-replaces", "experiments/flags.py",
    "self.value + new if self.present else new", "new",
    "tests/experiments/test_flags.py::test_lists_by_comma_and_by_repeating"),
  Fault(
    "phrases-not-read-round", "experiments/worked_examples.py",
    "(start[:, None] + jnp.arange(PHRASE + 1)[None]) % PHRASE",
    "jnp.minimum(start[:, None] + jnp.arange(PHRASE + 1)[None], PHRASE - 1)",
    "tests/experiments/test_worked_examples.py::test_texts_are_phrases_that_a_reader_could_know"),
  Fault(
    "too-few-characters", "experiments/compare.py",
    "least = longest * language.STRETCHES", "least = longest",
    "tests/experiments/test_compare.py -k test_configs_that_make_no_sense"),
]
