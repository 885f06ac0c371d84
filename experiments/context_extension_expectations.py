# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What was published on extending rotary models, for ``experiments.context_extension``.

Statements are about 4 L; they are tested there, or at the nearest length that was asked for.
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
  unit = "percent of passkeys" if part == "retrieved" else "nats"
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


def _yarn(where: str) -> str:
  """A place in YaRN's paper: its sections are those of version 2, the one of ICLR 2024."""
  return f"arXiv 2309.00071, version 2, {where}"


PI, LONGROPE, DUAL_CHUNK = "arXiv 2306.15595", "arXiv 2402.13753", "arXiv 2402.17463"
_AT = "at 4 L without further training?"
_AS_LOW = "at 4 L as low as at L without further training?"
_AT_ONCE = (
  f.Expectation("Does the loss of an unchanged rotary model rise at 4 L?",
                "LLaMA 7B: perplexity 7.20 at L, above 1000 from 2 L on", f"{PI}, table 1", _fails),
  f.Expectation(f"Is position interpolation (PI) better than the unchanged model {_AT}",
                "LLaMA 7B: perplexity 16.10, unchanged above 1000", f"{PI}, tables 1 and 3",
                _less("pi", "none")),
  f.Expectation(f"Is NTK-aware scaling better than PI {_AT}",
                "It is much better for models that are not trained on", _yarn("section 3.1"),
                _less("ntk", "pi")),
  f.Expectation(f"Is NTK-by-parts better than NTK-aware scaling {_AT}",
                "It is better than PI and NTK-aware scaling, trained on or not",
                _yarn("section 3.2"), _less("by-parts", "ntk")),
  f.Expectation(f"Is dynamic NTK, whose factor grows with the text, better than fixed NTK {_AT}",
                "It works exceptionally well without training; a fixed factor may cost texts that "
                "are shorter than L", _yarn("section 3.3"), _less("dynamic-ntk", "ntk")),
  f.Expectation(f"Is YaRN better than NTK-aware scaling {_AT}",
                "It surpasses all methods before it, trained on or not", _yarn("section 3.4"),
                _less("yarn", "ntk")),
  f.Expectation(f"Is YaRN better than PI {_AT}",
                "It surpasses all methods before it, trained on or not. LLaMA2 7B, by others "
                f"({LONGROPE}, table 1): perplexity 3.25 against 4.93 on Proof-pile, but 87.89 "
                "against 20.49 on PG19", _yarn("section 3.4"), _less("yarn", "pi")),
  f.Expectation(f"Are LongRoPE's searched factors better than PI, dynamic NTK and YaRN {_AT}",
                "LLaMA2 7B: perplexity 11.34 against 20.49, 23.29 and 87.89 on PG19, 3.13 against "
                "4.93, 3.87 and 3.25 on Proof-pile", f"{LONGROPE}, table 1", _searched),
  f.Expectation(f"Does Self-Extend keep the loss {_AS_LOW}",
                "It extends the window of released models without training",
                "arXiv 2401.01325, abstract", _keeps("self-extend")),
  f.Expectation(f"Does ReRoPE keep the loss {_AS_LOW}",
                "As reported there: the loss of Llama 2 13B falls steadily to 16k tokens, 4 L",
                _yarn("section 2.4"), _keeps("rerope")),
  f.Expectation(f"Does dual chunk attention keep the loss {_AS_LOW}",
                "Llama 2 7B: perplexity 7.64, at L 7.87", f"{DUAL_CHUNK}, table 1",
                _keeps("dual-chunk")),
)
_TRAINED_ON = (
  f.Expectation("Does short training at 4 L bring PI's loss down to that at L?",
                "LLaMA 7B: perplexity 16.10 before, 7.12 after 200 steps, unchanged at L 7.20",
                f"{PI}, tables 1 and 3", _recovers),
  f.Expectation("Is PI better than the unchanged rotation when both are trained at 4 L?",
                "LLaMA 7B: perplexity 6.95 after 1000 steps, unchanged 7.69 after 10,000",
                f"{PI}, table 1 and section 3.1", _less("pi", "none", tuned=True)),
  f.Expectation("Do YaRN and PI reach the same loss when both are trained at 4 L?",
                "Llama 2 7B trained at 2 L: perplexity 3.35 after 400 million tokens, PI 3.34 "
                "after a billion", _yarn("table 1"), _alike),
)
_KEYS = (
  f.Expectation(f"Does Self-Extend find more passkeys than the unchanged model {_AT}",
                "Llama 2, 5144 tokens, L 4096: all of five, unchanged none, in its authors' "
                "example", "arXiv 2401.01325, README of its code",
                _more_keys("self-extend", "none")),
  f.Expectation("Does PI find more passkeys than the unchanged rotation when both are trained at "
                "4 L?", "LLaMA 7B, L 2048: found to 8192 tokens back after 200 steps, unchanged to "
                "2560 after 10,000", f"{PI}, table 4", _more_keys("pi", "none", tuned=True)),
)
EXPECTATIONS = (*_AT_ONCE, *_TRAINED_ON, *_KEYS)

LEFT_OUT = (
  ("perplexities", "ours are of characters and of models a ten-thousandth as large; only orderings "
   "and what training on repairs are compared"),
  ("the first tokens that LongRoPE may leave unscaled", "the released code does not search them "
   "either; the search here is much shorter than the paper's 64 candidates in 40 rounds"),
  ("ReRoPE's temperature, dual chunk attention's scaling", "both are options of their authors; the "
   "plain forms are measured"),
  ("training on with positions remapped", "Self-Extend, ReRoPE and dual chunks are published for "
   "models that are not trained on"),
)
