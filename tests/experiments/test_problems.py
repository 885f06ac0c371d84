# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Each problem's rows against answers in plain Python, which read the question alone."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import algorithmic, problems
from experiments.problems import ANSWER, BEGIN, END, FIRST, PAD, PROBLEMS

BATCH, ROOM = 96, 40


def draw(name, room=ROOM, variant=None, batch=BATCH, largest=None, seed=3):
  problem = PROBLEMS[name]
  largest = problem.fits(ROOM - 1) if largest is None else largest
  make = jax.jit(lambda key: problems.rows(problem, key, batch, room, largest, variant=variant))
  return [np.asarray(x) for x in make(jax.random.key(seed))]


def split(row):
  """(question, answer) of a row, symbols from 0."""
  row = row.tolist()
  assert row[0] == BEGIN and row.count(ANSWER) == 1 and row.count(END) == 1
  middle, end = row.index(ANSWER), row.index(END)
  assert all(t == PAD for t in row[end + 1:])
  question, answer = row[1:middle], row[middle + 1:end]
  assert all(t >= FIRST for t in question + answer)
  return [t - FIRST for t in question], [t - FIRST for t in answer]


def add(question):
  at = question.index(10)
  a, b = question[:at], question[at + 1:]
  scratch, carry = [], 0
  for x, y in zip(a[::-1], b[::-1], strict=True):
    carry, digit = divmod(x + y + carry, 10)
    scratch += [digit, carry]
  number = lambda digits: int("".join(map(str, digits)))
  total = f"{number(a) + number(b):0{len(a) + 1}d}"
  return [*scratch, 11, *map(int, total)]


def add_reversed(question):
  at = question.index(10)
  number = lambda digits: int("".join(map(str, digits[::-1])))
  total = number(question[:at]) + number(question[at + 1:])
  return [int(d) for d in f"{total:0{at + 1}d}"[::-1]]


def missing(question):
  half, hole = len(question) // 2, question.index(2)
  return [question[(hole + half) % len(question)]]


def count(question):
  total = None
  for statement in question:
    total = {10: 0, 11: total, 12: None if total is None else total + 1}[statement]
  return [total]


def flip(question):
  memory = None
  for instruction, bit in zip(question[:-1:2], question[1:-1:2], strict=True):
    if instruction == 2:
      memory = bit
    elif instruction == 3:
      assert bit == memory
  assert question[-1] == 3
  return [memory]


def index(question):
  *letters, source, sign, shift = question
  assert len(set(letters)) == len(letters) and 0 <= shift - 28 <= 5 and sign in (26, 27)
  return [letters[letters.index(source) + (shift - 28) * (1 if sign == 26 else -1)]]


ANSWERS = {
  "copy": list, "reverse": lambda q: q[::-1], "duplicate": lambda q: q + q, "sort": sorted,
  "addition": add, "parity": lambda q: [sum(q) % 2], "missing-duplicate": missing,
  "even-pairs": lambda q: [sum(a != b for a, b in zip(q, q[1:], strict=False)) % 2],
  "selective-copy": lambda q: [x for x in q if x != 10], "counting": count, "flip-flop": flip,
  "indirect-indexing": index, "addition-reversed": add_reversed, "addition-coupled": add_reversed,
}


@pytest.mark.parametrize("name, variant", [(name, None) for name in PROBLEMS]
                         + [("flip-flop", "sparse"), ("flip-flop", "dense")])
def test_answers_are_those_of_plain_python(name, variant):
  tokens, counted = draw(name, variant=variant)
  problem, sizes, answers = PROBLEMS[name], set(), set()
  assert tokens.dtype == np.int32 and counted.dtype == bool
  for row, mask in zip(tokens, counted, strict=True):
    question, answer = split(row)
    assert answer == ANSWERS[name](question), (question, answer)
    assert max(question + answer) < problem.symbols
    middle = row.tolist().index(ANSWER)
    assert np.flatnonzero(mask).tolist() == list(range(middle + 1, middle + len(answer) + 2))
    sizes.add(len(question))
    answers.add(tuple(answer))
  least, most = (int(problem.asked(n)) for n in (problem.least, problem.fits(ROOM - 1)))
  assert least <= min(sizes) and max(sizes) <= most and len(sizes) > 3
  assert len(answers) > 1


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_longer_row_begins_as_the_shorter_one(name):
  """What a row holds depends on its size alone: more room is more padding."""
  largest = PROBLEMS[name].fits(29)
  short, long = (draw(name, room=room, largest=largest)[0] for room in (30, 45))
  np.testing.assert_array_equal(short, long[:, :30])
  assert (long[:, 30:] == PAD).all()


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_fits_is_the_most_that_does(name):
  problem = PROBLEMS[name]
  for length in (16, 31, 64):
    n = problem.fits(length)
    if n:
      assert problem.tokens(n) <= length + 1
      assert n == problem.most or problem.tokens(n + 1) > length + 1
    else:
      assert problem.tokens(problem.least) > length + 1


def test_flip_flops_are_as_dense_as_they_say():
  for variant, share in ((None, 0.8), ("sparse", 0.98), ("dense", 0.1)):
    tokens, _ = draw("flip-flop", variant=variant, batch=512)
    told = np.concatenate([split(row)[0][2:-1:2] for row in tokens])
    assert abs(np.mean(told == problems.IGNORE) - share) < 0.03


