# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""StreamingLLM, Xiao et al. 2023 (2309.17453), by a cache that evicts and renumbers its keys."""


def cache(m, *, sinks, window):
  """Positions of the tokens in the cache once token m is in it, in the order of its slots."""
  held = []
  for token in range(m + 1):
    held.append(token)
    if len(held) > sinks + window:
      del held[sinks]
  return held


def relative(m, n, *, sinks, window):
  """Slot of m minus slot of n, None where n has been evicted."""
  held = cache(m, sinks=sinks, window=window)
  return len(held) - 1 - held.index(n) if n in held else None
