# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Text as character ids: corpora, training windows and evaluation windows.

Training windows are drawn on the device, inside a scan. Evaluation windows are fixed, and
windows of different lengths can predict exactly the same characters, so that a loss at 8 times
the training length differs from the loss at the training length by its context alone.

Measured with version 0.0.2 of the text packages: the World English Bible has 4,032,055 characters
of 76 kinds, line ends included, the King James Version 4,181,639 of 68, the Bible in Basic English
4,176,111 of 67. The books in ``VALIDATION_BOOKS`` are 9.8 and 9.9 percent of the first two.
"""

import collections
import dataclasses
import hashlib
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np

from experiments import texts
from posenc_jax._errors import explain_fault, value_error

# Whole books, one a genre, so that no verse for validation has neighbours in the training part, nor
# a parallel account there: Leviticus (law), Ruth and Esther (tales; Judges and Kings are retold
# elsewhere), Proverbs (sayings), Amos (prophecy), John (the gospel that shares least with the
# other three), Hebrews (letter).
VALIDATION_BOOKS = (3, 8, 17, 20, 30, 43, 58)

UNKNOWN = "\ufffd"

MAX_BYTES = 64 << 20
MAX_VOCABULARY = 2048
MOST_UNKNOWN = 0.25  # of the evaluation part; with more, a loss says nothing of the text


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
  """A text as character ids, in two parts.

  Attributes:
    name: the translation's short name, or the file's name without its folders.
    train: int32 ids of the part to train on.
    valid: int32 ids of the part to evaluate on.
    vocabulary: the character of each id; id 0 is every character that has no id of its own.
    sha256: of the file's bytes, or of a translation's text in UTF-8.
    size: the number of those bytes.
  """

  name: str
  train: np.ndarray
  valid: np.ndarray
  vocabulary: tuple[str, ...]
  sha256: str
  size: int

  @property
  def unknown(self) -> float:
    """Which share of the evaluation part has no id of its own."""
    return float(np.mean(self.valid == 0))


def build_vocabulary(
  text: str, *, max_vocabulary: int, special: tuple[str, ...]
) -> tuple[str, ...]:
  """Returns the special symbols and then the text's most frequent characters by code point.

  Args:
    text: whose characters are counted; equally frequent ones are taken in code point order.
    max_vocabulary: the most symbols there may be, special ones included.
    special: symbols that come first, whether or not the text has them.

  Returns:
    At most ``max_vocabulary`` symbols.

  Raises:
    ValueError: there is no room for a single character.
  """
  if max_vocabulary <= len(special):
    raise value_error("max_vocabulary", max_vocabulary, f"at least {len(special) + 1}, for "
                      f"{len(special)} special symbols and one character", "Raise it")
  counts = collections.Counter(text)
  del counts[UNKNOWN]
  frequent = sorted(counts, key=lambda character: (-counts[character], character))
  return special + tuple(sorted(frequent[: max_vocabulary - len(special)]))


def encode(text: str, vocabulary: tuple[str, ...]) -> np.ndarray:
  """Returns the text's ids, int32 [len(text)]; characters outside the vocabulary are UNKNOWN."""
  table = np.full(0x110000, vocabulary.index(UNKNOWN), np.int32)
  for index, symbol in enumerate(vocabulary):
    if len(symbol) == 1:
      table[ord(symbol)] = index
  return table[np.frombuffer(text.encode("utf-32-le"), np.uint32)]


def decode(ids: np.ndarray, vocabulary: tuple[str, ...]) -> str:
  """Returns the text of the ids; special symbols are written out by name."""
  return "".join(vocabulary[index] for index in np.asarray(ids).tolist())


def load_text(
  data: str = "web",
  data_file: str | None = None,
  *,
  longest_window: int = 1,
  max_bytes: int = MAX_BYTES,
  max_vocabulary: int = MAX_VOCABULARY,
  most_unknown: float = MOST_UNKNOWN,
) -> Corpus:
  """Loads a corpus at character level: an installed translation, or a file of yours.

  "web" and "kjv" have one verse a line and are split by book (``VALIDATION_BOOKS``). "bbe", whose
  verse index is wrong (see ``texts``), and files are split by position: their last 10 percent is
  for evaluation. Colour codes and control characters are dropped.

  The vocabulary is counted on the training part alone. Beyond ``max_vocabulary`` the rarest
  characters share the id of UNKNOWN, as do characters that only the evaluation part has. Chinese
  text, with its thousands of characters, is the case in point: of 871 thousand characters of
  classics and technical prose (Debian's fortunes-zh) the default leaves 1.3 percent unknown.

  Args:
    data: "web", "kjv" or "bbe"; not looked at when there is a file.
    data_file: a UTF-8 text file.
    longest_window: the most characters that one window will predict; both parts must hold that
      many and one more.
    max_bytes: the longest file accepted.
    max_vocabulary: the most ids there may be, UNKNOWN included.
    most_unknown: the largest share of the evaluation part that may be unknown; from a fifth of it
      on there is a warning. 1 takes anything without a word.

  Returns:
    A Corpus.

  Raises:
    ValueError: an argument is out of range, the file cannot be used or is too short, or too
      much of its evaluation part is unknown.
    ImportError: the translation is not installed.
  """
  if longest_window < 1:
    raise value_error("longest_window", longest_window, "at least 1", "Raise it")
  if data_file is None:
    name = data
    if data in ("web", "kjv"):
      train, valid = _split_by_book(texts.bible_verses(data))
    else:
      train, valid = _split_by_position(texts.bible_text(data))
    content = (train + valid).encode()
    sha256, size = hashlib.sha256(content).hexdigest(), len(content)
  else:
    name = texts.file_name(data_file)
    text, sha256, size = texts.read_text_file(data_file, max_bytes=max_bytes)
    train, valid = _split_by_position(text)
  for part, characters in (("training", len(train)), ("evaluation", len(valid))):
    if characters <= longest_window:
      argument, given = ("data", data) if data_file is None else ("data_file", data_file)
      raise value_error(
        argument, f"{given!r} with {len(train) + len(valid)} characters, {characters} of them in "
        f"the {part} part", f"at least {longest_window + 1} for a window of {longest_window}",
        "Give a longer text or shorter windows")
  vocabulary = build_vocabulary(train, max_vocabulary=max_vocabulary, special=(UNKNOWN,))
  train, valid = encode(train, vocabulary), encode(valid, vocabulary)
  corpus = Corpus(name, train, valid, vocabulary, sha256, size)
  _check_unknown(corpus, most_unknown)
  return corpus


