# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Timing rivals side by side: interleaved, warmed up, medians."""

import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax


def cores() -> int:
  """How many cores of the processor this process may use."""
  return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def interleaved(rivals: Mapping[str, Callable[[], Any]], repeats: int,
                calls: int = 1) -> dict[str, float]:
  """Median seconds of each call; rounds go through all rivals, so that noise meets all alike.

  Each round has an order of its own, as a call's time depends on what ran just before it; for the
  same reason each timed call follows an untimed one of its own, and waits until the process is
  idle.

  Args:
    rivals: functions without arguments, whose results are waited for.
    repeats: timed rounds, after an untimed one.
    calls: of each rival in a round, one after the other, waited for once: on a GPU a call alone
      is timed with what it takes to ask for it.

  Returns:
    Seconds of a call by name.
  """
  times: dict[str, list[float]] = {name: [] for name in rivals}
  order, draw = list(rivals), random.Random(0)
  for turn in range(repeats + 1):
    draw.shuffle(order)
    for name in order:
      call = rivals[name]
      _wait(call())
      settle()
      start = time.perf_counter()
      for _ in range(calls):
        last = call()
      _wait(last)
      if turn >= 1:
        times[name].append((time.perf_counter() - start) / calls)
  return {name: statistics.median(t) for name, t in times.items()}


def _wait(result: Any) -> None:
  """Until JAX's result is there, and torch's GPU, where torch has been used, is idle."""
  jax.block_until_ready(result)
  torch = sys.modules.get("torch")
  if torch is not None and torch.cuda.is_initialized():
    torch.cuda.synchronize()


def settle() -> None:
  """Sleeps until the process is idle: threads that wait actively, memory that is given back.

  Giving back a few GiB takes longer than what is timed next, and goes on after the result is there.
  Threads that serve a GPU never rest, and what they do is no noise there.
  """
  if jax.default_backend() != "cpu":
    return
  for _ in range(200):
    used = time.process_time()
    time.sleep(0.01)
    if time.process_time() - used < 0.001:
      return


def temporary_bytes(function: Callable, *args: Any) -> int:
  """Bytes of temporary memory that the compiled function needs; nothing is run."""
  analysis = jax.jit(function).lower(*args).compile().memory_analysis()
  return int(analysis.temp_size_in_bytes)
