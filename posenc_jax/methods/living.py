# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The table of methods as a reader wants it: what each answers, learns, caches, and who serves it.

All but the directions, the goldens and the paper is asked of the encoding itself, so the table
cannot say what the code does not do.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from posenc_jax.base import CLAIMS, HOOKS
from posenc_jax.methods import METHODS, Method, Sizes
from posenc_jax.testing import Case
from posenc_jax.testing.case import ALL_HOOKS

# What a method asks of a cache, of packed rows and of padding.
BEHAVIOUR = {
  "absolute": "positions count the real tokens of a document: restart them in packed rows, leave "
              "padding out",
  "grid": "positions come from the caller: coordinates, or ids that are no indices",
  "written": "keys are turned when they are written and cached so; a segment mask alone packs",
  "read": "the cache holds keys as they were; they are turned when they are read",
  "relative": "a function of query and key positions on any rectangle; a segment mask alone packs",
  "origin": "as relative, but the query's true position counts: restart it in packed rows",
  "content": "reads q, k or finished scores, no positions: a segment mask packs, a mask hides "
             "padding",
  "scan": "a running state is cached beside the keys; it stops at segment borders and passes "
          "padding by",
  "mask": "says who may see whom",
  "none": "nothing",
}
PATHS = {"cpu": ("reference", "rows"), "gpu": ("cudnn",), "tpu": ("splash", "strip")}
_WIDE = Sizes(d_model=256, heads=4, head_dim=64, length=1024, train_length=512)


@dataclasses.dataclass(frozen=True)
class Row:
  """A method and what is known of it.

  Attributes:
    title, room, paper, directions, goldens: as the table of methods has them.
    file: below ``posenc_jax.encodings``.
    names: in experiments.
    functions: that do the mathematics.
    hooks, claims: that its encoding answers; none for functions alone.
    parameters: fields that a model trains.
    behaviour: words of ``BEHAVIOUR``.
    relative: whether a common shift of all positions changes nothing.
    paths: implementations of attention that serve it.
  """

  title: str
  room: str
  file: str
  names: tuple[str, ...]
  functions: tuple[str, ...]
  hooks: tuple[str, ...]
  claims: tuple[str, ...]
  parameters: tuple[str, ...]
  directions: str
  behaviour: tuple[str, ...]
  relative: bool
  paths: tuple[str, ...]
  goldens: str
  paper: str


def rows() -> Iterator[Row]:
  """A row for each method, in the order of the rooms.

  Example:
    >>> none = next(rows())
    >>> none.names, none.behaviour, "splash" in none.paths
    (('none',), ('none',), True)
  """
  key = jax.random.key(0)
  yield Row("no position encoding", "-", "", ("none",), (), (), (), (), "causal", ("none",), True,
            _paths(Case(px.Encoding()), None), "", "2203.16634")
  for method in METHODS:
    found: list[Row] = []
    # Traced, as nobody needs the values: to draw the weights of all methods takes a minute.
    jax.eval_shape(lambda key, method=method, found=found: found.append(_row(method, key)), key)
    yield from found


def _row(method: Method, key: jax.Array) -> Row:
  case = _case(method, key)
  e = None if case is None else case.encoding
  return Row(
    method.title, method.module.split(".")[0], method.module, tuple(method.builds),
    (*method.functions, *method.more), () if e is None else _answered(e, HOOKS),
    () if e is None else _answered(e, CLAIMS), () if e is None else _parameters(e),
    method.directions, () if e is None else behaviour(e), e is not None and e.relative,
    () if case is None else _paths(case, _wide(method, key)), method.goldens, method.arxiv)


def _case(method: Method, key: jax.Array) -> Case | None:
  """The method as the contract tries it; None for functions alone."""
  if method.cases:
    return next(iter(method.cases.values()))(key)
  if method.builds:
    build = next(iter(method.builds.values()))
    return Case(build(Sizes(d_model=16, heads=4, head_dim=8, length=8, train_length=4), key))
  return None


def _wide(method: Method, key: jax.Array) -> px.Encoding | None:
  """The method at the sizes of a real model, for kernels that ask for them."""
  return next(iter(method.builds.values()))(_WIDE, key) if method.builds else None


def _answered(e: px.Encoding, names: tuple[str, ...]) -> tuple[str, ...]:
  return tuple(name for name in names if any(part.has(name) for part, *_ in e.parts()))


def _parameters(e: px.Encoding) -> tuple[str, ...]:
  found = jax.tree_util.tree_leaves_with_path(px.is_parameter(e))
  name = lambda path: str(getattr(path[-1], "name", path[-1]))
  return tuple(dict.fromkeys(name(path) for path, yes in found if yes))


def behaviour(e: px.Encoding) -> tuple[str, ...]:
  """Words of ``BEHAVIOUR`` for an encoding, from the hooks that it answers.

  Example:
    >>> behaviour(px.Rotary(8)), behaviour(px.chain(px.Sinusoidal(8), px.Alibi(2)))
    (('written',), ('absolute', 'relative'))
  """
  found = []
  for part, *_ in e.parts():
    has = lambda *hooks, part=part: any(part.has(hook) for hook in hooks)
    if part.layer_axes is not None or has("layer"):
      found.append("scan")
    if part.position_axes:
      found.append("grid")
    elif has("positions", "inputs"):
      found.append("absolute")
    if part.layer_axes is not None:
      continue
    placed = part.position_axes is not None
    if placed and has("expand") and not has("qk"):
      found.append("read")
    elif placed and has("qk", "values"):
      found.append("written")
    if has("bias", "scores", "weights", "value_bias"):
      found.append("content" if not placed else "relative" if part.relative else "origin")
    elif not placed and has("qk", "expand"):
      found.append("content")
    if has("visible"):
      found.append("mask")
  return tuple(dict.fromkeys(found)) or ("none",)


def _paths(case: Case, wide: px.Encoding | None) -> tuple[str, ...]:
  """The implementations that serve causal attention of 512 tokens, and forms of the bias."""
  e = case.encoding if wide is None else wide
  sizes = ((case.heads, case.kv_heads, case.head_dim) if wide is None else
           (_WIDE.heads, _WIDE.heads, _WIDE.head_dim))
  if e.layer_axes is not None or any(part.layer_axes is not None for part, *_ in e.parts()):
    return ("reference", "rows")
  explained = {platform: _explained(e, case, sizes, platform) for platform in PATHS}
  return tuple(name for platform, names in PATHS.items() for name in names
               if explained[platform].obstacles[name] is None)


def _explained(e: px.Encoding, case: Case, sizes: tuple[int, int, int], platform: str):
  heads, kv_heads, head_dim = sizes
  q = jax.ShapeDtypeStruct((1, 512, heads, head_dim), jnp.bfloat16)
  k = jax.ShapeDtypeStruct((1, 512, kv_heads, head_dim), jnp.bfloat16)
  order = np.arange(512, dtype=np.int32)
  positions: Any = order
  if e.position_axes:
    with jax.ensure_compile_time_eval():
      positions = jax.tree.map(np.asarray, case.make_positions(jnp.asarray(order % case.length)))
  return px.explain(q, k, k, e, q_positions=positions, k_positions=positions, q_order=order,
                    k_order=order, causal=case.causal, platform=platform,
                    applied=tuple(hook for hook in ALL_HOOKS if hook not in px.PREPARED))
