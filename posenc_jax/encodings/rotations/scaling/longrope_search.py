# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The search for LongRoPE's factors: an evolution on the host, around a loss that you give.

Ding et al. 2024, arXiv 2402.13753, section 3.3 and algorithm 1.
Differs from the paper: how many first tokens stay unscaled is not searched, as in the released
code, and the range ends at 1 + s, as there. Every candidate is projected to factors that do not
decrease, where the paper rejects those that do.
"""

from collections.abc import Callable

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.scaling import _host
from posenc_jax.encodings.rotations.scaling.yarn import yarn_frequencies


def longrope_search(evaluate: Callable[[np.ndarray], float], dim: int, *, factor: float, seed: int,
                    base: float = 10_000.0, original: int = 4096, population: int = 64,
                    rounds: int = 40, mutants: int = 16, crosses: int = 16, parents: int = 32,
                    probability: float = 0.3, step: float = 0.01
                    ) -> tuple[np.ndarray, float, list[float]]:
  """Searches lambda_i in [1, 1 + s], in steps, not decreasing with i, of the least loss.

  The first population holds interpolation, NTK and YaRN and mutants of them. Each round keeps the
  best ``parents``, and adds mutants (each factor is drawn anew with the probability) and crosses
  (each factor from one of two parents).

  Args:
    evaluate: factors float64 ``[dim // 2]`` to a loss, such as a perplexity on long texts; a NaN
      counts as the worst. Each list of factors is evaluated once.
    dim: r.
    factor: s, by how much the context grows, at least 1.
    seed: of the draws; the same seed and losses give the same result.
    base, original: B and L0, for the first population's NTK and YaRN.
    population, rounds, mutants, crosses, parents, probability, step: P, T, N1, N2, k, p and the
      grid, the paper's values.

  Returns:
    (factors float64 ``[dim // 2]``, their loss, the best loss before each round and at the end).

  Raises:
    ValueError: factor below 1, a size below 1, a probability outside [0, 1].

  Example:
    >>> far = lambda factors: abs(factors - [1.0, 1.5, 2.0, 3.0]).sum()
    >>> _, loss, history = longrope_search(far, 8, factor=4.0, seed=0, rounds=60)
    >>> bool(loss < 0.5), history[0] >= loss
    (True, True)

  References:
    Ding et al. 2024, arXiv 2402.13753, algorithm 1.
  """
  for name, size in (("population", population), ("rounds", rounds), ("parents", parents)):
    _checks.size(name, size, "The paper has 64, 40 and 32")
  for name, size in (("mutants", mutants), ("crosses", crosses)):
    _checks.size(name, size, "The paper has 16 of each", least=0)
  if factor < 1 or not 0 <= probability <= 1:
    raise _errors.value_error("factor, probability", (factor, probability),
                              "factor at least 1, probability in [0, 1]", "The paper's p is 0.3")
  _errors.check_positive("step", step, "The paper's grid has steps of 0.01")
  rng, losses = np.random.default_rng(seed), {}
  levels = int(round(factor / step))  # lambda = 1 + step * level, level in 0 .. levels

  def judged(level):
    level = np.maximum.accumulate(np.clip(level, 0, levels))
    key = tuple(level.tolist())
    if key not in losses:
      loss = float(evaluate(1 + step * level))
      losses[key] = np.inf if np.isnan(loss) else loss
    return losses[key], key

  def mutant(key):
    drawn = rng.integers(0, levels + 1, dim // 2)
    return judged(np.where(rng.random(dim // 2) < probability, drawn, key))

  def cross(a, b):
    return judged(np.where(rng.random(dim // 2) < 0.5, a, b))

  alive = [judged(np.rint((start - 1) / step).astype(int))
           for start in _starts(dim, factor, base, original)]
  some = lambda: alive[rng.integers(len(alive))][1]
  while len(alive) < population:
    alive.append(mutant(some()))
  history = []
  for _ in range(rounds):
    alive = sorted(set(alive))[:parents]
    history.append(alive[0][0])
    alive += [mutant(some()) for _ in range(mutants)] + [cross(some(), some())
                                                         for _ in range(crosses)]
  loss, best = min(alive)
  return 1 + step * np.asarray(best, np.float64), loss, [*history, loss]


def _starts(dim, factor, base, original):
  """Interpolation, NTK and YaRN as factors a pair."""
  _host.check_original(original)
  theta = _host.plain(dim, base)
  yarn = yarn_frequencies(dim, factor=factor, original=original, base=base)
  ntk = factor ** (np.arange(dim // 2) / max(dim // 2 - 1, 1))
  return np.full(dim // 2, float(factor)), ntk, theta / yarn
