# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Settings of encodings as axes of a grid: ``--vary=fire.threshold=8,16,32``.

A number that a leaf takes is traced, so that all its values share one program; what shapes the
program is static. Which it is, is found by building the encoding with a number unknown to it.
"""

import ast
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from experiments.encodings import Sizes, Spec, split_outside
from experiments.training import Varied
from posenc_jax import _errors
from posenc_jax._tree import Tree


def parse(texts: Sequence[str], specs: Sequence[Spec], sizes: Sizes) -> list[Varied]:
  """The axes that texts describe.

  Args:
    texts: ``name.field=value,value``; one text may be cut at its commas.
    specs: the encodings that were chosen.
    sizes: some, to build them.

  Returns:
    A ``Varied`` for each name and field.

  Raises:
    ValueError: no chosen encoding has the name or the field, or a value is none.
  """
  found: dict[tuple[str, str], list[Any]] = {}
  last = None
  for part in split_outside(",".join(texts), ","):
    start = re.fullmatch(r"([\w.:\-]+)\.(\w+)\s*=(.*)", part, re.DOTALL)
    if start:
      last = found.setdefault((start.group(1), start.group(2)), [])
      part = start.group(3)
    if last is None:
      raise _errors.value_error("--vary", repr(part), "name.field=value,value",
                                "Write for instance fire.threshold=8,16")
    last.append(_value(part.strip()))
  return [_varied(member, field, tuple(values), specs, sizes)
          for (member, field), values in found.items()]


def _value(text: str) -> Any:
  try:
    value = ast.literal_eval(text)
  except (ValueError, SyntaxError):
    value = text
  if text == "" or not isinstance(value, bool | int | float | str):
    raise _errors.value_error("--vary", repr(text), "a number, a text, True or False",
                              "Separate values by commas")
  return value


def _varied(name: str, field: str, values: tuple[Any, ...], specs: Sequence[Spec], sizes: Sizes
            ) -> Varied:
  argument = f"--vary: {name}.{field}"
  owners = [spec for spec in specs if spec.has(name)]
  if not owners:
    known = list(dict.fromkeys(m.short for spec in specs for m in spec.members))
    near = _errors.near(name, known)
    raise _errors.value_error(argument, f"the encoding {name!r}", "one of --encodings: "
                              + ", ".join(known), f"Did you mean {near!r}?" if near else "Choose")
  member = next(m for m in owners[0].members if m.short == name)
  leaves = _leaves(Spec((member,)), sizes)
  known = list(dict.fromkeys([*member.known, *leaves]))
  if field not in known:
    near = _errors.near(field, known)
    raise _errors.value_error(argument, f"a setting {field!r}", "one of " + ", ".join(known),
                              f"Did you mean {near!r}?" if near else "Choose one")
  twice = [m for spec in owners for m in spec.members
           if m.short == name and field in dict(m.settings)]
  if twice:
    raise _errors.value_error(argument, f"values, and {twice[0]}", "one of them",
                              "Drop the setting")
  if len(set(map(repr, values))) < len(values):
    raise _errors.value_error(argument, list(values), "each value once", "Drop the repeats")
  numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
  return Varied(name, field, values, numbers and _traced(Spec((member,)), name, field, sizes))


def _leaves(spec: Spec, sizes: Sizes) -> list[str]:
  e = jax.eval_shape(lambda: spec.build(sizes, jax.random.key(0)))
  return [n for n in e._leaf_fields if isinstance(getattr(e, n), jax.ShapeDtypeStruct)]


def _traced(spec: Spec, name: str, field: str, sizes: Sizes) -> bool:
  """Whether the encoding can be built with a number that is only known inside a trace."""
  clean = []

  def build(value):
    e = spec.build(sizes, jax.random.key(0), ((name, field, value),))
    clean.append(not any(isinstance(x, jax.core.Tracer) for x in _statics(e)))
    return jax.tree.leaves(e)

  try:
    jax.eval_shape(build, jnp.float32(1))
  except Exception:  # whatever a constructor raises that must know the number
    return False
  return clean[0]


def _statics(tree: Any) -> list[Any]:
  if isinstance(tree, tuple):
    return [x for member in tree for x in _statics(member)]
  if not isinstance(tree, Tree):
    return []
  own = [getattr(tree, n) for n in tree._static_fields]
  return own + [x for n in tree._leaf_fields for x in _statics(getattr(tree, n))]
