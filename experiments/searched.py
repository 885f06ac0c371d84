# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LongRoPE's factors for trained models, searched on text that no evaluation reads, and kept."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import extended, extension
from experiments.extension import Rope
from posenc_jax import functions
from posenc_jax.sweeps import files
from posenc_jax.sweeps.fingerprint import Fingerprints

FILE = "longrope.json"


@dataclasses.dataclass(frozen=True)
class Settings:
  """How long to search: the paper has a population of 64 and 40 rounds.

  Attributes:
    population: candidates; half of them are parents, and half as many mutants and crosses each are
      added in a round.
    rounds: of the evolution.
    tokens: of text that each candidate is judged by.
  """

  population: int = 16
  rounds: int = 8
  tokens: int = 2048


@dataclasses.dataclass(frozen=True, eq=False)
class Judge:
  """What candidates are judged by.

  Attributes:
    rows: a length to int32 ``[M, length + 1]`` that nothing is evaluated on.
    last: how many targets of a row count, from its end; 0 for all.
    data: identifies the rows of all lengths.
  """

  rows: Callable[[int], np.ndarray]
  last: int
  data: str


def losses(models: Mapping[int, Any], judge: Judge, rope: Rope, factor: int):
  """A function of (seed, factors) to nats of a token that counts.

  Args:
    models: by seed.
    judge: what they are judged by, in rows of s L tokens.
    rope: what the models were trained with.
    factor: s.
  """
  windows = jnp.asarray(judge.rows(factor * rope.length))
  start = extension.longrope(rope, factor, [1.0] * (rope.dim // 2))
  parts = {seed: extended.swapped(model, start) for seed, model in models.items()}

  @jax.jit
  def nats(params, numbers, windows):
    logits = extended.logits_of(graph, params, numbers, windows[:, :-1], 1)
    each = optax.softmax_cross_entropy_with_integer_labels(
      logits.astype(jnp.float32), windows[:, 1:])
    return jnp.mean(each[:, -judge.last:])  # -0 is the first

  graph = next(iter(parts.values())).graph

  def loss(seed: int, factors: np.ndarray) -> float:
    e = extension.longrope(rope, factor, factors.tolist())
    rest = extended.with_numbers(parts[seed].rest, e)
    numbers = jax.tree.map(lambda x: jnp.asarray(x)[None], rest)
    return float(nats(parts[seed].params, numbers, windows))

  return loss


def search(models: Mapping[int, Any], digest: str, judge: Judge, rope: Rope,
           factors: tuple[int, ...], settings: Settings, directory: pathlib.Path
           ) -> dict[tuple[int, int], tuple[float, ...]]:
  """(seed, s) to LongRoPE's factors; those that the directory has are not searched again.

  A search that was done by other code or with other settings, rows or weights is done anew.

  Args:
    models: by seed.
    digest: of their weights.
    judge, rope: as for ``losses``.
    factors: s, several.
    settings: of the search.
    directory: holds FILE, written after each search.

  Returns:
    Tuples of dim // 2 numbers.
  """
  code = Fingerprints().source(losses=losses, longrope_search=functions.longrope_search)
  made = hashlib.sha256(repr((digest, judge.data, judge.last, rope, settings, code)).encode()
                        ).hexdigest()
  kept = _read(directory / FILE)
  kept: dict[str, Any] = kept if kept.get("made") == made else {"made": made}
  found = {}
  for factor in factors:
    loss = None
    for seed in models:
      name = f"seed {seed}, factor {factor}"
      if name not in kept:
        loss = loss or losses(models, judge, rope, factor)
        some = max(settings.population // 2, 1)
        best, least, history = functions.longrope_search(
          lambda x, loss=loss, seed=seed: loss(seed, x), rope.dim, factor=float(factor), seed=seed,
          base=rope.base, original=rope.length, population=settings.population,
          rounds=settings.rounds, mutants=some, crosses=some, parents=some)
        kept[name] = {"factors": best.round(6).tolist(), "loss": least, "history": history}
        files.make_directory(directory)
        files.write_atomic(directory / FILE, json.dumps(kept, indent=1).encode())
      found[seed, factor] = tuple(kept[name]["factors"])
  return found


def _read(path: pathlib.Path) -> dict[str, Any]:
  try:
    found = json.loads(files.read(path))
  except (OSError, ValueError):
    return {}
  return found if isinstance(found, dict) else {}
