# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The experiments' corpora and windows: how text is split, encoded and cut."""

import hashlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import pythonbible

from experiments import data
from tests.support.bibles import VERSIONS, verse_text

SIZES = {"web": (4_032_055, 76), "kjv": (4_181_639, 68), "bbe": (4_176_111, 67)}

CHINESE = (
  "清晨的河边有一位老人在钓鱼,水面上飘着薄薄的雾。\n"
  "孩子们背着书包走过石桥,笑声惊起了几只白鹭。\n"
  "到了中午,太阳把雾晒散了,远处的山一层一层地露出来。\n"
  "老人收起鱼竿,桶里只有两条小鱼,他却笑着说今天很好。\n"
)


@pytest.mark.parametrize("name", VERSIONS)
def test_translation_is_split_by_whole_books(name):
  corpus = data.load_text(name)
  train, valid = (data.decode(part, corpus.vocabulary) for part in (corpus.train, corpus.valid))
  assert corpus.name == name
  lines = {"train": train.split("\n"), "valid": valid.split("\n")}
  for book, chapter, verse, part in [
    (pythonbible.Book.LEVITICUS, 1, 3, "valid"),
    (pythonbible.Book.RUTH, 1, 16, "valid"),
    (pythonbible.Book.HEBREWS, 13, 24, "valid"),
    (pythonbible.Book.JOHN, 1, 1, "valid"),
    (pythonbible.Book.MATTHEW, 5, 3, "train"),
    (pythonbible.Book.LUKE, 2, 1, "train"),
    (pythonbible.Book.GENESIS, 1, 1, "train"),
    (pythonbible.Book.EXODUS, 40, 38, "train"),
    (pythonbible.Book.MARK, 16, 20, "train"),
    (pythonbible.Book.REVELATION, 22, 21, "train"),
  ]:
    line, other = verse_text(name, book, chapter, verse), {"train": "valid", "valid": "train"}[part]
    assert line in lines[part] and line not in lines[other]
  assert 0.09 < len(valid) / (len(train) + len(valid)) < 0.11
  content = (train + valid).encode()
  assert (corpus.size, corpus.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_basic_english_is_one_running_text_split_by_position():
  corpus = data.load_text("bbe")
  train, valid = (data.decode(part, corpus.vocabulary) for part in (corpus.train, corpus.valid))
  text = train + valid
  assert text.startswith("At the first God made the heaven and the earth. And the earth was waste")
  assert text.endswith("The grace of the Lord Jesus be with the saints. So be it.")
  assert "need of food. And when the grain" in text and not re.search("[0-9\n]", text)
  assert len(valid) == len(text) // 10
  assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_those_in_the_docstring(name):
  corpus = data.load_text(name)
  characters = len(corpus.train) + len(corpus.valid)
  assert (characters, len(corpus.vocabulary) - 1) == SIZES[name]
  summary = " ".join(data.__doc__.split())
  assert re.search(f"{characters:,} (characters )?of {SIZES[name][1]}", summary)
  for part in (corpus.train, corpus.valid):
    assert part.dtype == np.int32 and part.min() > 0 and part.max() < len(corpus.vocabulary)


def test_default_is_the_world_english_bible():
  assert data.load_text().sha256 == data.load_text("web").sha256


def test_loading_twice_gives_the_same():
  first, second = data.load_text("web"), data.load_text("web")
  assert first.train is not second.train
  np.testing.assert_array_equal(first.train, second.train)
  np.testing.assert_array_equal(first.valid, second.valid)
  assert (first.vocabulary, first.sha256) == (second.vocabulary, second.sha256)


def test_file_is_split_by_position_and_hashed(text_file):
  text = "".join(f"line {number} of a small story\n" for number in range(100))
  corpus = data.load_text(data_file=text_file(text, "story.txt"), longest_window=64)
  assert (corpus.name, corpus.size) == ("story.txt", len(text))
  assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()
  assert data.decode(corpus.train, corpus.vocabulary) == text[: -(len(text) // 10)]
  assert data.decode(corpus.valid, corpus.vocabulary) == text[-(len(text) // 10) :]
  assert corpus.vocabulary[0] == data.UNKNOWN
  assert list(corpus.vocabulary[1:]) == sorted(set(text))


def test_chinese_text_survives_the_round_trip(text_file):
  corpus = data.load_text(data_file=text_file(CHINESE * 12))
  assert data.decode(corpus.train, corpus.vocabulary) == (CHINESE * 12)[: len(corpus.train)]
  assert "鱼" in corpus.vocabulary
  assert corpus.size == 12 * len(CHINESE.encode()) > len(corpus.train) + len(corpus.valid)


def test_rare_characters_share_the_unknown_id(text_file):
  path = text_file(CHINESE * 12)
  corpus = data.load_text(data_file=path, max_vocabulary=9, most_unknown=1)
  train = (CHINESE * 12)[: len(corpus.train)]
  # Count with a plain loop; ties go to the lower code point.
  counts = {}
  for character in train:
    counts[character] = counts.get(character, 0) + 1
  kept = sorted(counts, key=lambda character: (-counts[character], ord(character)))[:8]
  assert corpus.vocabulary == (data.UNKNOWN, *sorted(kept))
  expected = "".join(character if character in kept else data.UNKNOWN for character in train)
  assert data.decode(corpus.train, corpus.vocabulary) == expected
  assert 0 < expected.count(data.UNKNOWN) < len(expected)


def test_equally_frequent_characters_are_taken_in_code_point_order(text_file):
  corpus = data.load_text(data_file=text_file("dbca" * 20), max_vocabulary=3, most_unknown=1)
  assert corpus.vocabulary == (data.UNKNOWN, "a", "b")


def test_replacement_character_is_the_unknown_id(text_file):
  corpus = data.load_text(data_file=text_file((data.UNKNOWN + "a") * 50), most_unknown=1)
  assert corpus.vocabulary == (data.UNKNOWN, "a")
  assert corpus.train.tolist() == [0, 1] * 45


def test_shortest_file_for_a_window(text_file):
  path = text_file("ab" * 25)
  assert len(data.load_text(data_file=path, longest_window=4).valid) == 5
  with pytest.raises(ValueError, match="5 of them in the evaluation part, wanted at least 6"):
    data.load_text(data_file=path, longest_window=5)


def test_character_only_in_the_evaluation_part_is_unknown(text_file):
  path = text_file("ab" * 45 + "abababab€𝄞")
  corpus = data.load_text(data_file=path, most_unknown=1)
  assert corpus.vocabulary == (data.UNKNOWN, "a", "b")
  assert corpus.valid.tolist() == [1, 2, 1, 2, 1, 2, 1, 2, 0, 0]


def test_a_text_that_is_mostly_unknown_is_refused(text_file):
  """Of the evaluation part: the share is recorded, warned of, and refused from a bound on."""
  known, other = "ab" * 450, "abcdefghij" * 10
  few = data.load_text(data_file=text_file(known + "ab" * 48 + "abcd"))
  assert few.unknown == 0.02
  with pytest.warns(UserWarning, match="evaluation part 10% are characters .* not among the 2"):
    some = data.load_text(data_file=text_file(known + "ab" * 45 + other[:10] + "cd"))
  assert some.unknown == pytest.approx(0.1, abs=0.01)
  with pytest.raises(ValueError, match="evaluation part 80% .* wanted at most 25%"):
    data.load_text(data_file=text_file(known + other))


def test_characters_beyond_the_first_plane(text_file):
  corpus = data.load_text(data_file=text_file("𝄞a" * 50))
  assert corpus.vocabulary == (data.UNKNOWN, "a", "𝄞")
  assert corpus.train.tolist() == [2, 1] * 45


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ({"data": "wbe"}, "data: got 'wbe', wanted one of web, kjv, bbe. .* data_file"),
    ({"data": None}, "data: got None, wanted one of"),
    ({"max_bytes": 0, "data_file": "x"}, "max_bytes: got 0, wanted at least 1"),
    ({"max_vocabulary": 1}, "max_vocabulary: got 1, wanted at least 2"),
    ({"longest_window": 0}, "longest_window: got 0, wanted at least 1"),
    ({"longest_window": 500_000}, "data: got 'web' .* evaluation part, wanted at least 500001"),
  ],
)
def test_bad_argument_is_refused(arguments, message):
  with pytest.raises(ValueError, match=message):
    data.load_text(**arguments)


def test_training_windows_are_pieces_of_the_text():
  ids = np.arange(100, 120, dtype=np.int32)
  windows = np.asarray(data.sample_windows(jnp.asarray(ids), 4, 4000, jax.random.key(0)))
  assert windows.shape == (4000, 5) and windows.dtype == np.int32
  np.testing.assert_array_equal(windows, windows[:, :1] + np.arange(5, dtype=np.int32))
  # All 16 places occur, the first and the last included, and about equally often.
  starts, counts = np.unique(windows[:, 0], return_counts=True)
  assert starts.tolist() == list(range(100, 116))
  assert counts.min() > 250 * 0.7 and counts.max() < 250 * 1.3


def test_training_windows_inside_a_vmapped_scan():
  ids = jnp.arange(50, dtype=jnp.int32)

  def lane(key):
    draw = lambda key, _: (
      jax.random.split(key)[0],
      data.sample_windows(ids, 8, 3, jax.random.split(key)[1]),
    )
    return jax.lax.scan(draw, key, length=4)[1]

  keys = jax.random.split(jax.random.key(7), 2)
  lanes = jax.jit(jax.vmap(lane))(keys)
  assert lanes.shape == (2, 4, 3, 9)
  key = keys[1]
  for step in range(4):
    key, draw = jax.random.split(key)
    np.testing.assert_array_equal(lanes[1, step], data.sample_windows(ids, 8, 3, draw))
  assert len(np.unique(np.asarray(lanes)[..., 0])) > 8


def test_shortest_text_has_one_training_window():
  ids = jnp.arange(5, dtype=jnp.int32)
  windows = data.sample_windows(ids, 4, 3, jax.random.key(1))
  np.testing.assert_array_equal(windows, [[0, 1, 2, 3, 4]] * 3)
  with pytest.raises(ValueError, match="ids: got 5 characters, wanted at least 6"):
    data.sample_windows(ids, 5, 3, jax.random.key(1))
  with pytest.raises(ValueError, match="length: got 0, wanted at least 1"):
    data.sample_windows(ids, 0, 3, jax.random.key(1))
  with pytest.raises(ValueError, match="rank"):
    data.sample_windows(ids[None], 2, 3, jax.random.key(1))


@pytest.mark.parametrize("characters", [129, 1000, 4099])
def test_evaluation_windows_predict_the_same_characters_at_every_length(characters):
  ids = np.arange(characters, dtype=np.int32)
  predicted = {}
  for multiple in (1, 2, 4, 8):
    windows = data.evaluation_windows(ids, 8 * multiple, 16 // multiple, block=64)
    assert windows.shape == (16 // multiple, 8 * multiple + 1) and windows.dtype == np.int32
    assert (np.diff(windows, axis=1) == 1).all()
    predicted[multiple] = sorted(windows[:, 1:].ravel().tolist())
    assert len(set(predicted[multiple])) == 128
  assert predicted[1] == predicted[2] == predicted[4] == predicted[8]


def test_evaluation_windows_are_spread_over_the_text():
  windows = data.evaluation_windows(np.arange(10_001, dtype=np.int32), 10, 20)
  np.testing.assert_array_equal(windows[:, 0], np.arange(20) * 500)
  again = data.evaluation_windows(np.arange(10_001, dtype=np.int32), 10, 20)
  np.testing.assert_array_equal(windows, again)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ({"length": 0, "count": 1}, "length, count: got 0, 1, wanted at least 1 each"),
    ({"length": 1, "count": 0}, "length, count: got 1, 0, wanted at least 1 each"),
    ({"length": 4, "count": 4, "block": 6}, "block: got 6, wanted a multiple of length, 4,"),
    ({"length": 4, "count": 3, "block": 8}, r"block: got 8, .* divides count \* length, 12"),
    ({"length": 4, "count": 3, "block": 0}, "block: got 0"),
    ({"length": 4, "count": 5}, "ids: got 20 characters, wanted at least 21 for 5 windows"),
  ],
)
def test_bad_evaluation_windows_are_refused(arguments, message):
  with pytest.raises(ValueError, match=message):
    data.evaluation_windows(np.zeros(20, np.int32), **arguments)


def test_exactly_enough_text_for_the_evaluation():
  windows = data.evaluation_windows(np.arange(21, dtype=np.int32), 4, 5)
  assert windows[-1].tolist() == [16, 17, 18, 19, 20]
