# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Algorithmic problems as rows of tokens, drawn inside jit: a question, then its answer.

A row is BEGIN, the question, ANSWER, the answer, END, then padding. Its size is a number n that is
drawn between 1 and the most that fits; what a row holds depends on its key and on n alone, so that
a row that is drawn longer begins with the same tokens. Only the answer counts in losses and
accuracies.

  copy, reverse, duplicate   Kazemnejad et al. 2023, arXiv 2305.19466; Ruoss et al. 2023, 2305.16843
  sort                       Ruoss et al. 2023 (bucket sort)
  addition                   Nye et al. 2021, arXiv 2112.00114: the sums and carries are written out
  addition-reversed          Cho et al. 2024, arXiv 2405.20671: least significant digits first
  addition-coupled           the same rows, positions given by ``coupled_positions``
  parity, even-pairs, missing-duplicate   Deletang et al. 2022, arXiv 2207.02098
  selective-copy             Golovneva et al. 2024, arXiv 2405.18719
  counting                   Golovneva et al. 2024: increments since the last reset
  flip-flop                  Liu et al. 2023, arXiv 2306.00946
  indirect-indexing          Gopalakrishnan et al. 2025, arXiv 2509.10534
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

import posenc_jax as px

PAD, BEGIN, ANSWER, END = range(4)
FIRST = 4  # the first symbol's id
OTHER = 2**31 - 1  # folded into a key for draws beside those of single places
Row = tuple[jax.Array, jax.Array, Any]


@dataclasses.dataclass(frozen=True)
class Problem:
  """A family of rows.

  Attributes:
    symbols: how many ids beside the four special ones.
    row: (key, n, room) to (question [room], answer [room], answer's length): symbols from 0, of
      which the first ``asked(n)`` and as many as the last says count; n may be traced.
    asked: n to the question's length.
    answered: n to the most tokens of the answer.
    variants: name to another ``row``, to evaluate on beside longer ones.
    least: the smallest n.
    most: the largest n, however much fits; None for no bound.
    places: tokens ``[..., T]`` to the positions that the model gets; None for their index.
  """

  symbols: int
  row: Callable[[jax.Array, Any, int], Row]
  asked: Callable[[Any], Any]
  answered: Callable[[Any], Any]
  variants: Mapping[str, Callable[[jax.Array, Any, int], Row]] = dataclasses.field(
    default_factory=dict)
  least: int = 1
  most: int | None = None
  places: Callable[[jax.Array], jax.Array] | None = None

  def fits(self, length: int) -> int:
    """The largest n whose row has at most ``length + 1`` tokens, the size of a training window.

    Returns:
      n; 0 if not even the smallest problem fits.
    """
    n = self.least - 1
    while (self.most is None or n < self.most) and self.tokens(n + 1) <= length + 1:
      n += 1
    return n if n >= self.least else 0

  def tokens(self, n: int) -> int:
    """The most tokens of a row of size n."""
    return int(self.asked(n)) + int(self.answered(n)) + 3


def lay_out(question: jax.Array, asked: Any, answer: jax.Array, answered: Any
            ) -> tuple[jax.Array, jax.Array]:
  """One row of tokens.

  Args:
    question, answer: int32 ``[room]``, symbols from 0.
    asked, answered: how many of them count; may be traced.

  Returns:
    Tokens int32 ``[room]`` and which are to be predicted, bool ``[room]``: the answer and END.

  Example:
    >>> tokens, counted = lay_out(jnp.arange(8), 2, jnp.arange(8), 1)
    >>> tokens.tolist(), counted.tolist()[:6]
    ([1, 4, 5, 2, 4, 3, 0, 0], [False, False, False, False, True, True])
  """
  at = jnp.arange(question.shape[0], dtype=jnp.int32)
  last = asked + 2 + answered  # END's place
  tokens = jnp.where(at <= asked, FIRST + jnp.roll(question, 1), PAD)
  tokens = jnp.where(at == 0, BEGIN, jnp.where(at == asked + 1, ANSWER, tokens))
  written = FIRST + answer[jnp.clip(at - asked - 2, 0, answer.shape[0] - 1)]
  tokens = jnp.where((at > asked + 1) & (at < last), written, tokens)
  tokens = jnp.where(at == last, END, tokens).astype(jnp.int32)
  return tokens, (at > asked + 1) & (at <= last)


def rows(problem: Problem, key: jax.Array, batch: int, room: int, largest: Any, *,
         smallest: Any = None, variant: str | None = None) -> tuple[jax.Array, jax.Array]:
  """Rows of a problem.

  Args:
    problem: which.
    key: of all draws; row i has ``fold_in(key, i)``.
    batch: how many rows.
    room: tokens a row, padding included; static.
    largest, smallest: bounds of n, inclusive, may be traced; smallest None takes the problem's.
    variant: a name of the problem's variants.

  Returns:
    Tokens int32 ``[batch, room]``, counted bool ``[batch, room]``.
  """
  make = problem.row if variant is None else problem.variants[variant]
  smallest = problem.least if smallest is None else smallest

  def one(i):
    own = jax.random.fold_in(key, i)
    n = jax.random.randint(jax.random.fold_in(own, 0), (), smallest, largest + 1)
    question, answer, answered = make(jax.random.fold_in(own, 1), n, room)
    return lay_out(question, problem.asked(n), answer, answered)

  return jax.vmap(one)(jnp.arange(batch, dtype=jnp.uint32))


