# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One table of all methods, from which everything else that names methods follows.

A row says where a method is, what it exports and how it is built; the rows of a room are in the
files whose names begin with the room's. The cases of the parity contract and the names that
experiments know are read from it. ``python -m tests.support.follow`` writes the rest: the names of
``posenc_jax`` and of ``posenc_jax.functions``, the README's table and the row of
``docs/design.md``.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax

import posenc_jax as px
from posenc_jax import _errors
from posenc_jax.methods import (
  biases,
  biases_distance,
  biases_grids,
  content,
  content_pairs,
  extension_frequencies,
  extension_positions,
  inputs,
  inputs_features,
  positions,
  positions_schemes,
  rotations,
  rotations_axes,
  rotations_driven,
  rotations_frequencies,
  rotations_groups,
  softmax,
  softmax_sinks,
)
from posenc_jax.methods.maker import Maker as Maker
from posenc_jax.methods.rotations import three_axes as three_axes
from posenc_jax.methods.row import Build as Build
from posenc_jax.methods.row import Method as Method
from posenc_jax.methods.row import Sizes as Sizes
from posenc_jax.testing import Case

METHODS: tuple[Method, ...] = tuple(row for rows in (
  inputs, inputs_features, positions, positions_schemes, rotations, rotations_frequencies,
  rotations_axes, rotations_groups, rotations_driven, extension_frequencies, extension_positions,
  biases, biases_distance, biases_grids, content, content_pairs, softmax, softmax_sinks,
) for row in rows.METHODS)

_TRIED = Sizes(d_model=16, heads=4, head_dim=8, length=8, train_length=4)  # those of a ``Case``


def builders() -> dict[str, Build]:
  """Name to ``(sizes, key) -> encoding`` of everything that experiments can name.

  Example:
    >>> builders()["alibi"](Sizes(16, 2, 8, 32, 16), jax.random.key(0))
    Alibi(slopes=f32[2])
  """
  named: dict[str, Build] = {"none": lambda s, key: px.Encoding()}
  for method in METHODS:
    _add(named, method.builds, method)
  return named


def contract_cases(key: jax.Array) -> dict[str, Callable[[], Case]]:
  """Name to a function that makes the case in which the parity contract tries the method.

  Example:
    >>> contract_cases(jax.random.key(0))["alibi"]().encoding
    Alibi(slopes=f32[4])
  """
  cases: dict[str, Callable[[], Case]] = {"none": lambda: Case(px.Encoding())}
  for method in METHODS:
    made = method.cases
    if made is None:
      made = {name: functools.partial(_try, build) for name, build in method.builds.items()}
    _add(cases, {name: functools.partial(make, key) for name, make in made.items()}, method)
  return cases


def _add(named: dict[str, Any], new: Mapping[str, Any], method: Method) -> None:
  """Adds names, each of which belongs to one method."""
  if twice := set(named) & set(new):
    raise _errors.value_error(f"row {method.title!r}", f"the names {sorted(twice)}",
                              "names that no other method has", "Rename them in its row")
  named.update(new)


def _try(build: Build, key: jax.Array) -> Case:
  return Case(build(_TRIED, key))
