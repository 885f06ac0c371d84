# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What was published about algorithmic tasks, as claims about accuracies."""

from collections.abc import Mapping

from experiments import findings as f
from experiments.findings.claims import difference
from posenc_jax import sweeps
from posenc_jax.sweeps.records import axis_values

Results = Mapping[str, sweeps.Results]

# The encodings that statements about a task name.
_RANKED = ("none", "t5", "alibi", "rotary", "sinusoidal")
_DRAWN = ("sinusoidal", "randomized+sinusoidal")
RELEVANT: dict[str, tuple[str, ...]] = {
  "copy": _RANKED, "reverse": (*_RANKED, _DRAWN[1]), "addition": _RANKED,
  "addition-reversed": ("none", "rotary", "shape"), "addition-coupled": ("shape",),
  "parity": ("none", "t5", "sinusoidal"), "duplicate": _DRAWN, "sort": _DRAWN,
  "even-pairs": _DRAWN, "missing-duplicate": _DRAWN,
  "selective-copy": ("rotary", "cope"), "counting": ("rotary", "cope", "fox"),
  "flip-flop": ("rotary", "sinusoidal", "cope", "fox"), "indirect-indexing": ("rotary", "pope"),
}
RANKED_TASKS = tuple(task for task, names in RELEVANT.items() if set(_RANKED) <= set(names))
DRAWN_TASKS = tuple(task for task, names in RELEVANT.items() if set(_DRAWN) <= set(names))


def _numbers(results: Results, task: str, encoding: str, metric: str) -> dict[int, float]:
  found = f.part_of(results, task, f"the task {task}")
  return f.by_seed(found, metric, encoding=encoding)


def _pairs(task: str, pairs: str, metric: str = "tokens_beyond",
           what: str = "right tokens beyond L"):
  """A test of orderings: "t5 > alibi, alibi > rotary"."""
  def test(results):
    for pair in pairs.split(", "):
      first, second = pair.split(" > ")
      one, other = (_numbers(results, task, e, metric) for e in (first, second))
      yield f.greater(one, other, f"{task}: {first} - {second}, {what}")
  return test


def _reciprocal_ranks(results: Results) -> dict[str, dict[int, float]]:
  """1 / rank of each encoding by seed, the mean over the ranked tasks; ties share their mean rank.

  A rank counts those with more right tokens beyond L, and half of those with the same one.
  """
  found: dict[str, dict[int, float]] = {e: {} for e in _RANKED}
  scores = {(t, e): _numbers(results, t, e, "tokens_beyond") for t in RANKED_TASKS
            for e in _RANKED}
  seeds = set.intersection(*(set(by_seed) for by_seed in scores.values()))
  for seed in sorted(seeds):
    for e in _RANKED:
      ranks = []
      for task in RANKED_TASKS:
        own = scores[task, e][seed]
        others = [scores[task, other][seed] for other in _RANKED if other != e]
        ranks.append(1 + sum((x > own) + 0.5 * (x == own) for x in others))
      found[e][seed] = sum(1 / rank for rank in ranks) / len(ranks)
  return found


def _ranking(pairs: str):
  """A test of orderings of the mean reciprocal ranks: "none > t5, t5 > alibi"."""
  def test(results):
    ranks = _reciprocal_ranks(results)
    for pair in pairs.split(", "):
      first, second = pair.split(" > ")
      yield f.greater(ranks[first], ranks[second], f"{', '.join(RANKED_TASKS)}: {first} - {second},"
                      " mean reciprocal rank beyond L")
  return test


def _mean_gain(results):
  """What drawn positions gain in right tokens beyond L, the mean over the tasks."""
  gains = [difference(*(_numbers(results, task, e, "tokens_beyond")
                        for e in reversed(_DRAWN))) for task in DRAWN_TASKS]
  seeds = set.intersection(*map(set, gains))
  mean = {seed: sum(gain[seed] for gain in gains) / len(gains) for seed in sorted(seeds)}
  yield f.above(mean, 0, f"mean of {len(gains)} tasks: {' - '.join(reversed(_DRAWN))}, right "
                "tokens beyond L")


