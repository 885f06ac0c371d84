# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The parts of ``experiments.context_extension``: models, searched factors, measurements."""

import dataclasses
import hashlib
import math
import pathlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments import abilities, extended, language, maps, passkeys, searched
from experiments import data as data_lib
from experiments import released as released_lib
from experiments.extension import TRAINED, Rope
from posenc_jax import sweeps
from posenc_jax._errors import value_error

SEARCHED = 5  # a fifth of the held-out text is for LongRoPE's search


def held_out(corpus: data_lib.Corpus) -> tuple[data_lib.Corpus, np.ndarray]:
  """The corpus with the part to be evaluated on, and the rest of the held-out text, to search on.

  Example:
    >>> ids = np.arange(20, dtype=np.int32)
    >>> corpus, rest = held_out(data_lib.Corpus("a", ids, ids[:10], ("x",), "", 0))
    >>> corpus.valid.tolist(), rest.tolist()
    ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9])
  """
  border = len(corpus.valid) - len(corpus.valid) // SEARCHED
  return dataclasses.replace(corpus, valid=corpus.valid[:border]), corpus.valid[border:]


def digest(models: Mapping[int, Any]) -> str:
  """A SHA-256 of models' weights, by seed."""
  total = hashlib.sha256()
  for seed, model in models.items():
    total.update(f"seed {seed}\n".encode())
    for x in jax.tree.leaves(nnx.split(model, nnx.Param, ...)[1]):
      total.update(np.ascontiguousarray(x).tobytes())
  return total.hexdigest()


def cells(config: Any, seeds: tuple[int, ...], trained: Collection[str]
          ) -> tuple[sweeps.Cell, ...]:
  """Every method at every length, at once and, those of ``trained``, trained on.

  A released model is measured at its own length, too; of ours that is known.
  """
  found = () if config.hf is None else sweeps.grid(encoding=("none",), factor=(1,), tuned=(0,),
                                                   seed=seeds)
  for name in config.methods:
    steps = (0, config.tuned()) if config.tuned() and name in trained else (0,)
    found += sweeps.grid(encoding=(name,), factor=config.factors(), tuned=steps, seed=seeds)
  return found


