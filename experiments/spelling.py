# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Texts as token ids and back: a released model's tokenizer, bytes, characters, or ids alone."""

import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np

from experiments import data as data_lib
from experiments import texts
from posenc_jax._errors import explain_fault, value_error

UNFINISHED = "\ufffd"  # what a decoder shows of a character whose bytes are not all there


@dataclasses.dataclass(frozen=True)
class Spelling:
  """How a text becomes ids.

  Attributes:
    name: for messages.
    encode: a text to ids; raises ValueError if it cannot.
    decode: ids to a text, with a replacement character at the end of unfinished ones.
  """

  name: str
  encode: Callable[[str], list[int]]
  decode: Callable[[Sequence[int]], str]


def of_directory(path: str) -> Spelling:
  """The tokenizer of a released model, in its tokenizer.json.

  Raises:
    ValueError: there is none, or it cannot be read.
    ImportError: the package that reads it is not installed.
  """
  file = os.path.join(path, "tokenizer.json")
  ways = "Give ids as --tokens=1,2,3, or --bytes if the ids are bytes"
  if not os.path.isfile(file):
    raise value_error("--prompt", f"a text, and no {file}", "a model with a tokenizer.json", ways)
  try:
    import tokenizers
  except ImportError as error:
    raise ImportError(explain_fault(
      "--prompt", f"a text for {file}", "the package tokenizers to read it with",
      f"Install it: pip install tokenizers. Or: {ways[0].lower()}{ways[1:]}")) from error
  try:
    made = tokenizers.Tokenizer.from_file(file)
  except Exception as error:  # the reader raises Exception itself
    raise value_error("--prompt", f"a text, and {file}, which cannot be read ({error})",
                      "a tokenizer.json", ways) from error
  return Spelling("tokenizer.json", lambda text: made.encode(text).ids,
                  lambda ids: made.decode(list(ids), skip_special_tokens=False))


def of_bytes() -> Spelling:
  """The bytes of a text in UTF-8; larger ids stand in the text by number.

  Example:
    >>> of_bytes().encode("né"), of_bytes().decode([110, 195, 169, 300])
    ([110, 195, 169], 'né<300>')
  """
  def decode(ids: Sequence[int]) -> str:
    parts = [bytes([i]) if i < 256 else f"<{i}>".encode() for i in ids]
    return b"".join(parts).decode("utf-8", errors="replace")

  return Spelling("bytes", lambda text: list(text.encode()), decode)


def of_characters(vocabulary: tuple[str, ...]) -> Spelling:
  """The characters of a corpus; a text with others is refused.

  Example:
    >>> of_characters((data_lib.UNKNOWN, "a", "b")).encode("abba")
    [1, 2, 2, 1]
  """
  def encode(text: str) -> list[int]:
    strange = sorted(set(text) - set(vocabulary))
    if strange:
      raise value_error("--prompt", f"the characters {strange}", "those of the text that the model "
                        f"was trained on: {''.join(c for c in vocabulary if len(c) == 1)!r}",
                        "Leave them out")
    return data_lib.encode(text, vocabulary).tolist()

  return Spelling("characters", encode,
                  lambda ids: data_lib.decode(np.asarray(ids, np.int32), vocabulary))


def of_ids() -> Spelling:
  """The ids themselves, by number.

  Example:
    >>> of_ids().decode([5, 12])
    '5 12'
  """
  return Spelling("ids", lambda text: [int(word) for word in text.split()],
                  lambda ids: " ".join(map(str, ids)))


class Stream:
  """Pieces of a text as its ids come, each character once and whole.

  Args:
    spelling: of the ids.
    prompt: the ids that come before; their text is taken as told.

  Example:
    >>> stream = Stream(of_bytes(), [110])
    >>> [stream.add(i) for i in (195, 169, 33)], stream.end()
    (['', 'é', '!'], '')
  """

  def __init__(self, spelling: Spelling, prompt: Sequence[int]):
    self.spelling, self.ids = spelling, list(prompt)
    self.told = len(spelling.decode(self.ids))

  def add(self, token: int) -> str:
    """What this id adds to the text."""
    self.ids.append(token)
    text = self.spelling.decode(self.ids)
    return "" if text.endswith(UNFINISHED) else self._tell(text)

  def end(self) -> str:
    """What was held back."""
    return self._tell(self.spelling.decode(self.ids))

  def _tell(self, text: str) -> str:
    piece, self.told = text[self.told:], max(len(text), self.told)
    return _printable(piece)


def _printable(piece: str) -> str:
  """Without what a terminal would act on: a model may write anything."""
  return texts.clean(piece)
