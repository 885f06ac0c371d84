# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sentence pairs as padded character ids, for the encoder-decoder.

By default they are verses of the King James Version and of the World English Bible, the same
verse id on either side: early modern English into today's.
"""

import dataclasses
import hashlib

import numpy as np

from experiments import data, texts
from posenc_jax._errors import counted, value_error

PADDING, BEGIN, END = "<padding>", "<begin>", "<end>"


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
  """Sentence pairs as padded character ids, in two parts.

  Attributes:
    name: "kjv-web", or the file's name without its folders.
    train: int32 sources [M, longest] and targets [M, longest + 2]. A target is BEGIN, its
      characters, END; both are filled up with PADDING, which is id 0.
    valid: the same for the part to evaluate on.
    vocabulary: the character of each id, shared by both sides; the first four ids are PADDING,
      UNKNOWN, BEGIN and END.
    sha256: of the file's bytes, or of all the translations' pairs in UTF-8.
    size: the number of those bytes.
  """

  name: str
  train: tuple[np.ndarray, np.ndarray]
  valid: tuple[np.ndarray, np.ndarray]
  vocabulary: tuple[str, ...]
  sha256: str
  size: int


def load_pairs(
  data_file: str | None = None,
  *,
  longest: int = 128,
  max_bytes: int = data.MAX_BYTES,
  max_vocabulary: int = data.MAX_VOCABULARY,
) -> Pairs:
  """Loads sentence pairs at character level: King James to World English verses, or your file.

  Of the 31,099 verses that both translations have, 16,043 have at most 128 characters on either
  side, and 30,002 at most 256. They are split by book; a file's last 10 percent of lines is for
  evaluation.

  Args:
    data_file: a UTF-8 file with one pair a line, source and target separated by one tab.
    longest: pairs with more characters than this on either side are left out.
    max_bytes: the longest file accepted.
    max_vocabulary: the most ids there may be, the four special ones included.

  Returns:
    Pairs.

  Raises:
    ValueError: an argument is out of range, the file cannot be used, a line is not a pair, or
      no pair is left in one of the parts.
    ImportError: a translation is not installed.
  """
  if longest < 1:
    raise value_error("longest", longest, "at least 1", "Raise it")
  if data_file is None:
    old, new = texts.bible_verses("kjv"), texts.bible_verses("web")
    rows = [(verse, (old[verse], new[verse])) for verse in old if verse in new]
    content = "".join(f"{source}\t{target}\n" for _, (source, target) in rows).encode()
    name, sha256, size = "kjv-web", hashlib.sha256(content).hexdigest(), len(content)
    train = [pair for verse, pair in rows if verse // 1_000_000 not in data.VALIDATION_BOOKS]
    valid = [pair for verse, pair in rows if verse // 1_000_000 in data.VALIDATION_BOOKS]
  else:
    text, sha256, size = texts.read_text_file(data_file, max_bytes=max_bytes)
    pairs = _split_lines(text, data_file)
    name, border = texts.file_name(data_file), len(pairs) - len(pairs) // 10
    train, valid = pairs[:border], pairs[border:]
  train, valid = (
    [pair for pair in part if max(map(len, pair)) <= longest] for part in (train, valid)
  )
  if not train or not valid:
    raise value_error(
      "data_file" if data_file else "longest", f"{name!r} with {len(train)} training and "
      f"{len(valid)} evaluation pairs of at most {longest} characters a side",
      "at least 1 of each", "Raise longest or give more pairs")
  vocabulary = data.build_vocabulary(
    "".join(source + target for source, target in train),
    max_vocabulary=max_vocabulary,
    special=(PADDING, data.UNKNOWN, BEGIN, END),
  )
  arrays = [_pad_pairs(part, vocabulary, longest) for part in (train, valid)]
  return Pairs(name, *arrays, vocabulary, sha256, size)


def _split_lines(text: str, data_file: str) -> list[tuple[str, str]]:
  pairs = []
  for number, line in enumerate(text.split("\n"), start=1):
    if not line.strip():
      continue
    sides = line.split("\t")
    if len(sides) != 2 or not all(map(str.strip, sides)):
      raise value_error(
        "data_file", f"{data_file!r}, {counted(len(sides) - 1, 'tab')} or an empty side in "
        f"line {number}",
        "a source, one tab and a target in each line", "Mend the line")
    pairs.append((sides[0], sides[1]))
  return pairs


def _pad_pairs(
  pairs: list[tuple[str, str]], vocabulary: tuple[str, ...], longest: int
) -> tuple[np.ndarray, np.ndarray]:
  sources = np.full((len(pairs), longest), vocabulary.index(PADDING), np.int32)
  targets = np.full((len(pairs), longest + 2), vocabulary.index(PADDING), np.int32)
  targets[:, 0] = vocabulary.index(BEGIN)
  # All texts are encoded in one go: one call a verse would build the table 60,000 times.
  ids = data.encode("".join(source + target for source, target in pairs), vocabulary)
  start = 0
  for row, (source, target) in enumerate(pairs):
    middle, stop = start + len(source), start + len(source) + len(target)
    sources[row, : len(source)] = ids[start:middle]
    targets[row, 1 : len(target) + 1] = ids[middle:stop]
    targets[row, len(target) + 1] = vocabulary.index(END)
    start = stop
  return sources, targets
