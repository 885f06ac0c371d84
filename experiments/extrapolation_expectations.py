# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What was published about training short and testing long, as claims about losses by length.

Published perplexities p become nats as log p. Of a table's lengths the one nearest to a multiple of
the training length is quoted, with the multiple that it is.
"""

from collections.abc import Iterable
from typing import Any

from experiments import findings as f
from experiments.findings.claims import difference
from posenc_jax import sweeps

FLAT = 0.1  # nats: a rise below it counts as none


def _at(results: sweeps.Results, encoding: str, multiple: float, **cell: Any) -> dict[int, float]:
  return f.by_seed(results, "loss_by_multiple", at=multiple, encoding=encoding, **cell)


def _lengths(results: sweeps.Results) -> Iterable[int]:
  return results.values("seq_len")


def _below(first: str, second: str, multiple: int):
  """A test: first is below second at a multiple of L, at every training length."""
  def test(results):
    for n in _lengths(results):
      one, other = (_at(results, e, multiple, seq_len=n) for e in (first, second))
      yield f.less(one, other, f"{first} - {second}, nats at {multiple} L, L {n}")
  return test


def _rise(encoding: str, multiple: int, sign: int, limit: float):
  """A test: the loss at a multiple of L minus that at L, above or below a limit."""
  def test(results):
    for n in _lengths(results):
      rise = difference(_at(results, encoding, multiple, seq_len=n),
                        _at(results, encoding, 1, seq_len=n))
      make = f.above if sign > 0 else f.below
      yield make(rise, limit, f"{encoding}, nats at {multiple} L - at L, L {n}")
  return test


def _bins(results: sweeps.Results, low: float, high: float) -> list[float]:
  """Bins of positions, told in training lengths, whose middles lie between two multiples of L."""
  record = next((r for r in results if r["status"] == "ok"), None)
  every = () if record is None else record["axes"]["loss_by_position"]["values"]
  found = [x for x in every if low < x < high]
  if not found:
    raise f.Missing(f"no positions between {low:g} L and {high:g} L")
  return found


def _soon(results):
  """What sinusoidal loses to alibi from the last quarter before L to the last before 2 L.

  Both read the same characters at a position, so that what is hard about them cancels.
  """
  inside, outside = _bins(results, 0.75, 1), _bins(results, 1.75, 2)
  for n in _lengths(results):
    after, before = (
      difference(*(f.by_seed(results, "loss_by_position", at=bins, encoding=e, seq_len=n)
                   for e in ("sinusoidal", "alibi"))) for bins in (outside, inside))
    yield f.greater(after, before,
                    f"sinusoidal - alibi, nats at 1.75 L to 2 L - at 0.75 L to L, L {n}")


def _parity(results):
  for n in _lengths(results):
    yield from f.close(_at(results, "none", 1, seq_len=n), _at(results, "sinusoidal", 1, seq_len=n),
                       0.15, f"none - sinusoidal, nats at L, L {n}")


def _short_for_long(results):
  """ALiBi trained at a against sinusoids trained at b = m a, both evaluated at b."""
  lengths = sorted(_lengths(results))
  pairs = [(a, b) for a in lengths for b in lengths if a < b and b % a == 0]
  if not pairs:
    raise f.Missing("no training length is a multiple of another")
  for a, b in pairs:
    yield f.less(_at(results, "alibi", b // a, seq_len=a), _at(results, "sinusoidal", 1, seq_len=b),
                 f"alibi trained at {a} - sinusoidal trained at {b}, nats at {b}")


ALIBI = "arXiv 2108.12409, table 2, L 512"
HAVIV = "arXiv 2203.16634, table 1"
KERPLE = "arXiv 2205.09921, table 3, OpenWebText2, L 512"
CODE = "arXiv 2305.19466, tables 3 and 4, code, L 1024"

_AT_L = (
  f.Expectation("Is ALiBi better than sinusoids at L?", "Perplexity 19.73 against 20.05", ALIBI,
                _below("alibi", "sinusoidal", 1)),
  f.Expectation("Is T5's bias better than sinusoids at L?", "Perplexity 19.65 against 20.05", ALIBI,
                _below("t5", "sinusoidal", 1)),
  f.Expectation("Is a model without positions close to sinusoidal at L?",
                "Perplexity 20.97 against 20.16: + 0.04 nats",
                HAVIV, _parity),
  f.Expectation("Are learned positions better than none at L?", "Perplexity 20.42 against 20.97",
                HAVIV, _below("learned", "none", 1)),
  f.Expectation("Does ALiBi need no training at the longer length?",
                "Perplexity at 1024 or so: ALiBi trained at 512 18.73, sinusoids trained at 1024 "
                "19.34", "arXiv 2108.12409, tables 2 and 3", _short_for_long),
)
_TO_2_L = (
  f.Expectation("Does the loss of sinusoidal positions rise by more than 0.1 nats at 2 L?",
                "Yes: perplexity 20.05 at L, 43.54 at 2 L, + 0.78 nats", ALIBI,
                _rise("sinusoidal", 2, 1, 0.1)),
  f.Expectation("Do sinusoidal positions fall behind ALiBi within 2 L?",
                "The loss falls for 20 tokens beyond L, stands still to "
                "50 and rises after them", "arXiv 2108.12409, section 2.2", _soon),
  f.Expectation("Is rotary better than sinusoidal at 2 L?", "At 2 L perplexity 21.37 against 43.54",
                ALIBI, _below("rotary", "sinusoidal", 2)),
  f.Expectation("Is ALiBi's loss lower at 2 L than at L?",
                "From L to 2 L perplexity 19.73 to 18.73",
                ALIBI, _rise("alibi", 2, -1, 0.0)),
  f.Expectation("Is T5's loss lower at 2 L than at L?",
                "From L to 2 L perplexity 19.65 to 18.79", ALIBI, _rise("t5", 2, -1, 0.0)),
  f.Expectation("Are models without positions better than rotary at 2 L?",
                "At 2 L perplexity 110 to 153 against 670 to 989, by length of the file", CODE,
                _below("none", "rotary", 2)),
  f.Expectation("Is ALiBi better than no positions at 2 L?",
                "At 2 L perplexity 38 to 48 against 110 to 153, by length of the file", CODE,
                _below("alibi", "none", 2)),
)
_FAR = (
  f.Expectation("Is T5's bias better than rotary at 4 L?",
                "At 4.9 L perplexity 20.41 against 31.58", ALIBI,
                _below("t5", "rotary", 4)),
  f.Expectation("Is rotary behind ALiBi at 8 L?", "At 8.8 L perplexity 39.15, ALiBi's 18.41", ALIBI,
                _below("alibi", "rotary", 8)),
  f.Expectation("Are sinusoids behind rotary at 16 L?", "At 16.6 L perplexity 305.65 against 54.98",
                ALIBI, _below("rotary", "sinusoidal", 16)),
  f.Expectation("Is T5's bias behind ALiBi at 16 L?",
                "At 16.6 L perplexity 43.08, ALiBi's 18.34", ALIBI,
                _below("alibi", "t5", 16)),
  f.Expectation("Is ALiBi's loss flat to 16 L?",
                "No rise: perplexity 19.73 at L, 18.34 at 16.6 L", ALIBI,
                _rise("alibi", 16, -1, FLAT)),
  f.Expectation("Is KERPLE's loss flat to 16 L?",
                "No rise: perplexity of its logarithmic form 23.9 at L, 21.3 at "
                "16 L", KERPLE, _rise("kerple-log", 16, -1, FLAT)),
  f.Expectation("Is KERPLE better than ALiBi at 16 L?",
                "At 16 L perplexity 21.3 against 22.3", KERPLE,
                _below("kerple-log", "alibi", 16)),
  f.Expectation("Is KERPLE better than T5's bias at 16 L?", "At 16 L perplexity 21.3 against 25.5",
                KERPLE, _below("kerple-log", "t5", 16)),
  f.Expectation("Is KERPLE better than rotary at 4 L?",
                "At 4 L perplexity 21.6 against 62.4", KERPLE,
                _below("kerple-log", "rotary", 4)),
  f.Expectation("Is Sandwich's loss flat to 16 L?",
                "It extrapolates, and uses text beyond the trained length",
                "arXiv 2212.10356, abstract", _rise("sandwich", 16, -1, FLAT)),
  f.Expectation("Is FIRE's loss flat to 16 L?",
                "Its models generalise to contexts longer than trained on",
                "arXiv 2310.04418, abstract", _rise("fire", 16, -1, FLAT)),
  f.Expectation("Is xPos better than rotary at 4 L?",
                "It extrapolates, with blockwise attention that ours "
                "lacks; rotary does not", "arXiv 2212.10554, table 1", _below("xpos", "rotary", 4)),
  f.Expectation("Is PoPE better than rotary at 8 L?",
                "It extrapolates to 10 L, where rotary degrades",
                "arXiv 2509.10534, figure 2", _below("pope", "rotary", 8)),
  f.Expectation("Is a forget gate (FoX) better than rotary at 16 L?",
                "FoX generalises from 4096 tokens to 64K, rotary fails beyond 4096",
                "arXiv 2505.16381, figure 3", _below("fox", "rotary", 16)),
  f.Expectation("Is FoX's loss flat to 16 L?", "It generalises from 4096 tokens to 64K",
                "arXiv 2505.16381, figure 3", _rise("fox", 16, -1, FLAT)),
)
EXPECTATIONS = (*_AT_L, *_TO_2_L, *_FAR)

LEFT_OUT = (
  ("perplexities", "ours are of characters and of models some thousand times smaller; only the "
   "shapes of the curves and the orderings are compared"),
  ("models trained to the end", "these see few steps: what is learned slowly, as a table of "
   "positions is, is judged before it has settled"),
  ("lengths beyond 16 L", "the published curves go to 30 L; attention at that length would take "
   "most of the time"),
  ("equal text at all training lengths", "lanes have the same number of steps, so that a model of "
   "half the length has seen half the characters; the papers' have seen as many tokens"),
  ("the other causal encodings", "the default preset has those that the statements are about; "
   "--preset=large trains all of them and is meant for a GPU or TPU"),
)
