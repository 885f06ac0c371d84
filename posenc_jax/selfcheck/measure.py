# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One measurement each: how far an implementation is from the reference, and how fast it is."""

import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax._kinds import combine, partition
from posenc_jax.attention import attend, explain
from posenc_jax.selfcheck.cases import Case, arrays

HEADS = {"n": 4, "k": 4, "h": 64}
# Largest error beside the largest number of an array. Products of bfloat16 keep 8 bits.
TOLERANCE = {"float32": 2e-4, "bfloat16": 4e-2}


def small(case: Case) -> dict[str, int]:
  """The sizes at which values are compared."""
  return {"t": case.t, **HEADS}


def choices(case: Case, dtype: str, sizes: dict[str, int]) -> tuple[str, dict[str, str | None]]:
  """(what ``auto`` takes, why others cannot) of a case on this device."""
  q, k, v, _ = (jax.ShapeDtypeStruct(x.shape, dtype)
                for x in jax.eval_shape(lambda: arrays(case, **sizes)))
  found = explain(q, k, v, case.make(sizes["n"], sizes["h"]), **case.options(sizes["t"]))
  return found.chosen, found.obstacles


def program(case: Case, implementation: str, dtype: str, sizes: dict[str, int]):
  """A function of (q, k, v, gradient of the output, parameters of the encoding), and those arrays.

  It returns the output and the gradients of q, k, v and of the parameters.
  """
  parameters, rest = partition(case.make(sizes["n"], sizes["h"]))

  def f(q, k, v, parameters):
    return attend(q, k, v, combine(parameters, rest), implementation=implementation,
                  **case.options(sizes["t"]))

  def both(q, k, v, gradient, parameters):
    out, pull = jax.vjp(f, q, k, v, parameters)
    return out, *pull(gradient.astype(out.dtype))

  q, k, v, gradient = (x.astype(dtype) for x in arrays(case, **sizes))
  return both, (q, k, v, gradient, parameters)


def values(case: Case, implementation: str, dtype: str):
  """A program that is ready to be compiled, and its arrays: the output and all gradients."""
  both, given = program(case, implementation, dtype, small(case))
  # Products of float32 in full, which TPUs and GPUs round otherwise; kernels refuse the word for
  # bfloat16, whose products are exact anyhow.
  with jax.default_matmul_precision("highest" if dtype == "float32" else None):
    return jax.jit(both).lower(*given), given


def on_host(tree: Any) -> list[np.ndarray]:
  """The arrays of a tree as float64."""
  return [np.asarray(x.astype(jnp.float32), np.float64) for x in jax.tree.leaves(tree)]


def distance(got: list[np.ndarray], wanted: list[np.ndarray]) -> float:
  """The largest error of any array beside its own largest number; infinite where not finite."""
  worst = 0.0
  for a, b in zip(got, wanted, strict=True):
    if not np.isfinite(a).all():
      return float("inf")
    if b.size:
      worst = max(worst, float(np.abs(a - b).max()) / max(float(np.abs(b).max()), 1e-3))
  return worst


def timed(case: Case, implementation: str, dtype: str, sizes: dict[str, int]):
  """Two programs that are ready to be compiled (forward, both passes), and their arrays."""
  both, given = program(case, implementation, dtype, sizes)
  forward = jax.jit(lambda *args: both(*args)[0])
  return (forward.lower(*given), jax.jit(both).lower(*given)), given


def compiled(lowered: Any) -> tuple[Any, float]:
  """The compiled programs of a tree of lowered ones, and the seconds that it took."""
  start = time.perf_counter()
  return jax.tree.map(lambda one: one.compile(), lowered), time.perf_counter() - start


def speed(programs: tuple[Any, Any], given, seconds: float = 0.4) -> dict[str, Any]:
  """Milliseconds of the forward pass and of both, and MiB of temporary memory of both."""
  memory = programs[1].memory_analysis()
  return {"forward_ms": _milliseconds(programs[0], given, seconds),
          "both_ms": _milliseconds(programs[1], given, seconds),
          "temporary_mib": None if memory is None else round(memory.temp_size_in_bytes / 2**20, 1)}


def _milliseconds(compiled, given, seconds) -> float:
  """Median of at least three calls after one that is not counted, to three digits."""
  jax.block_until_ready(compiled(*given))
  times: list[float] = []
  while len(times) < 3 or (sum(times) < seconds and len(times) < 50):
    start = time.perf_counter()
    jax.block_until_ready(compiled(*given))
    times.append(time.perf_counter() - start)
  return float(f"{1e3 * statistics.median(times):.3g}")
