# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Timing rivals side by side: interleaved, warmed up, medians."""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

PAUSE = 0.03  # seconds


def interleaved(rivals: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
  """Median seconds of each call; rounds go through all rivals, so that noise meets all alike.

  Each round has an order of its own, as a call's time depends on what ran just before it, and a
  pause before each call lets the threads of the one before stop waiting actively for more work.

  Args:
    rivals: functions without arguments, whose results are waited for.
    repeats: timed rounds, after two untimed ones.

  Returns:
    Seconds by name.
  """
  times: dict[str, list[float]] = {name: [] for name in rivals}
  order, draw = list(rivals), random.Random(0)
  for turn in range(repeats + 2):
    draw.shuffle(order)
    for name in order:
      call = rivals[name]
      time.sleep(PAUSE)
      start = time.perf_counter()
      jax.block_until_ready(call())
      if turn >= 2:
        times[name].append(time.perf_counter() - start)
  return {name: statistics.median(t) for name, t in times.items()}


def temporary_bytes(function: Callable, *args: Any) -> int:
  """Bytes of temporary memory that the compiled function needs; nothing is run."""
  analysis = jax.jit(function).lower(*args).compile().memory_analysis()
  return int(analysis.temp_size_in_bytes)
