# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A picture for each method that has an encoding, at sizes that are quick to draw."""

import concurrent.futures
import multiprocessing
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from posenc_jax import plots, testing
from posenc_jax.methods import METHODS, Method, Sizes
from posenc_jax.testing.case import ALL_HOOKS

SIZES = Sizes(d_model=64, heads=4, head_dim=32, length=128, train_length=64)
LENGTH = 24
# What shows most of a room, the best first.
ROOMS = {
  "inputs": ("table",), "positions": ("table", "similarity"),
  "rotations": ("similarity", "wavelengths", "pattern"), "biases": ("bias", "pattern"),
  "content": ("pattern",), "softmax": ("pattern",)}
CAPTIONS = {
  "table": "What is added to the embeddings, position by column.",
  "bias": "What is added to the scores, by distance.",
  "wavelengths": "How many tokens each pair takes for a full turn.",
  "similarity": "The score of a vector with its copy, by distance.",
  "pattern": "Attention weights of random queries and keys.",
  "attention": "Attention weights of a layer with random weights."}


def case_of(method: Method, key: jax.Array) -> testing.Case | None:
  """The method as the contract tries it, or at ``SIZES``; None for functions alone."""
  if method.cases:
    return next(iter(method.cases.values()))(key)
  if method.builds:
    encoding = next(iter(method.builds.values()))(SIZES, key)
    return testing.Case(encoding, heads=SIZES.heads, kv_heads=SIZES.heads, head_dim=SIZES.head_dim,
                        d_model=SIZES.d_model)
  return None


def chosen(method: Method, e: px.Encoding) -> str:
  """The name in ``posenc_jax.plots`` of the picture that shows most of a method."""
  room, _, rest = method.module.partition(".")
  wanted = ROOMS.get(room, ())
  if rest.startswith("scaling."):
    wanted = ("wavelengths", *wanted)
  fits = plots.fitting(e)
  return next((name for name in wanted if name in fits), fits[0])


def layer_weights(case: testing.Case) -> Any:
  """Weights ``[N, T, T]`` of the contract's layer around an encoding, hooks of a model included."""
  x, index = case.inputs()[:1], jnp.arange(case.length, dtype=jnp.int32)[None]
  x, positions = testing.embed(case, case.encoding, x, index)
  q, k, _, positions, _ = testing.project(case, case.encoding, case.weights(), x, positions)
  order = np.arange(case.length, dtype=np.int32)
  return px.attention_weights(q, k, case.encoding, q_positions=positions, k_positions=positions,
                              q_order=order, k_order=order, causal=case.causal,
                              applied=ALL_HOOKS)[0]


def figure_of(case: testing.Case, plot: str) -> Any:
  """The picture of a case by one of ``posenc_jax.plots``."""
  e = case.encoding
  length = LENGTH if case.far and not e.position_axes else case.length
  at = case.make_positions(jnp.arange(length, dtype=jnp.int32)) if e.position_axes else None
  make: dict[str, Callable[[], Any]] = {
    "table": lambda: plots.table(e, case.d_model, length=length if at is not None else 32 if
                                 case.far else case.length, positions=at),
    "bias": lambda: plots.bias(e, 3 if e.position_axes else 32 if case.far else case.length - 1,
                               both=not case.causal and not e.position_axes),
    "wavelengths": lambda: plots.wavelengths(e),
    "similarity": lambda: plots.similarity(e, case.head_dim, heads=case.heads,
                                           kv_heads=case.kv_heads, max_distance=64),
    "pattern": lambda: plots.pattern(e, case.heads, case.head_dim, kv_heads=case.kv_heads,
                                     length=length, positions=at, causal=case.causal),
    "attention": lambda: plots.attention(layer_weights(case))}
  return make[plot]()


def write(index: int, path: pathlib.Path) -> str | None:
  """Writes the picture of a row of the table as SVG; its caption, or None where there is none."""
  method = METHODS[index]
  case = case_of(method, jax.random.key(0))
  if case is None:
    return None
  plot = chosen(method, case.encoding)
  figure_of(case, plot).savefig(path, format="svg", metadata={"Date": None})
  return CAPTIONS[plot]


def write_all(folder: pathlib.Path, slugs: list[str]) -> dict[str, str | None]:
  """Pictures of all methods, in as many processes as there are cores; {slug: caption}."""
  folder.mkdir(parents=True, exist_ok=True)
  paths = [folder / f"{slug}.svg" for slug in slugs]
  workers = min(4, os.cpu_count() or 1)
  with concurrent.futures.ProcessPoolExecutor(
      workers, mp_context=multiprocessing.get_context("spawn")) as pool:
    captions = list(pool.map(write, range(len(slugs)), paths, chunksize=4))
  return dict(zip(slugs, captions, strict=True))
