# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""StreamingLLM: positions inside a cache of the first tokens and the latest ones.

Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks", arXiv 2309.17453,
section 3.2. A pure function of which token a slot holds: no cache is kept or shifted here. Keys are
cached raw and turned on read, at the ids of that moment.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax.encodings import _checks


def streaming_slots(index: Any, count: Any, *, sinks: int = 4, window: int = 1020) -> jax.Array:
  """Where each token stands in the cache once ``count`` tokens were seen; -1 if it was evicted.

  Args:
    index: int ``[..., S]``, which token of the text a slot holds, counted from 0, in any order; -1
      for an empty slot.
    count: int, how many tokens were seen, the newest one included: ``[...]``, as the batch axes of
      index.
    sinks: how many of the first tokens stay.
    window: how many of the latest ones stay.

  Returns:
    int32 ``[..., S]``, below sinks + window: the id of the slot's token; -1 where the token was
    evicted or is not there yet, which a mask must hide.

  Raises:
    TypeError: indices or counts that are no integers, sizes that are no ints.
    ValueError: sinks < 0, window < 1.

  Example:
    >>> streaming_slots(jnp.arange(6), 6, sinks=1, window=3).tolist()
    [0, -1, -1, 1, 2, 3]

  References:
    Xiao et al. 2023, arXiv 2309.17453, section 3.2: ids are those of the cache, not of the text.
  """
  sinks = _checks.size("sinks", sinks, "The paper keeps 4", least=0)
  window = _checks.size("window", window, "The paper keeps 1020 beside 4 sinks")
  index = jnp.asarray(_checks.positions(index, "index"))
  count = jnp.asarray(count if isinstance(count, int) else _checks.positions(count, "count"),
                      jnp.int32)[..., None]
  count = count.reshape((1,) * (index.ndim - count.ndim) + count.shape)
  evicted = jnp.maximum(count - (sinks + window), 0)
  moved = index - evicted
  ids = jnp.where(index < sinks, index, jnp.where(moved >= sinks, moved, -1))
  return jnp.where((index >= 0) & (index < count), ids, -1)