def _draw(key: jax.Array, room: int, symbols: int) -> jax.Array:
  """Symbols int32 ``[room]``; fewer of them begin more of them."""
  return jax.vmap(lambda i: jax.random.randint(jax.random.fold_in(key, i), (), 0, symbols))(
    jnp.arange(room, dtype=jnp.uint32))


def _chance(key: jax.Array, room: int) -> jax.Array:
  """Numbers in [0, 1), ``[room]``; fewer of them begin more of them."""
  return jax.vmap(lambda i: jax.random.uniform(jax.random.fold_in(key, i)))(
    jnp.arange(room, dtype=jnp.uint32))


def _at(room: int) -> jax.Array:
  return jnp.arange(room, dtype=jnp.int32)


def _take(x: jax.Array, places: jax.Array) -> jax.Array:
  return x[jnp.clip(places, 0, x.shape[0] - 1)]


def _single(value: jax.Array, room: int) -> jax.Array:
  return jnp.broadcast_to(value.astype(jnp.int32), (room,))


def _copy(key, n, room):
  x = _draw(key, room, 10)
  return x, x, n


def _reverse(key, n, room):
  x = _draw(key, room, 10)
  return x, _take(x, n - 1 - _at(room)), n


def _duplicate(key, n, room):
  x = _draw(key, room, 10)
  return x, _take(x, _at(room) % n), 2 * n


def _sort(key, n, room):
  x = _draw(key, room, 10)
  return x, jnp.sort(jnp.where(_at(room) < n, x, 10)), n


def _parity(key, n, room):
  x = _draw(key, room, 2)
  return x, _single(jnp.sum(jnp.where(_at(room) < n, x, 0)) % 2, room), 1


def _even_pairs(key, n, room):
  """Whether neighbours that differ are even in number: 0 if they are."""
  x = _draw(key, room, 2)
  differ = (x != jnp.roll(x, -1)) & (_at(room) < n - 1)
  return x, _single(jnp.sum(differ, dtype=jnp.int32) % 2, room), 1


def _missing_duplicate(key, n, room):
  """A word of n bits twice, one of the 2 n replaced by a hole, symbol 2: which bit was it?"""
  x = _draw(key, room, 2)
  twice = _take(x, _at(room) % n)
  hole = jax.random.randint(jax.random.fold_in(key, OTHER), (), 0, 2 * n)
  return jnp.where(_at(room) == hole, 2, twice), _single(twice[hole], room), 1


PLUS, EQUALS = 10, 11