def extend(config: Any, name: str, ability: Any, models: Mapping[int, Any], rope: Rope,
           judge: searched.Judge, trained: Collection[str], *,
           parts: Mapping[int, int] | None = None) -> Any:
  """Measures models under every method.

  Args:
    config: a ``context_extension.Config`` with a directory.
    name: of the part, and of its directory.
    ability: what is measured.
    models: by seed.
    rope: what they were trained with.
    judge: of LongRoPE's candidates.
    trained: methods that are trained on as well.
    parts: see ``extended.Extended``.

  Returns:
    ``sweeps.Results``, or the ``sweeps.Plan`` of a dry run.
  """
  alone = dict([next(iter(models.items()))])
  distinct = models if parts is None else alone  # parts of a text are read by one model
  weights = digest(distinct)
  # Measurements of other weights are other measurements: they have a directory of their own.
  out = pathlib.Path(config.out) / f"{name}-{weights[:12]}"
  factors = {}
  if "longrope" in config.methods and config.dry_run:  # a plan needs numbers of the right shape
    factors = {(seed, s): (1.0,) * (rope.dim // 2) for seed in models for s in config.factors()}
  elif "longrope" in config.methods:
    found = searched.search(distinct, weights, judge, rope, config.factors(), config.search(), out)
    same = lambda seed: seed if parts is None else next(iter(alone))
    factors = {(seed, s): found[same(seed), s] for seed in models for s in config.factors()}
  experiment: Any = extended.Extended(
    name, weights + ability.task.data, ability, models, rope, factors, parts=parts,
    settings=config.tuning())
  start = sweeps.plan if config.dry_run else sweeps.run
  return start(experiment, cells(config, tuple(models), trained), out, options=config.options)


def check_text(config: Any) -> None:
  """Raises a ValueError if the held-out text is too short for evaluation, search or keys."""
  corpus, rest = held_out(config.corpus)
  longest = max(config.eval_multiples) * config.seq_len[0]
  keys = config.passkey_rows * longest if config.retrieval else 0
  wanted = (max(config.eval_characters, keys) + 1,
            max(config.search_tokens, 2 * longest if keys else longest) + 1)
  if len(corpus.valid) < wanted[0] or len(rest) < wanted[1]:
    raise value_error(
      "data" if config.data_file is None else "data_file",
      f"{len(corpus.valid)} held-out characters for evaluation and {len(rest)} for the search",
      f"{wanted[0]} and {wanted[1]} at least", "Give a longer text, shorter --eval_multiples, or "
      "fewer --eval_characters, --passkey_rows or --search_tokens")


def own(config: Any, keys: Any) -> dict[str, Any]:
  """Trains models of our own, then extends them.

  Args:
    config: a ``context_extension.Config`` with its text and a directory.
    keys: the class of configs whose task is to find a key.
  """
  check_text(config)
  corpus, text = held_out(config.corpus)
  reading = abilities.Reading(language.Language(corpus, config.eval_multiples,
                                                config.eval_characters))
  retrieving = abilities.Retrieving(passkeys.Passkeys(corpus, config.passkey_rows))
  tokens = config.search_tokens
  trained: list[Any] = [
    ("language", "extended", reading, abilities.reading_judge(text, tokens), TRAINED, config.part(
      type(config), "language", corpus=corpus, eval_multiples=(1,)))]
  if config.retrieval:
    trained.append((
      "passkeys", "retrieved", retrieving, abilities.retrieving_judge(corpus, text, tokens),
      config.retrieval_trained, config.part(keys, "passkeys", corpus=corpus, eval_multiples=(1,),
                                            steps=(config.passkey_steps,))))
  found: dict[str, Any] = {}
  for name, then, ability, judge, also, part in trained:
    found[name] = _train(part)
    if config.dry_run or found[name].missing:
      continue
    models = dict(_models(found[name], part.experiment()))
    if models:
      found[then] = extend(config, then, ability, models, config.rope(), judge, also)
  return found


def _train(part: Any) -> Any:
  """As ``config.run``; the part's faults are those of the whole, which were told."""
  start = sweeps.plan if part.dry_run else sweeps.run
  return start(part.experiment(), part.cells(), part.out, options=part.options)


def _models(results: sweeps.Results, experiment: Any) -> Iterator[tuple[int, Any]]:
  for record in results:
    if record["status"] == "ok":
      yield record["cell"]["seed"], maps.model_of(results, record["cell"], experiment)


def read(config: Any) -> released_lib.Released:
  """The released model of a config, and its text.

  Raises:
    ValueError: they cannot be read, or the text is too short; ImportError: no tokenizers.
  """
  found = released_lib.read(config.hf, config.data_file, bytes_are_ids=config.bytes,
                            length=config.trained_length)
  lengths = [m * found.rope.length for m in config.eval_multiples]
  whole = math.lcm(*lengths) * language.STRETCHES
  if config.eval_characters % whole:
    right = language.stretch_of(lengths, config.eval_characters) * language.STRETCHES
    raise value_error("--eval_characters", config.eval_characters, f"a multiple of {whole}: "
                      f"{language.STRETCHES} stretches that every length divides, of L "
                      f"{found.rope.length}", f"Use {right}, or fewer --eval_multiples")
  corpus, rest = held_out(found.corpus)
  searched_on = max(*lengths, config.search_tokens)
  if len(corpus.valid) <= config.eval_characters or len(rest) <= searched_on:
    raise value_error("--data_file", f"{len(found.corpus.valid)} held-out tokens, a tenth of the "
                      f"text, {len(rest)} of them for the search", f"{config.eval_characters + 1} "
                      f"for evaluation and {searched_on + 1} for the search", "Give a longer text")
  return found


def released(config: Any) -> dict[str, Any]:
  """Extends a released model; its lanes are measured on parts of the text in place of seeds."""
  found = config.released
  corpus, text = held_out(found.corpus)
  task = language.Language(corpus, config.eval_multiples, config.eval_characters)
  parts = {i: i for i in range(language.STRETCHES)}
  models = dict.fromkeys(parts, found.model)
  return {"extended": extend(config, "extended", abilities.Reading(task, len(parts)), models,
                             found.rope, abilities.reading_judge(text, config.search_tokens),
                             TRAINED, parts=parts)}
