# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The page of ``experiments.context_extension``: tables and pictures by length."""

from collections.abc import Mapping
from typing import Any

from experiments import findings as f
from experiments import language
from experiments.context_extension_expectations import EXPECTATIONS, LEFT_OUT, chosen, home
from experiments.extension import METHODS
from experiments.findings import pictures, study
from posenc_jax import sweeps

BY = "by_length"
UNCHANGED_AT_HOME = ("frequencies", "on read")  # families that are the model itself for s = 1


def by_length(results: sweeps.Results, metric: str, tuned: int, at_home: Mapping[int, float],
              scale: float = 1.0) -> sweeps.Results:
  """A series over multiples of L in place of a cell for each: a record a method and seed.

  Args:
    results: of cells {encoding, factor, tuned, seed}.
    metric: whose values the series has; None where a cell has none.
    tuned: steps of training on.
    at_home: the metric of unchanged models at L, by seed: the first entry of methods that change
      nothing there.
    scale: what values are multiplied by.
  """
  factors = sorted({1, *results.values("factor")})
  found: dict[tuple[str, int], list[float | None]] = {}
  if not tuned:
    same = [n for n in results.values("encoding") if METHODS[n].family in UNCHANGED_AT_HOME]
    found |= {(name, seed): [scale * x] + [None] * (len(factors) - 1)
              for name in same for seed, x in at_home.items()}
  for r in results:
    cell, value = r["cell"], r["metrics"].get(metric) if r["status"] == "ok" else None
    if cell["tuned"] == tuned:
      row = found.setdefault((cell["encoding"], cell["seed"]), [None] * len(factors))
      row[factors.index(cell["factor"])] = None if value is None else scale * value
  records = tuple(
    {"id": f"{name} {seed}", "cell": {"encoding": name, "seed": seed}, "status": "ok",
     "metrics": {}, "series": {BY: row},
     "axes": {BY: {"label": "length / trained length", "values": factors}}}
    for (name, seed), row in found.items())
  return sweeps.Results(records)


def _panels(every: dict[str, sweeps.Results], part: str, metric: str, scale: float = 1.0
            ) -> list[tuple[str, sweeps.Results]]:
  try:
    at_home = home(every, metric, part)
  except f.Missing:  # no model ended well at L
    at_home = {}
  return [(f"after {steps} steps" if steps else "without further training",
           by_length(every[part], metric, steps, at_home, scale))
          for steps in sorted(every[part].values("tuned"))]


def page(config: Any, results: Mapping[str, sweeps.Results]) -> f.Page:
  """The verdicts; losses and passkeys by length, without further training and after it."""
  results = dict(results)
  tables, shown = [], []
  names = [m for m in METHODS if m in config.methods]
  if "extended" in results:
    reading = results["extended"]
    panels = _panels(results, "extended", "loss")
    tables += [pictures.table(f"Nats, {title}", one, BY, " L") for title, one in panels]
    tables.append(_short(reading))
    figure = pictures.curves(
      panels, BY, "length / trained length", "nats", encodings=names, logarithmic=True, fitted=True)
    shown.append(f.Picture(
      "length", _caption("Loss at multiples of the trained length, means with 95 percent bands. "
                         "Each panel has a scale of its own that holds all means; bands may leave "
                         "it. All lengths predict the same tokens.", figure), figure))
    shown += _training(reading)
  if "retrieved" in results:
    panels = _panels(results, "retrieved", "solved", 100.0)
    tables += [pictures.table(f"Percent of passkeys told whole, {title}", one, BY, " L")
               for title, one in panels]
    figure = pictures.curves(
      panels, BY, "length / trained length", "percent of passkeys", encodings=names,
      logarithmic=True, limits=(-3, 103), within=(0, 100))
    shown.append(f.Picture(
      "keys", _caption("Percent of passkeys told whole, their depths spread over the row, means "
                       "with 95 percent bands, cut at 0 and 100.", figure), figure))
  return f.Page(
    "context_extension" if config.hf is None else "context_extension_released",
    "Longer contexts for a trained rotary model",
    "Which way of extending a rotary model keeps its loss beyond the trained length, without "
    "further training and after a few more steps, and which lets it find a passkey far back?",
    _setup(config), tuple(f.judge(EXPECTATIONS, results)), tuple(tables), tuple(shown),
    LEFT_OUT if config.hf is None else (*LEFT_OUT, (
      "passkeys", "models of our own are trained to find them; a released one is not asked")))


def _caption(text: str, figure: Any) -> str:
  """A caption that also tells which lines cannot be seen."""
  return " ".join(filter(None, (text, pictures.hidden(figure))))


def _training(results: sweeps.Results) -> list[f.Picture]:
  """The loss of training on, step by step."""
  steps = max(results.values("tuned"))
  if not steps:
    return []
  at = chosen(results)
  part = pictures.part(results, tuned=steps, factor=at)
  return [f.Picture(
    "training", f"Loss of training on at {at} L, step by step, means over seeds with 95 percent "
    "bands.", pictures.curves([(f"{at} L", part)], "loss", "step", "nats"))]


def _short(results: sweeps.Results) -> f.Table:
  """What a method costs texts that would have fitted: the first L tokens of a window."""
  at, rows = chosen(results), []
  whole = pictures.part(results, factor=at, tuned=0)
  for name in whole.values("encoding"):
    rows.append((str(name), *(f.shown(whole, metric, encoding=name)
                              for metric in ("first", "last"))))
  return f.Table(f"Nats of the first and of the last L tokens of {at} L, without further training",
                 ("method", "first", "last"), tuple(rows))


def _setup(config: Any) -> str:
  told = "; ".join(f"{name}: {METHODS[name].told}" for name in config.methods)
  tuning = (f"Those that train are trained on for {config.tuned()} steps of "
            f"{config.tune_tokens} tokens at the new length. " if config.tuned() else "")
  search = (f"LongRoPE's factors are searched on a fifth of the held-out text, which nothing is "
            f"measured on: {config.search_population} candidates, {config.search_rounds} rounds, "
            f"{config.search_tokens} tokens each. " if "longrope" in config.methods else "")
  if config.hf is None:
    models = (
      f"Decoder-only models, {study.sizes(config)}, rotary, trained for {config.steps[0]} steps of "
      f"{config.batch_size[0]} windows of {config.seq_len[0]} characters (L) from {config.text}, "
      f"measured on {config.eval_characters} characters that were held out. {len(config.seeds)} "
      "seeds. ")
    models += "" if not config.retrieval else (
      "Keys are five different digits after a marker within text, asked for by the marker at its "
      f"end; models for them are trained for {config.passkey_steps} steps, asked "
      f"{config.passkey_rows} times at each length, and trained on under "
      f"{', '.join(config.retrieval_trained) or 'no method'}. ")
  else:
    rope = config.load().released.rope
    models = (
      f"A released model with a rotary of {rope.dim} dims and base {rope.base:g}, trained at L "
      f"{rope.length}. {config.eval_characters} tokens are predicted, in "
      f"{language.STRETCHES} parts: intervals are over parts of the text, not over "
      "seeds of a model. ")
  return f"{models}{tuning}{search}Methods, s the multiple of L. {told}."