def test_answers_are_not_told_by_the_size_of_the_row():
  """Of the problems with one bit as an answer, each size has both answers equally often."""
  for name in ("parity", "even-pairs", "missing-duplicate"):
    found = {}
    for row in draw(name, batch=512)[0]:
      question, answer = split(row)
      found.setdefault(len(question), []).append(answer[0])
    means = [np.mean(bits) for bits in found.values() if len(bits) > 8]
    assert abs(np.mean(means) - 0.5) < 0.1, name


class Echo:
  """Logits for the tokens that it is given, beyond the reach of a model."""

  def __init__(self, tokens, wrong):
    self.tokens, self.wrong = tokens, wrong

  def logits(self):
    target = np.array(self.tokens[:, 1:])
    target[self.wrong] = 0
    return jnp.asarray(np.eye(20, dtype=np.float32)[target])


def test_a_row_is_solved_if_its_whole_answer_is():
  tokens, counted = draw("copy", batch=4)
  where = lambda row, right: tuple(np.argwhere(counted[row:row + 1, 1:] == right)[0] + [row, 0])
  assert algorithmic.solved(Echo(tokens, ([], [])).logits(), tokens, counted).all()
  one = where(2, True)
  assert algorithmic.solved(Echo(tokens, one).logits(), tokens, counted).tolist() == [
    True, True, False, True]
  assert algorithmic.solved(Echo(tokens, where(1, False)).logits(), tokens, counted).all()
  share = algorithmic.right_share(Echo(tokens, one).logits(), tokens, counted)
  np.testing.assert_allclose(share, [1, 1, 1 - 1 / counted[2, 1:].sum(), 1], rtol=1e-6)


def test_sizes_of_evaluations_do_not_overlap():
  """At the second multiple are sizes that did not fit the first."""
  assert algorithmic.Solving("copy", (1, 1.5, 2), 8).evaluated(21) == [
    ("1", 21, 1, 9), ("1.5", 32, 10, 15), ("2", 42, 16, 20)]
  assert algorithmic.Solving("flip-flop", (1, 2), 8).evaluated(12) == [
    ("1", 12, 1, 4), ("2", 24, 5, 10), ("sparse", 12, 1, 4), ("dense", 12, 1, 4)]
  assert algorithmic.Solving("indirect-indexing", (1,), 8).evaluated(32) == [("1", 32, 8, 16)]


def test_lengths_without_larger_sizes_are_left_out_and_told():
  """They were evaluated on the trained sizes, and called beyond L."""
  for name, multiples in (("indirect-indexing", (1, 2)), ("duplicate", (1, 1.01))):
    with pytest.raises(ValueError, match=f"multiples: got .*larger sizes|multiples: .*{name}"):
      algorithmic.Solving(name, multiples, 8).evaluated(24)
  config = algorithmic.Config(tasks=("indirect-indexing", "copy"))
  assert config.only("indirect-indexing").eval_multiples == (1,)
  assert config.only("copy").eval_multiples == config.eval_multiples
  assert config.shortened() == ("Larger sizes: indirect-indexing has none at 1.25 L, 1.5 L, 2 L, "
                                "so those are left out.")
  assert algorithmic.longer("addition", (1, 1.25, 1.5, 2), (16,)) == (1, 1.25, 2)
  for wrong in ((2, 4), (2, 1), (1, 2, 1.5)):
    told, = algorithmic.Config(eval_multiples=wrong).faults()
    assert told.startswith("--eval_multiples: got ") and "Begin with 1" in told


@pytest.mark.parametrize("name", ["addition-coupled", "addition-reversed"])
def test_models_of_coupled_sums_get_the_places_of_digits(name):
  """Digits to be added, and their sum, have one position; the others 1."""
  task, seen = algorithmic.Solving(name, (1, 2), 8), []

  def model(tokens, positions, **_):
    seen.append(positions)
    return jnp.zeros((*tokens.shape, 16))

  shape = types.SimpleNamespace(batch_size=4, length=14, dropout=False)
  task.loss(shape, model, task.batch(shape, {}, jax.random.key(0)), {}, jax.random.key(1))
  if name == "addition-reversed":
    assert seen == [None]
    return
  tokens = np.asarray(task.batch(shape, {}, jax.random.key(0))[0])[:, :-1]
  for row, got in zip(tokens, np.asarray(seen[0]), strict=True):
    want, inside = [], 0
    for token in row:
      inside = inside + 1 if FIRST <= token < FIRST + 10 else 0
      want.append(1 + inside)
    assert got.tolist() == want


def test_faults_of_tasks():
  found = algorithmic.Config(seq_len=(8,), tasks=("addition", "copy")).faults()
  assert found == ["--seq_len: got 8, wanted at least 10 for addition. Raise it, or drop the task."]
  found = algorithmic.Config(encodings=("rotary",), tasks=("sort",)).faults()
  assert found == ["--encodings: got rotary, wanted one of sinusoidal, randomized+sinusoidal for "
                   "the task sort. Add one, or --every."]
  assert algorithmic.Config(encodings=("rotary",), tasks=("sort",), every=True).faults() == []
