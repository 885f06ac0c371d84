# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Labelled sequences: verses and their translation, book or successor; images of digits."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from experiments import data, texts
from posenc_jax._errors import explain_fault

SETS = ("translation", "book", "follows", "digits", "permuted-digits")
PADDING, BREAK = "<padding>", "<break>"
DIGIT_SIDE, DIGIT_LEVELS = 8, 17


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
  """Sequences of ids with a class each, in two parts.

  Attributes:
    name: one of SETS.
    train, valid: (int32 ids ``[M, T]``, filled up with 0; int32 labels ``[M]``).
    vocabulary: number of ids, padding included.
    classes: number of labels.
    grid: sides of a grid of tokens, or () for a line.
    sha256: of ids and labels.
  """

  name: str
  train: tuple[np.ndarray, np.ndarray]
  valid: tuple[np.ndarray, np.ndarray]
  vocabulary: int
  classes: int
  grid: tuple[int, ...]
  sha256: str


def load(name: str, length: int, *, seed: int = 0) -> Labelled:
  """Loads a set; verses are cut at ``length`` characters.

  translation: King James (0) or World English (1) of each verse; ``data.VALIDATION_BOOKS`` are
  for evaluation. book: which of 66 a World English verse is from; every tenth verse is for
  evaluation. follows: whether the second of two verses follows the first, half of each the length;
  the others are drawn from the same book. digits: 8 x 8 images, a pixel a token, the last fifth
  for evaluation; permuted-digits: the same with one fixed shuffle of all pixels.

  Args:
    name: one of SETS.
    length: tokens; digits have 64.
    seed: of what is drawn: second verses, the shuffle.

  Raises:
    ImportError: a package that holds the data is not installed.
    KeyError: another name.
  """
  make = {"translation": _translation, "book": _book, "follows": _follows,
          "digits": _digits, "permuted-digits": _permuted}[name]
  train, valid, vocabulary, classes, grid = make(length, np.random.default_rng(seed))
  digest = hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in (*train, *valid)))
  return Labelled(name, train, valid, vocabulary, classes, grid, digest.hexdigest())


def _split(rows: Sequence[tuple[bool, str, int]], length: int):
  """Parts of (for evaluation, text, label); the vocabulary is counted on the training part."""
  symbols = data.build_vocabulary("".join(t for v, t, _ in rows if not v).replace("\n", ""),
                                  max_vocabulary=data.MAX_VOCABULARY,
                                  special=(PADDING, data.UNKNOWN, BREAK))
  parts = []
  for wanted in (False, True):
    mine = [(t, y) for v, t, y in rows if v == wanted]
    ids = np.zeros((len(mine), length), np.int32)
    whole = data.encode("".join(t for t, _ in mine), symbols)
    whole[np.frombuffer("".join(t for t, _ in mine).encode("utf-32-le"), np.uint32) == 10] = 2
    start = 0
    for row, (text, _) in enumerate(mine):
      some = min(len(text), length)
      ids[row, :some] = whole[start:start + some]
      start += len(text)
    parts.append((ids, np.array([y for _, y in mine], np.int32)))
  return parts[0], parts[1], len(symbols)


def _translation(length, rng):
  del rng  # nothing is drawn
  rows = [(verse // 1_000_000 in data.VALIDATION_BOOKS, text[:length], label)
          for label, name in enumerate(("kjv", "web"))
          for verse, text in texts.bible_verses(name).items()]
  return *_split(rows, length), 2, ()


def _book(length, rng):
  del rng
  rows = [(i % 10 == 9, text[:length], verse // 1_000_000 - 1)
          for i, (verse, text) in enumerate(texts.bible_verses("web").items())]
  return *_split(rows, length), 66, ()


def _follows(length, rng):
  """Pairs of verses with a break between; each verse is cut so that a pair has the length."""
  verses = list(texts.bible_verses("web").items())
  books: dict[int, list[int]] = {}
  for i, (verse, _) in enumerate(verses):
    books.setdefault(verse // 1_000_000, []).append(i)
  half, rows = (length - 1) // 2, []
  for i, (verse, text) in enumerate(verses[:-1]):
    book = verse // 1_000_000
    if verses[i + 1][0] // 1_000_000 != book or len(books[book]) < 3:  # else nothing to draw
      continue
    label, second = int(rng.integers(2)), i + 1
    while not label and second in (i, i + 1):
      second = int(rng.choice(books[book]))
    # The end of the first and the start of the second, where they meet.
    rows.append((book in data.VALIDATION_BOOKS, f"{text[-half:]}\n{verses[second][1][:half]}",
                 label))
  return *_split(rows, length), 2, ()


def _digits(length, rng):
  del rng
  try:
    from sklearn.datasets import load_digits
  except ImportError as error:
    raise ImportError(explain_fault(
      "--data", "digits, and scikit-learn is not installed", "an environment with it",
      "Run: pip install -e '.[tasks]'")) from error
  found = load_digits()
  ids = found.images.reshape(-1, DIGIT_SIDE**2).astype(np.int32)[:, :length] + 1
  labels, border = found.target.astype(np.int32), len(ids) - len(ids) // 5
  return ((ids[:border], labels[:border]), (ids[border:], labels[border:]), DIGIT_LEVELS + 1, 10,
          (DIGIT_SIDE, DIGIT_SIDE))


def _permuted(length, rng):
  train, valid, *rest = _digits(length, rng)
  order = rng.permutation(train[0].shape[1])
  return (train[0][:, order], train[1]), (valid[0][:, order], valid[1]), *rest
