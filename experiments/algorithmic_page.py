# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The page of experiments.algorithmic."""

from collections.abc import Sequence
from typing import Any

from experiments import findings as f
from experiments.algorithmic_expectations import EXPECTATIONS, LEFT_OUT
from experiments.findings import pictures
from experiments.problems import PROBLEMS
from posenc_jax import sweeps


def page(config: Any, results: dict[str, sweeps.Results]) -> f.Page:
  """The verdicts, accuracies by length and training curves."""
  panels = list(results.items())
  shown = (
    f.Picture("length", "Share of answers that are right in every token, at multiples of the "
              "training length, means over seeds with 95 percent bands.", pictures.curves(
                panels, "accuracy_by_multiple", "tokens / training length", "exact match",
                encodings=config.labels, limits=(-0.05, 1.05), within=(0, 1))),
    f.Picture("tokens", "Share of right tokens of the answers, each after the right ones before "
              "it, means over seeds with 95 percent bands.", pictures.curves(
                panels, "tokens_by_multiple", "tokens / training length", "right tokens",
                encodings=config.labels, limits=(-0.05, 1.05), within=(0, 1))),
    f.Picture("training", "Exact match of the training batches, step by step.", pictures.curves(
      panels, "accuracy", "step", "exact match", encodings=config.labels,
      limits=(-0.05, 1.05), within=(0, 1))))
  setup = (
    f"Decoder-only models, layers {config.layers[0]}, width {config.d_model[0]}, trained for "
    f"{config.steps[0]} steps of {config.batch_size[0]} rows of at most {config.seq_len[0]} tokens,"
    f" of every size that fits. {config.eval_rows} rows are evaluated at each length, of sizes "
    "that need more tokens than the length before; \"beyond L\" is the mean over the lengths after "
    "the first. Exact match counts answers whose every token is right, the share of right tokens "
    "each token after the right ones before it; the mark that ends an answer is one of them, so "
    "that an answer of one token is half right by its end alone. "
    f"{config.shortened()}{' ' if config.shortened() else ''}{len(config.seeds)} seeds.")
  return f.Page(
    "algorithmic", "Algorithmic tasks by length",
    "Which encodings let a small model solve a problem that is longer than all it was trained on, "
    "and which let it solve the problem at all?", setup, tuple(f.judge(EXPECTATIONS, results)),
    tuple(pictures.table(f"{name}: {what}", one, series, " L") for name, one in panels
          for what, series in (("exact match", "accuracy_by_multiple"),
                               ("share of right tokens", "tokens_by_multiple")))
    + _variants(panels), shown, LEFT_OUT)


def _variants(panels: Sequence[tuple[str, sweeps.Results]]) -> tuple[f.Table, ...]:
  """Exact match of a problem's variants, which are evaluated at L."""
  return tuple(
    f.Table(f"{name}: exact match of variants at L", ("encoding", *names), tuple(
      (str(e), *(f.shown(one, f"accuracy_{variant}", encoding=e) for variant in names))
      for e in one.values("encoding")))
    for name, one in panels if (names := tuple(PROBLEMS[name].variants)))