def _addition(key, n, room):
  """a + b, most significant digit first; the answer is each column's sum and carry, then a + b."""
  pairs = _draw(key, room, 100)  # column k counts from the least significant digit
  a, b = pairs // 10, pairs % 10

  def column(carry, digits):
    total = digits[0] + digits[1] + carry
    return total // 10, (total % 10, total // 10)

  inside = _at(room) < n
  _, (sums, carries) = jax.lax.scan(
    column, jnp.int32(0), (jnp.where(inside, a, 0), jnp.where(inside, b, 0)))
  at = _at(room)
  question = jnp.where(at < n, _take(a, n - 1 - at), _take(b, 2 * n - at))
  question = jnp.where(at == n, PLUS, question)
  scratch = jnp.where(at % 2 == 0, _take(sums, at // 2), _take(carries, at // 2))
  total = jnp.where(at == 2 * n + 1, _take(carries, n - 1), _take(sums, 3 * n + 1 - at))
  answer = jnp.where(at < 2 * n, scratch, jnp.where(at == 2 * n, EQUALS, total))
  return question, answer, 3 * n + 2


def _reversed_addition(key, n, room):
  """a + b, all three with the least significant digit first; the answer has n + 1 digits."""
  pairs, at = _draw(key, room, 100), _at(room)
  a, b = pairs // 10, pairs % 10

  def column(carry, digits):
    total = digits[0] + digits[1] + carry
    return total // 10, total % 10

  inside = at < n  # beyond them are zeros, of which the first gets the last carry
  _, answer = jax.lax.scan(column, jnp.int32(0), (jnp.where(inside, a, 0), jnp.where(inside, b, 0)))
  question = jnp.where(at == n, PLUS, jnp.where(inside, a, _take(b, at - n - 1)))
  return question, answer, n + 1


def coupled(tokens: jax.Array) -> jax.Array:
  """Ids of the tokens of sums with the least significant digit first: digits to add share one.

  Example:
    >>> coupled(FIRST + jnp.array([5, 6, PLUS, 7, 0])).tolist()
    [2, 3, 1, 2, 3]
  """
  return px.functions.coupled_positions((tokens >= FIRST) & (tokens < FIRST + 10), True)


def _selective_copy(key, n, room):
  """Symbols among blanks, symbol 10, which come half of the time: the symbols alone."""
  x, at = _draw(key, room, 10), _at(room)
  kept = (_chance(jax.random.fold_in(key, OTHER), room) < 0.5) | (at == 0)
  inside = kept & (at < n)
  order = jnp.argsort(~inside, stable=True)
  return jnp.where(kept, x, 10), x[order], jnp.sum(inside, dtype=jnp.int32)


RESET, PASS, INCREMENT = 10, 11, 12


def _counting(key, n, room):
  """Statements: reset, pass, increment. The answer is the increments since the last reset, <= 9."""
  chance, at = _chance(key, room), _at(room)
  reset = (chance < 0.06) | (at == 0)
  raised = ~reset & (chance > 0.7)
  total = jnp.cumsum(raised, dtype=jnp.int32)
  since = total - jax.lax.cummax(jnp.where(reset, total, 0))
  kept = raised & (since <= 9)
  statements = jnp.where(reset, RESET, jnp.where(kept, INCREMENT, PASS))
  return statements, _single(jnp.minimum(_take(since, n - 1), 9), room), 1


WRITE, READ, IGNORE = 2, 3, 4


def _flip_flop(ignored: float):
  """Rows of pairs (instruction, bit); the last reads the bit that was written last."""
  def row(key, n, room):
    at = _at(room)
    pair = at // 2
    chance, bits = _chance(key, room), _draw(jax.random.fold_in(key, OTHER), room, 2)
    # Of the instructions that are not ignored half write and half read; the first one writes.
    writes = (chance < (1 - ignored) / 2) | (at == 0)
    reads = ~writes & (chance < 1 - ignored)
    last = jax.lax.cummax(jnp.where(writes, at, 0))
    memory = bits[last]
    instruction = jnp.where(writes, WRITE, jnp.where(reads, READ, IGNORE))
    shown = jnp.where(reads, memory, bits)
    row = jnp.where(at % 2 == 0, _take(instruction, pair), _take(shown, pair))
    row = jnp.where(at == 2 * n, READ, row)
    return row, _single(_take(memory, n - 1), room), 1
  return row


LETTERS, MOST_SHIFT = 26, 5
_SIGNS = LETTERS  # then digits


def _indirect_indexing(key, n, room):
  """Different letters, one of them, a shift: which letter stands there?"""
  letters = jax.random.permutation(key, LETTERS).astype(jnp.int32)
  own = jax.random.fold_in(key, OTHER)
  source = jax.random.randint(own, (), 0, n)
  low, high = jnp.maximum(-MOST_SHIFT, -source), jnp.minimum(MOST_SHIFT, n - 1 - source)
  shift = jax.random.randint(jax.random.fold_in(own, 1), (), low, high + 1)
  at = _at(room)
  question = jnp.where(at == n, _take(letters, source), _take(letters, at))
  question = jnp.where(at == n + 1, _SIGNS + (shift < 0).astype(jnp.int32), question)
  question = jnp.where(at == n + 2, _SIGNS + 2 + jnp.abs(shift), question)
  return question, _single(_take(letters, source + shift), room), 1


def _one(n):
  return 1


def _same(n):
  return n


PROBLEMS: dict[str, Problem] = {
  "copy": Problem(10, _copy, _same, _same),
  "reverse": Problem(10, _reverse, _same, _same),
  "duplicate": Problem(10, _duplicate, _same, lambda n: 2 * n),
  "sort": Problem(10, _sort, _same, _same),
  "addition": Problem(12, _addition, lambda n: 2 * n + 1, lambda n: 3 * n + 2),
  "addition-reversed": Problem(12, _reversed_addition, lambda n: 2 * n + 1, lambda n: n + 1),
  "addition-coupled": Problem(12, _reversed_addition, lambda n: 2 * n + 1, lambda n: n + 1,
                              places=coupled),
  "parity": Problem(2, _parity, _same, _one),
  "even-pairs": Problem(2, _even_pairs, _same, _one, least=2),
  "missing-duplicate": Problem(3, _missing_duplicate, lambda n: 2 * n, _one),
  "selective-copy": Problem(11, _selective_copy, _same, _same),
  "counting": Problem(13, _counting, _same, _one),
  "flip-flop": Problem(5, _flip_flop(0.8), lambda n: 2 * n + 1, _one,
                       {"sparse": _flip_flop(0.98), "dense": _flip_flop(0.1)}),
  "indirect-indexing": Problem(LETTERS + 3 + MOST_SHIFT, _indirect_indexing, lambda n: n + 3, _one,
                               least=8, most=16),
}
