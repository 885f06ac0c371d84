# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Train short, test long: which encodings hold beyond the length they were trained at.

  python -m experiments.extrapolation
  python -m experiments.extrapolation --preset=smoke
  python -m experiments.extrapolation --preset=large      # every causal encoding

Small language models of text, one character a token, are evaluated at up to 16 times their training
length, on the same characters at every length.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, ClassVar

from experiments import compare, script
from experiments import config as config_lib
from experiments import findings as f
from experiments.config import run as run
from experiments.fields import option
from experiments.findings import pictures, study
from experiments.findings.claims import difference
from posenc_jax import methods, sweeps

CHOSEN = ("none", "sinusoidal", "learned", "randomized", "rotary", "xpos", "pope", "t5", "alibi",
          "kerple-log", "sandwich", "fire", "transformer-xl", "fox")
DRAWN = ("none", "sinusoidal", "rotary", "t5", "alibi", "kerple-log", "sandwich", "fire", "fox")
FLAT = 0.1


def causal_names() -> tuple[str, ...]:
  """Every encoding of the catalogue that is meant for causal attention too.

  Example:
    >>> len(causal_names()) > 60 and "alibi" in causal_names()
    True
  """
  return ("none", *(name for method in methods.METHODS if method.directions != "bidirectional"
                    for name in method.builds))


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, compare.Config):
  """What to compare."""

  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "extrapolation",
    smoke=dict(encodings=("sinusoidal", "alibi", "none"), seq_len=(32,), layers=1, d_model=(16,),
               head_dim=8, steps=150, eval_multiples=(1, 2, 16), eval_characters=4096),
    large=dict(encodings=causal_names(), d_model=(128,), head_dim=32, layers=4, steps=3000,
               batch_size=32, eval_characters=32_768))

  encodings: tuple[str, ...] = option(CHOSEN, "encodings; large has every causal one")
  d_model: tuple[int, ...] = option((32,), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((64, 128), "training lengths, in characters", low=1)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((400,), "training steps", low=1)
  eval_multiples: tuple[int, ...] = option((1, 2, 4, 8, 16), "evaluation lengths / training "
                                           "length", low=1)
  eval_characters: int = option(16_384, "characters that each evaluation length predicts", low=1)
  out: str | None = option("runs/extrapolation", "run directory")


def _at(results: sweeps.Results, encoding: str, multiple: float, **cell: Any) -> dict[int, float]:
  return f.by_seed(results, "loss_by_multiple", at=multiple, encoding=encoding, **cell)


def _lengths(results: sweeps.Results) -> Iterable[int]:
  return results.values("seq_len")


def _between(first: str, second: str, multiple: int, sign: int = 1):
  """A test: first - second at a multiple of L, at every training length."""
  def test(results):
    make = f.greater if sign > 0 else f.less
    for n in _lengths(results):
      one, other = (_at(results, e, multiple, seq_len=n) for e in (first, second))
      yield make(one, other, f"{first} - {second}, nats at {multiple} L, L {n}")
  return test


def _rise(encodings: Iterable[str], multiple: int, sign: int, limit: float):
  """A test: the loss at a multiple of L minus that at L, above or below a limit."""
  def test(results):
    for encoding in encodings:
      for n in _lengths(results):
        rise = difference(_at(results, encoding, multiple, seq_len=n),
                                   _at(results, encoding, 1, seq_len=n))
        make = f.above if sign > 0 else f.below
        yield make(rise, limit, f"{encoding}, nats at {multiple} L - at L, L {n}")
  return test


def _soon(results):
  """Sinusoidal beyond alibi just after L; positions are told in training lengths, bins of L/4."""
  for n in _lengths(results):
    bins = [x for x in next(r for r in results if r["status"] == "ok")["axes"]["loss_by_position"][
      "values"] if 1.5 < x < 2]
    if not bins:
      raise f.Missing("the positions between 1.5 L and 2 L")
    one, other = (f.by_seed(results, "loss_by_position", at=bins, encoding=e, seq_len=n)
                  for e in ("sinusoidal", "alibi"))
    yield f.greater(one, other, f"sinusoidal - alibi, nats at positions 1.5 L to 2 L, L {n}")


def _parity(results):
  for n in _lengths(results):
    yield from f.close(_at(results, "none", 1, seq_len=n), _at(results, "sinusoidal", 1, seq_len=n),
                       0.15, f"none - sinusoidal, nats at L, L {n}")


ALIBI = "arXiv 2108.12409, tables 2 and 4"
EXPECTATIONS = (
  f.Expectation("Do sinusoidal positions extrapolate?",
                "Perplexity 20.05 at L 512, 43.54 at 1012: + 0.78 nats", ALIBI,
                _rise(["sinusoidal"], 2, 1, 0.1)),
  f.Expectation("How soon do they fail?", "After 20 to 50 positions beyond L", ALIBI, _soon),
  f.Expectation("Does rotary fail later than sinusoidal?",
                "At 2 L perplexity 21.37 against 43.54", ALIBI, _between("rotary", "sinusoidal", 2,
                                                                         -1)),
  f.Expectation("Does rotary fail in the end?", "At 7 L perplexity 35.54, ALiBi's 18.40", ALIBI,
                _between("rotary", "alibi", 8)),
  f.Expectation("Does T5's bias hold to about 2 L?", "Perplexity 19.65 at L, 18.79 at 2 L", ALIBI,
                _rise(["t5"], 2, -1, FLAT)),
  f.Expectation("Does T5's bias outlast rotary?", "At 5 L perplexity 20.41 against 31.58", ALIBI,
                _between("t5", "rotary", 4, -1)),
  f.Expectation("Does T5's bias fail far out?", "At 20 L perplexity 52.95, ALiBi's 18.32", ALIBI,
                _between("t5", "alibi", 16)),
  f.Expectation("Is ALiBi flat?", "Perplexity 19.73 at L, 18.31 at 30 L", ALIBI,
                _rise(["alibi"], 16, -1, FLAT)),
  f.Expectation("Is KERPLE flat?", "Its logarithmic form extrapolates without loss",
                "arXiv 2205.09921, table 3", _rise(["kerple-log"], 16, -1, FLAT)),
  f.Expectation("Is Sandwich flat?", "It extrapolates as ALiBi does", "arXiv 2212.10356, table 1",
                _rise(["sandwich"], 16, -1, FLAT)),
  f.Expectation("Is FIRE flat?", "It stays flat to 4 L", "arXiv 2310.04418, figure 1",
                _rise(["fire"], 4, -1, FLAT)),
  f.Expectation("Is no encoding near parity at L?", "Perplexity 20.97 against 20.16: + 0.04 nats",
                "arXiv 2203.16634, table 1", _parity),
  f.Expectation("Does xPos outlast rotary?", "Lower perplexity beyond L", "arXiv 2212.10554, "
                "table 4", _between("xpos", "rotary", 4, -1)),
  f.Expectation("Does a forget gate outlast rotary?", "FoX extrapolates, rotary does not",
                "arXiv 2503.02130, figure 4", _between("fox", "rotary", 8, -1)),
)


def page(config: Config, results: sweeps.Results) -> f.Page:
  """The verdicts, losses by length and by position."""
  panels = [(f"trained at L {n}", pictures.part(results, seq_len=n)) for n in config.seq_len]
  drawn = [e for e in DRAWN if e in config.encodings]
  base = "alibi" if "alibi" in config.encodings else config.encodings[0]
  shown = [
    f.Picture("length", "Loss at multiples of the training length, means over seeds with 95 "
              "percent bands. All lengths predict the same characters.", pictures.curves(
                panels, "loss_by_multiple", "evaluation length / training length",
                "nats per character", encodings=drawn, logarithmic=True)),
    f.Picture("position", f"Loss by position in the longest evaluation, less that of {base} at the "
              "same position and seed, means over seeds with 95 percent bands.", pictures.curves(
                panels, "loss_by_position", "position / training length",
                f"nats per character, less those of {base}", encodings=drawn, against=base))]
  setup = (
    f"Decoder-only models, layers {_list(config.layers)}, width {_list(config.d_model)}, "
    f"heads of {_list(config.head_dim)}, trained for {_list(config.steps)} steps of "
    f"{_list(config.batch_size)} windows from the World English Bible, one character a token, and "
    f"evaluated on {config.eval_characters} characters of books that were held out. "
    f"{len(config.seeds)} seeds.")
  return f.Page(
    "extrapolation", "Train short, test long",
    "Which encodings hold beyond the length that the model was trained at?", setup,
    tuple(f.judge(EXPECTATIONS, results)),
    tuple(pictures.table(f"Nats per character, trained at L {n}", one, "loss_by_multiple", " L")
          for n, (_, one) in zip(config.seq_len, panels, strict=True)), tuple(shown), LEFT_OUT)


LEFT_OUT = (
  ("perplexities", "ours are of characters and of models a thousandth as large; only the shapes of "
   "the curves and the orderings are compared"),
  ("lengths beyond 16 L", "the published curves go to 30 L; attention at that length would take "
   "most of the time"),
  ("the other causal encodings", "the default preset has those that the statements are about; "
   "--preset=large trains all of them and is meant for a GPU or TPU"),
)


def _list(values: Iterable[Any]) -> str:
  return ", ".join(map(str, values))


def main(config: Config) -> int:
  """Runs, writes the page; the exit status."""
  return study.main(config, config_lib.run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
