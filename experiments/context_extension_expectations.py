# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What was published on extending rotary models, for ``experiments.context_extension``.

Published statements are about lengths of 4 L, or of the nearest length that was asked for.
"""

from collections.abc import Callable
from typing import Any

from experiments import findings as f
from experiments.findings.claims import difference
from posenc_jax import sweeps

WANTED = 4  # the multiple of L that statements are about
NEAR = 0.1  # nats that count as no loss

Results = dict[str, sweeps.Results]


def chosen(results: sweeps.Results) -> int:
  """The multiple of L that statements are tested at."""
  factors = [s for s in results.values("factor") if s > 1]
  return min(factors, key=lambda s: (abs(s - WANTED), s))


def steps_of(results: sweeps.Results) -> int:
  """Steps of training on.

  Raises:
    Missing: there were none.
  """
  steps = max(results.values("tuned"))
  if not steps:
    raise f.Missing("nothing was trained on")
  return steps


def value(results: Results, encoding: str, *, tuned: bool = False, factor: int | None = None,
          metric: str = "loss", part: str = "extended") -> dict[int, float]:
  """A metric of a method by seed, at the multiple that is tested, before or after training on."""
  found = f.part_of(results, part, {"extended": "the language models under each method",
                                    "retrieved": "the retrieval of keys"}[part])
  return f.by_seed(found, metric, encoding=encoding, tuned=steps_of(found) if tuned else 0,
                   factor=chosen(found) if factor is None else factor)


def home(results: Results, metric: str = "loss", part: str = "extended") -> dict[int, float]:
  """A metric of the models as they were trained, at L, by seed: a released one is measured too."""
  trained = {"extended": "language", "retrieved": "passkeys"}[part]
  if trained in results:
    return f.by_seed(results[trained], metric)
  return value(results, "none", factor=1, metric=metric, part=part)


def _told(results: Results, what: str, *, tuned: bool = False, part: str = "extended") -> str:
  found = f.part_of(results, part)
  after = f" after {steps_of(found)} steps" if tuned else ""
  unit = "percent of keys" if part == "retrieved" else "nats"
  return f"{what}, {unit} at {chosen(found)} L{after}"


def _less(first: str, second: str, *, tuned: bool = False) -> Callable[[Results], Any]:
  """The loss under the first method is below that under the second."""
  def test(results):
    one, other = (value(results, name, tuned=tuned) for name in (first, second))
    return f.less(one, other, _told(results, f"{first} - {second}", tuned=tuned))
  return test


def _fails(results):
  return f.greater(value(results, "none"), home(results), _told(results, "none") + " - at L",
                   by=NEAR)


def _keeps(name: str, *, tuned: bool = False) -> Callable[[Results], Any]:
  """The loss at the new length is that of the unchanged model at L, or less."""
  def test(results):
    rise = difference(value(results, name, tuned=tuned), home(results))
    return f.below(rise, NEAR, _told(results, name, tuned=tuned) + " - none at L")
  return test


def _recovers(results):
  yield f.less(value(results, "pi", tuned=True), value(results, "pi"),
               _told(results, "pi", tuned=True) + " - before them")
  yield _keeps("pi", tuned=True)(results)


def _searched(results):
  for name in ("pi", "dynamic-ntk", "yarn"):
    yield _less("longrope", name)(results)


def _alike(results):
  one, other = (value(results, name, tuned=True) for name in ("yarn", "pi"))
  return f.close(one, other, 0.05, _told(results, "yarn - pi", tuned=True))


def _percent(results: Results, name: str, **how: Any) -> dict[int, float]:
  return {seed: 100 * x for seed, x in value(
    results, name, metric="solved", part="retrieved", **how).items()}


def _more_keys(first: str, second: str, *, tuned: bool = False) -> Callable[[Results], Any]:
  """More keys are told under the first method."""
  def test(results):
    one, other = (_percent(results, name, tuned=tuned) for name in (first, second))
    return f.greater(one, other, _told(results, f"{first} - {second}", tuned=tuned,
                                       part="retrieved"))
  return test


PI, YARN = "arXiv 2306.15595", "arXiv 2309.00071"
LONGROPE, SELF_EXTEND = "arXiv 2402.13753, table 1", "arXiv 2401.01325, section 4"
EXPECTATIONS = (
  f.Expectation("Does an unchanged rotary model fail beyond L?",
                "Perplexity 7.20 at L 2048, above 1000 at 2 L", f"{PI}, table 1", _fails),
  f.Expectation("Is interpolation better at once?",
                "Perplexity 16.1 at 4 L before any training, above 1000 unchanged",
                f"{PI}, table 3", _less("pi", "none")),
  f.Expectation("Is NTK better than interpolation at once?",
                "NTK is much better for models that are not trained on", f"{YARN}, section 3.1",
                _less("ntk", "pi")),
  f.Expectation("Are parts better than NTK at once?",
                "NTK-by-parts is better than PI and NTK, trained on or not",
                f"{YARN}, section 3.2", _less("by-parts", "ntk")),
  f.Expectation("Is YaRN better than NTK at once?",
                "YaRN is better than all before it, trained on or not", f"{YARN}, section 3.4",
                _less("yarn", "ntk")),
  f.Expectation("Is YaRN worse than interpolation at once?",
                "LLaMA2-7B at 4 L: perplexity 87.89 against 20.49", LONGROPE, _less("pi", "yarn")),
  f.Expectation("Are searched factors best at once?",
                "LLaMA2-7B at 4 L: perplexity 11.34, PI 20.49, dynamic NTK 23.29, YaRN 87.89",
                LONGROPE, _searched),
  f.Expectation("Does a factor that grows with the text beat a fixed one?",
                "Dynamic scaling degrades gracefully where a fixed factor costs short texts",
                f"{YARN}, section 3.3", _less("dynamic-ntk", "ntk")),
  f.Expectation("Does interpolation recover within 200 steps?",
                "Perplexity at 4 L from 16.10 to 7.12, unchanged at L 7.20",
                f"{PI}, table 3", _recovers),
  f.Expectation("Is it ahead of training on without interpolation?",
                "After 200 steps it uses 8192 tokens, direct training 2560 after 10,000",
                f"{PI}, table 4",
                _less("pi", "none", tuned=True)),
  f.Expectation("Do YaRN and interpolation end alike?",
                "Trained on at 2 L, perplexity there 3.35 and 3.34", f"{YARN}, table 1",
                _alike),
  f.Expectation("Does Self-Extend keep the loss without training?",
                "Perplexity stays as at L far beyond it", SELF_EXTEND, _keeps("self-extend")),
  f.Expectation("Does ReRoPE?", "Distances that stop at a window keep the loss",
                "our question", _keeps("rerope")),
  f.Expectation("Does dual chunk attention?", "Llama2 70B reads more than 24 L without training",
                "arXiv 2402.17463, abstract", _keeps("dual-chunk")),
  f.Expectation("Does Self-Extend find keys beyond L?", "All keys; the unchanged model none",
                SELF_EXTEND, _more_keys("self-extend", "none")),
  f.Expectation("Does a model that is trained on find more keys with interpolation?",
                "The whole window after 200 steps; direct training little more than L",
                f"{PI}, table 4",
                _more_keys("pi", "none", tuned=True)),
)

LEFT_OUT = (
  ("perplexities", "ours are of characters and of models a ten-thousandth as large; only orderings "
   "and what training on repairs are compared"),
  ("the first tokens that LongRoPE may leave unscaled", "the released code does not search them "
   "either; the search here is much shorter than the paper's 64 candidates in 40 rounds"),
  ("ReRoPE's temperature, DCA's scaling", "both are options of the papers; the plain forms are "
   "measured"),
  ("training on with positions remapped", "Self-Extend, ReRoPE and dual chunks are published for "
   "models that are not trained on"),
)