def _check_unknown(corpus: Corpus, most: float) -> None:
  """Raises, or warns, if too many characters to be evaluated share the id of UNKNOWN."""
  if corpus.unknown <= most / 5 or most >= 1:
    return
  fault = explain_fault(
    "data_file", f"{corpus.name!r}, of whose evaluation part {corpus.unknown:.0%} are characters "
    f"that are not among the {len(corpus.vocabulary) - 1} most frequent ones of "
    "the training part", f"at most {most:.0%}",
    "Give a text whose end is like its beginning, or a longer one")
  if corpus.unknown > most:
    raise ValueError(fault)
  warnings.warn(fault, stacklevel=3)


def sample_windows(
  ids: jax.Array, length: int, batch: int, key: jax.Array, *, counted: jax.Array | None = None
) -> jax.Array:
  """Draws training windows at random, on the device: for the inside of a jitted scan.

  Args:
    ids: integers [characters].
    length: how many characters a window predicts; static.
    batch: how many windows; static.
    key: a PRNG key.
    counted: how many of them count, at most ``length``; may be traced. Where windows start depends
      on this number alone, so a lane that counts 32 of 64 trains on the text that it would train on
      with a length of 32. By default all count.

  Returns:
    int32 [batch, length + 1]: ``[:, :-1]`` goes in, ``[:, 1:]`` is to be predicted. The characters
    after those that count may be any.

  Raises:
    ValueError: no window fits.
  """
  chex.assert_rank(ids, 1, exception_type=ValueError)
  if length < 1:
    raise value_error("length", length, "at least 1", "Raise it")
  if ids.shape[0] <= length:
    raise value_error("ids", f"{ids.shape[0]} characters", f"at least {length + 1} for a window of "
                      f"{length}", "Give a longer text or shorter windows")
  last = ids.shape[0] - (length if counted is None else counted)
  starts = jax.random.randint(key, (batch,), 0, last)
  window = starts[:, None] + jnp.arange(length + 1)[None, :]
  return ids[jnp.minimum(window, ids.shape[0] - 1)].astype(jnp.int32)


def evaluation_windows(
  ids: np.ndarray, length: int, count: int, *, block: int | None = None
) -> np.ndarray:
  """Cuts fixed windows that predict no character twice, spread evenly over the text.

  ``count * length / block`` blocks of ``block`` characters are spread over the text, and each is
  cut into windows of ``length``. With the same block and the same ``count * length``, windows of
  every length that divides the block predict exactly the same characters: only how much comes
  before them differs. So take the longest evaluation length as the block.

  Args:
    ids: int32 [characters].
    length: how many characters a window predicts.
    count: how many windows.
    block: a multiple of ``length`` that divides ``count * length``; by default ``length``.

  Returns:
    int32 [count, length + 1]: ``[:, :-1]`` goes in, ``[:, 1:]`` is to be predicted. Inside a
    block, the last target of a window is the first input of the next.

  Raises:
    ValueError: the numbers do not divide or the text is too short.

  Example:
    >>> evaluation_windows(np.arange(11, dtype=np.int32), 2, 4, block=4)
    array([[0, 1, 2],
           [2, 3, 4],
           [5, 6, 7],
           [7, 8, 9]], dtype=int32)
  """
  block = length if block is None else block
  if length < 1 or count < 1:
    raise value_error("length, count", f"{length}, {count}", "at least 1 each", "Raise them")
  if block < 1 or block % length or count * length % block:
    raise value_error("block", block, f"a multiple of length, {length}, that divides count * "
                      f"length, {count * length}", "Leave it out to take the length")
  blocks = count * length // block
  stride = (len(ids) - 1) // blocks
  if stride < block:
    raise value_error("ids", f"{len(ids)} characters", f"at least {count * length + 1} for {count} "
                      f"windows of {length}", "Give a longer text, or fewer or shorter windows")
  block_starts = np.arange(blocks)[:, None] * stride
  starts = (block_starts + np.arange(0, block, length)[None, :]).reshape(count, 1)
  return np.asarray(ids)[starts + np.arange(length + 1)[None, :]]


def _split_by_book(verses: dict[int, str]) -> tuple[str, str]:
  parts = {False: [], True: []}
  for verse, text in verses.items():
    parts[verse // 1_000_000 in VALIDATION_BOOKS].append(text + "\n")
  return "".join(parts[False]), "".join(parts[True])


def _split_by_position(text: str) -> tuple[str, str]:
  border = len(text) - len(text) // 10
  return text[:border], text[border:]
