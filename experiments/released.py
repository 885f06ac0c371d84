# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A released rotary model and a text of tokens for it."""

import dataclasses
import hashlib
import json
import os
from typing import Any

import jax
import numpy as np

import posenc_jax as px
from experiments import data as data_lib
from experiments import spelling, texts
from experiments.extension import Rope
from posenc_jax import nn
from posenc_jax._errors import describe, value_error

VALIDATION = 10  # a tenth of the text is held out, and a fifth of that is searched on
ORIGINAL = "original_max_position_embeddings"


@dataclasses.dataclass(frozen=True, eq=False)
class Released:
  """A model, what it was trained with, and its text.

  Attributes:
    model: a ``TransformerLM``.
    rope: its rotary, with the trained length.
    corpus: the text as the model's tokens.
  """

  model: Any
  rope: Rope
  corpus: data_lib.Corpus


def read(directory: str, text_file: str, *, bytes_are_ids: bool, length: int | None) -> Released:
  """Reads a model and a text.

  Args:
    directory: of the model.
    text_file: UTF-8.
    bytes_are_ids: whether tokens are the text's bytes; else tokenizer.json makes them.
    length: L; None takes max_position_embeddings.

  Raises:
    ValueError: it cannot be read, or has no single plain rotary; ImportError: no tokenizers.
  """
  try:
    model = nn.load_hf(directory)
  except (TypeError, KeyError, OSError) as error:
    raise ValueError(f"--hf: {error.args[-1] if error.args else error}") from error
  if not isinstance(model, nn.TransformerLM):
    raise value_error("--hf", f"{directory}, a {type(model).__name__}", "a language model that "
                      "reads from left to right", "Give another one")
  spells = spelling.of_bytes() if bytes_are_ids else spelling.of_directory(directory)
  text, sha256, size = texts.read_text_file(text_file, max_bytes=data_lib.MAX_BYTES)
  ids = np.asarray(spells.encode(text), np.int32)
  vocabulary = model.embedding.table.shape[0]
  if ids.size == 0 or ids.max() >= vocabulary:
    raise value_error("--data_file", f"{ids.size} tokens up to id {ids.max(initial=0)}",
                      f"tokens with ids below {vocabulary}", "Give a text, and the model's own "
                      "tokenizer.json")
  border = len(ids) - len(ids) // VALIDATION
  sha256 = hashlib.sha256(f"{sha256} {spells.name} {directory_digest(directory)}".encode())
  corpus = data_lib.Corpus(texts.file_name(text_file), ids[:border], ids[border:],
                           tuple(map(str, range(vocabulary))), sha256.hexdigest(), size)
  return Released(model, rope_of(model, _trained(directory, length)), corpus)


def directory_digest(directory: str) -> str:
  """A SHA-256 of config.json: which model it is; weights have their own."""
  with open(os.path.join(directory, "config.json"), "rb") as file:
    return hashlib.sha256(file.read()).hexdigest()


def _trained(directory: str, length: int | None) -> int:
  if length is not None:
    return length
  with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
    found = json.load(file).get("max_position_embeddings")
  if not isinstance(found, int) or found < 1:
    raise value_error("--trained_length", f"none, and max_position_embeddings={found!r}",
                      "a length", "Give --trained_length")
  return found


def rope_of(model: Any, length: int) -> Rope:
  """The one plain rotary of a model.

  Args:
    model: a ``TransformerLM``.
    length: it was trained at.

  Raises:
    ValueError: other encodings than one rotary, or frequencies that are edited already.
  """
  found = model.stack.encodings.encodings()
  wanted = "a model whose layers have the same rotary with frequencies base^(-2i/r)"
  mend = "Its context cannot be extended here"
  if not found or any(type(e) is not px.Rotary or not _alike(e, found[0]) for e in found):
    names = ", ".join(dict.fromkeys(describe(e) for e in found))
    raise value_error("--hf", f"a model with {names or 'no encoding'}", wanted, mend)
  radians = np.asarray(found[0].frequencies.radians)
  dim = 2 * len(radians)
  base = float(radians[1] ** (-dim / 2)) if dim > 2 else 0.0
  plain = base ** (-2 * np.arange(dim // 2) / dim) if dim > 2 else radians + 1
  if not np.allclose(radians, plain, rtol=1e-6) or float(found[0].attention_scaling) != 1.0:
    raise value_error("--hf", "a model whose rotary is scaled already", wanted, mend)
  return Rope(dim, length, round(base, 3), found[0].pairing)


def _alike(a: Any, b: Any) -> bool:
  """Whether two encodings have one structure and the same numbers."""
  leaves = [jax.tree.leaves(e) for e in (a, b)]
  return jax.tree.structure(a) == jax.tree.structure(b) and all(
    np.array_equal(x, y) for x, y in zip(*leaves, strict=True))
