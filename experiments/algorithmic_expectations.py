# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What was published about algorithmic tasks, as claims about accuracies."""

from collections.abc import Mapping

from experiments import findings as f
from posenc_jax import sweeps
from posenc_jax.sweeps.records import axis_values

Results = Mapping[str, sweeps.Results]

# The encodings that statements about a task name.
_RANKED = ("none", "t5", "alibi", "rotary", "sinusoidal")
_DRAWN = ("sinusoidal", "randomized")
RELEVANT: dict[str, tuple[str, ...]] = {
  "copy": _RANKED, "reverse": (*_RANKED, "randomized"), "addition": _RANKED,
  "parity": ("none", "t5", "sinusoidal"), "duplicate": _DRAWN, "sort": _DRAWN,
  "even-pairs": _DRAWN, "missing-duplicate": _DRAWN,
  "selective-copy": ("rotary", "cope"), "counting": ("rotary", "cope", "fox"),
  "flip-flop": ("rotary", "sinusoidal", "cope", "fox"), "indirect-indexing": ("rotary", "pope"),
}


def _numbers(results: Results, task: str, encoding: str, metric: str) -> dict[int, float]:
  found = f.part_of(results, task, f"the task {task}")
  return f.by_seed(found, metric, encoding=encoding)


def _pairs(task: str, pairs: str, metric: str = "accuracy_longest", what: str = "beyond L"):
  """A test of orderings: "t5 > alibi, alibi > rotary"."""
  def test(results):
    for pair in pairs.split(", "):
      first, second = pair.split(" > ")
      one, other = (_numbers(results, task, e, metric) for e in (first, second))
      yield f.greater(one, other, f"{task}: {first} - {second}, exact match {what}")
  return test


def _joined(*tests):
  def test(results):
    for one in tests:
      yield from one(results)
  return test


def _solved(results):
  """Solve rates: a seed counts as 1 if at least 9 of 10 answers are right."""
  pope, rotary = ({seed: float(x >= 0.9) for seed, x in _numbers(
    results, "indirect-indexing", e, "accuracy_trained").items()} for e in ("pope", "rotary"))
  yield f.greater(pope, rotary, "indirect-indexing: pope - rotary, share of seeds that solve it")


def _lift_off(results):
  """The first point of the training curve at which half of the answers are right."""
  _numbers(results, "indirect-indexing", "pope", "accuracy_trained")
  steps = {}
  for record in results["indirect-indexing"]:
    if record["status"] != "ok":
      continue
    curve = record["series"]["accuracy"]
    axis = axis_values(record, "accuracy")
    reached = [x for x, y in zip(axis, curve, strict=True) if y is not None and y >= 0.5]
    last = float(axis[-1])
    steps.setdefault(record["cell"]["encoding"], {})[record["cell"]["seed"]] = float(
      reached[0]) if reached else last
  if "rotary" not in steps:
    raise f.Missing("no result of encoding=rotary")
  yield f.less(steps["pope"], steps["rotary"], "indirect-indexing: pope - rotary, steps to half of "
               "the answers right (the last step if never)")


KAZEMNEJAD = "arXiv 2305.19466, figure 2 and the logs of its repository"
RUOSS = "arXiv 2305.16843, table 1"
COPE = "arXiv 2405.18719"
EXPECTATIONS = (
  f.Expectation("Which encodings copy beyond L?", "None and T5 above ALiBi above rotary and "
                "sinusoidal: .305, .420, .331, .011, .028", KAZEMNEJAD,
                _pairs("copy", "none > alibi, t5 > alibi, alibi > rotary, alibi > sinusoidal")),
  f.Expectation("Is T5's bias above rotary on copy?", ".420 against .011", KAZEMNEJAD,
                _pairs("copy", "t5 > rotary")),
  f.Expectation("Is no encoding above sinusoidal on copy?", ".305 against .028", KAZEMNEJAD,
                _pairs("copy", "none > sinusoidal")),
  f.Expectation("Which encodings reverse beyond L?", "None and T5 above ALiBi above rotary and "
                "sinusoidal: .230, .242, .171, .077, .023", KAZEMNEJAD,
                _pairs("reverse", "none > alibi, t5 > alibi, alibi > rotary, alibi > sinusoidal")),
  f.Expectation("Which add longer numbers with a scratchpad?",
                "None and T5 above rotary: .166, .162, .066", KAZEMNEJAD,
                _pairs("addition", "none > rotary, t5 > rotary")),
  f.Expectation("Does no encoding count parity beyond L?", ".661 against .532 and .509", KAZEMNEJAD,
                _pairs("parity", "none > t5, none > sinusoidal")),
  *(f.Expectation(f"Do positions drawn at random help {task} beyond L?", numbers, RUOSS,
                  _pairs(task, "randomized > sinusoidal"))
    for task, numbers in (("reverse", "58.3 to 95.1"), ("duplicate", "51.7 to 75.1"),
                          ("missing-duplicate", "54.0 to 100"), ("even-pairs", "96.4 to 100"),
                          ("sort", "91.9 to 100"))),
  f.Expectation("Does CoPE remember over sparse flip-flops?", "Error 4.9 against rotary's 20.3 and "
                "absolute positions' 21.7", f"{COPE}, table 1",
                _pairs("flip-flop", "cope > rotary, cope > sinusoidal", "accuracy_sparse",
                       "when 98 percent are ignored")),
  f.Expectation("Does a forget gate remember over sparse flip-flops?", "FoX solves what rotary "
                "does not", "arXiv 2503.02130",
                _pairs("flip-flop", "fox > rotary", "accuracy_sparse",
                       "when 98 percent are ignored")),
  f.Expectation("Does CoPE count?", "Error 0 against relative positions' 1.1", f"{COPE}, table 3",
                _pairs("counting", "cope > rotary", "accuracy_trained", "at L")),
  f.Expectation("Do CoPE and FoX count beyond L?", "Counts that are gated by content generalise",
                f"{COPE}, figure 3", _pairs("counting", "cope > rotary, fox > rotary")),
  f.Expectation("Does CoPE copy selectively?", "Error 0 against rotary's 40.1", f"{COPE}, table 2",
                _joined(_pairs("selective-copy", "cope > rotary", "accuracy_trained", "at L"),
                        _pairs("selective-copy", "cope > rotary"))),
  f.Expectation("Does PoPE index indirectly?", "94.82 against 11.16 percent",
                "arXiv 2509.10534, table 1",
                _pairs("indirect-indexing", "pope > rotary", "accuracy_trained", "at L")),
  f.Expectation("Does PoPE solve it in more seeds?", "Accuracies are near 1 or near chance",
                "arXiv 2509.10534, table 1", _solved),
  f.Expectation("Does PoPE lift off earlier?", "It learns in fewer steps", "arXiv 2509.10534, "
                "figure 2", _lift_off),
)

LEFT_OUT = (
  ("Abacus and position coupling on addition (arXiv 2405.17399, 2405.20671)", "their positions "
   "come from what the digits are, which the models of this script do not pass on"),
  ("accuracies of the papers", "their models have 25 to 1000 times the parameters and are trained "
   "for 10 to 100 times the steps; only orderings are compared"),
  ("rotary of a quarter of the dims (arXiv 2305.19466)", "ours turns all dims; rotary-partial is a "
   "name of --encodings"),
  ("indirect indexing of 20 to 40 letters", "reduced to 8 to 16 letters and shifts of at most 5"),
)
