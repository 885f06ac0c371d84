# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sentence pairs: the two sides belong together, and what bad files are told."""

import hashlib

import numpy as np
import pytest
import pythonbible

from experiments import data, pairs
from tests.support.bibles import verse_text


def strip_target(row, vocabulary):
  """The text between BEGIN and END, read symbol by symbol."""
  symbols = [vocabulary[index] for index in row.tolist()]
  assert symbols[0] == pairs.BEGIN
  stop = symbols.index(pairs.END)
  assert set(symbols[stop + 1 :]) <= {pairs.PADDING}
  return "".join(symbols[1:stop])


def test_verse_pairs_belong_together():
  loaded = pairs.load_pairs(longest=90)
  assert loaded.name == "kjv-web"
  assert loaded.vocabulary[:4] == (pairs.PADDING, data.UNKNOWN, pairs.BEGIN, pairs.END)
  wanted = {}
  for book, chapter, verse, part in [
    (pythonbible.Book.GENESIS, 1, 1, "train"),
    (pythonbible.Book.PSALMS, 23, 1, "train"),
    (pythonbible.Book.JOHN, 1, 2, "valid"),
  ]:
    old, new = (verse_text(name, book, chapter, verse) for name in ("kjv", "web"))
    wanted[old] = (new, part)
  for part in ("train", "valid"):
    sources, targets = getattr(loaded, part)
    assert sources.shape[1] == 90 and targets.shape == (len(sources), 92)
    assert sources.dtype == targets.dtype == np.int32
    found = {}
    for source, target in zip(sources, targets, strict=True):
      old = data.decode(source[source != 0], loaded.vocabulary)
      if old in wanted:
        found[old] = (strip_target(target, loaded.vocabulary), part)
    assert found == {old: value for old, value in wanted.items() if value[1] == part}
  assert 0.08 < len(loaded.valid[0]) / (len(loaded.valid[0]) + len(loaded.train[0])) < 0.16


def test_pairs_from_a_file(text_file):
  lines = [f"eins {number}\tone {number}" for number in range(20)]
  content = "\n".join([*lines, "zu lang" * 9 + "\tshort"]) + "\n\n"
  loaded = pairs.load_pairs(text_file(content, "numbers.tsv"), longest=7)
  assert (loaded.name, loaded.size) == ("numbers.tsv", len(content))
  assert loaded.sha256 == hashlib.sha256(content.encode()).hexdigest()
  read = [
    (data.decode(source[source != 0], loaded.vocabulary), strip_target(target, loaded.vocabulary))
    for part in (loaded.train, loaded.valid)
    for source, target in zip(*part, strict=True)
  ]
  assert read == [tuple(line.split("\t")) for line in lines]
  assert len(loaded.valid[0]) == 1  # the last two lines, less the one that is too long


@pytest.mark.parametrize(
  ("content", "message"),
  [
    ("a\tb\nno tab\n", "data_file: got .*, 0 tabs or an empty side in line 2, wanted"),
    ("a\tb\tc\n", "2 tabs or an empty side in line 1"),
    ("a\tb\n\n \t \nc\t \n", "1 tab or an empty side in line 4"),
    ("a\tb\n" * 9, "with 9 training and 0 evaluation pairs of at most 4 characters"),
    ("abcde\tb\n" * 20, "with 0 training and 0 evaluation pairs of at most 4 characters"),
  ],
)
def test_bad_pairs_are_refused(text_file, content, message):
  with pytest.raises(ValueError, match=message):
    pairs.load_pairs(text_file(content), longest=4)


def test_bad_pair_arguments_are_refused():
  with pytest.raises(ValueError, match="longest: got 0, wanted at least 1"):
    pairs.load_pairs(longest=0)
  with pytest.raises(ValueError, match="max_vocabulary: got 4, wanted at least 5"):
    pairs.load_pairs(max_vocabulary=4)