def _coupled(*others: str):
  """A test: coupled ids have more right tokens of longer sums than these with the token's index."""
  def test(results):
    own = _numbers(results, "addition-coupled", "shape", "tokens_beyond")
    for e in others:
      index = _numbers(results, "addition-reversed", e, "tokens_beyond")
      yield f.greater(own, index, f"sums, least significant digits first: coupled - {e}, right "
                      "tokens beyond L")
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


LOGS = "arXiv 2305.19466, means of its repository's logs, test lengths to twice the trained one"
RANKS = "arXiv 2305.19466, figure 1"
RUOSS = "arXiv 2305.16843, abstract"
COPE = "arXiv 2405.18719, abstract"
POPE = "arXiv 2509.10534"

_RANKINGS = (
  f.Expectation("Is T5's bias above ALiBi on copy?", ".420 against .331", LOGS,
                _pairs("copy", "t5 > alibi")),
  f.Expectation("Is ALiBi above rotary and sinusoidal on copy?", ".331 against .011 and .028", LOGS,
                _pairs("copy", "alibi > rotary, alibi > sinusoidal")),
  f.Expectation("Is T5's bias above rotary on copy?", ".420 against .011", LOGS,
                _pairs("copy", "t5 > rotary")),
  f.Expectation("Is a model without positions above rotary and sinusoidal on copy?",
                ".305 against .011 and .028",
                LOGS, _pairs("copy", "none > rotary, none > sinusoidal")),
  f.Expectation("Are a model without positions and one with T5's bias above ALiBi on reverse?",
                ".230 and .242 against .171",
                LOGS, _pairs("reverse", "none > alibi, t5 > alibi")),
  f.Expectation("Is ALiBi above rotary and sinusoidal on reverse?", ".171 against .077 and .023",
                LOGS, _pairs("reverse", "alibi > rotary, alibi > sinusoidal")),
  f.Expectation("Are a model without positions and one with T5's bias above rotary on reverse?",
                ".230 and .242 against .077",
                LOGS, _pairs("reverse", "none > rotary, t5 > rotary")),
  f.Expectation("Are a model without positions and one with T5's bias above rotary on longer sums?",
                "None and T5 above rotary: .166, .162, .066", LOGS,
                _pairs("addition", "none > rotary, t5 > rotary")),
  f.Expectation("Is a model without positions above T5's bias and sinusoidal on parity beyond L?",
                "None .661, T5's bias .532, sinusoidal "
                ".509", LOGS, _pairs("parity", "none > t5, none > sinusoidal")),
  f.Expectation("Does a model without positions rank first over tasks?",
                "None: mean reciprocal rank .69 over ten "
                "tasks, T5's bias .55, ALiBi .50", RANKS, _ranking("none > t5, none > alibi")),
  f.Expectation("Do rotary and sinusoidal rank below ALiBi and T5's bias over tasks?",
                "Rotary .33 and sinusoidal .22, ALiBi .50, T5's bias "
                ".55", RANKS, _ranking("t5 > rotary, t5 > sinusoidal, alibi > rotary, alibi > "
                                       "sinusoidal")),
)
_RANDOM = (
  *(f.Expectation(f"Does {task} gain beyond L from positions drawn at random?",
                  "Accuracy beyond the trained length is 12.0 percent higher on average over 15 "
                  "tasks, of which this is one", RUOSS, _pairs(task, " > ".join(reversed(_DRAWN))))
    for task in DRAWN_TASKS),
  f.Expectation("Do tasks gain beyond L on average from positions drawn at random?",
                "12.0 percent higher over 15 tasks", RUOSS,
                _mean_gain),
)
_GATES = (
  f.Expectation("Is CoPE above rotary and sinusoidal on sparse flip-flops?",
                "It solves flip-flops, where popular "
                "encodings fail", COPE,
                _pairs("flip-flop", "cope > rotary, cope > sinusoidal", "accuracy_sparse",
                       "exact match when 98 percent are ignored")),
  f.Expectation("Is a forget gate (FoX) above rotary on sparse flip-flops?", "More than rotary, "
                "not well: error 36.3 percent against 40.3", "arXiv 2505.16381, table 1",
                _pairs("flip-flop", "fox > rotary", "accuracy_sparse",
                       "exact match when 98 percent are ignored")),
  f.Expectation("Does CoPE count better than rotary at L?",
                "It solves counting, where popular encodings fail", COPE,
                _pairs("counting", "cope > rotary", "accuracy_trained", "exact match at L")),
  f.Expectation("Do CoPE and FoX count better than rotary beyond L?",
                "we know of no numbers", "our question",
                _pairs("counting", "cope > rotary, fox > rotary", "accuracy_beyond",
                       "exact match beyond L")),
  f.Expectation("Does CoPE copy selectively better than rotary at L?",
                "It solves selective copy, where popular encodings fail", COPE,
                _pairs("selective-copy", "cope > rotary", "accuracy_trained", "exact match at L")),
  f.Expectation("Does CoPE copy selectively better than rotary beyond L?",
                "we know of no numbers", "our question",
                _pairs("selective-copy", "cope > rotary", "accuracy_beyond",
                       "exact match beyond L")),
  f.Expectation("Is PoPE above rotary on indirect indexing?",
                "94.82 against rotary's 11.16 percent",
                f"{POPE}, table 1",
                _pairs("indirect-indexing", "pope > rotary", "accuracy_trained",
                       "exact match at L")),
  f.Expectation("Does PoPE solve indirect indexing in more seeds than rotary?",
                "It solves the task almost perfectly, rotary "
                "struggles to learn it", f"{POPE}, section 4", _solved),
  f.Expectation("Does PoPE begin to learn indirect indexing earlier than rotary?",
                "we know of no numbers", "our question", _lift_off),
)
_COUPLED = (
  f.Expectation("Do sums longer than trained gain from coupled positions?", "Trained on 1 to 30 "
                "digits, a small model adds 200", "arXiv 2405.20671, abstract", _coupled("shape")),
  f.Expectation("Are coupled positions above none and rotary on longer sums?",
                "we know of no numbers", "our question", _coupled("none", "rotary")),
)
EXPECTATIONS = (*_RANKINGS, *_RANDOM, *_COUPLED, *_GATES)

