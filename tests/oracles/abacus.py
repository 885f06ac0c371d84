# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracles of ids that follow from the text: Abacus, position coupling, BiPE, StreamingLLM."""


def abacus_positions(text):
  """The place of each digit inside its number, counted from 1; 0 for other characters."""
  ids, place = [], 0
  for character in text:
    place = place + 1 if character.isdigit() else 0
    ids.append(place)
  return ids


def coupled_addition(operands, answer, end):
  """Ids of "a+b=" and of the reversed answer, as the authors' code for addition has them.

  The last digit of each operand has end - 1 and the sign behind it end; the answer, last digit
  first, counts down from end - 1.
  """
  ids = []
  for number in operands:
    ids += list(range(end - len(number), end + 1))
  return ids + [end - 1 - i for i in range(len(answer))]


def bipe_positions(text, separators=".\n", limit=1024):
  """(offset in the segment, segments before) of every character."""
  ids, offset, segment = [], 0, 0
  for character in text:
    ids.append((min(offset, limit - 1), segment))
    offset += 1
    if character in separators:
      offset, segment = 0, segment + 1
  return ids


def streaming_cache(count, sinks, window):
  """The tokens in StreamingLLM's cache after ``count`` tokens, in order: id i is entry i."""
  cache = []
  for token in range(count):
    cache.append(token)
    if len(cache) > sinks + window:
      del cache[sinks]
  return cache