LEFT_OUT = (
  ("small differences", "with five seeds and Holm's correction over this page's rows only "
   "differences of about eight standard errors are claimed; an interval on one side of 0 is not "
   "enough. Rows in which every seed has the same value take the sign test, whose p is not below "
   "0.06 with five seeds: shares of seeds that solve a task cannot agree. --seeds has more"),
  ("the other forms of copying (arXiv 2305.19466)", "copying has five there, of which this is the "
   "one of several letters; in that of twice the letters ALiBi is above T5's bias, .569 to .524"),
  ("sparse flip-flops of the papers' lengths", "rows of ours have so few pairs that the first bit "
   "is the right answer to most: all encodings are near the ceiling"),
  ("selective copying by length", "sizes count the blanks, which the answer leaves out: many rows "
   "of the lengths just beyond L have answers that fit into L"),
  ("Abacus on addition (arXiv 2405.17399)", "on sums written with the least significant digits "
   "first its ids are those of coupled positions but for tokens that are no digits"),
  ("position coupling on sums (arXiv 2405.20671)", "models of this size learn such sums after some "
   "ten thousand steps, so they are no default tasks: --tasks=addition-reversed,addition-coupled "
   "--steps=12000 trains them. The ids are read by sinusoids there, with random starts as in the "
   "paper (shape of --encodings), which has learned vectors"),
  ("accuracies of the papers", "their models are larger by one to four orders of magnitude, and "
   "most are trained for longer; only orderings are compared"),
  ("whole answers beyond L (arXiv 2305.19466)", "models of this size get almost none right in "
   "every token, so that all would be equal; ours are scored by token there, after the right ones"),
  ("encoders (arXiv 2305.16843)", "theirs fill in all tokens of an answer at once; ours are "
   "decoders"),
  ("rotary of a quarter of the dims (arXiv 2305.19466)", "ours turns all dims; rotary-partial is a "
   "name of --encodings"),
  ("indirect indexing of 20 to 40 letters", "reduced to 8 to 16 letters and shifts of at most 5"),
  ("PaTH on flip-flops (arXiv 2505.16381: error .0001 percent)", "it is not among the default "
   "encodings; --tasks=flip-flop --encodings=path,rotary --every trains it"),
)
