# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hooks that say where an error came from: which hook of which class, and what it was given."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from posenc_jax import _errors

_MARK = "In the hook "
_WANTED = {
  "distance_bias": " It takes distances of any rank and returns [N, *distance.shape]: a leaf [N] "
                   "is used as x.reshape(x.shape + (1,) * distance.ndim).",
  "bias": " It returns [..., N, T, S]; tile.distance() is [..., T, S].",
  "scores": " It returns scores of the shape that came, [..., N, T, S].",
  "weights": " It returns weights of the scores' shape, [..., N, T, S].",
  "visible": " It returns bool [..., 1 or N, T, S].",
  "value_bias": " It returns [..., T, N, H'].",
}


def guard_hooks(cls: type, hooks: Sequence[str]) -> None:
  """Lets errors inside the class's own hooks name the hook and the shapes of its arguments."""
  for name in hooks:
    hook = cls.__dict__.get(name)
    if inspect.isfunction(hook):
      setattr(cls, name, _noting(cls.__name__, name, hook))


def _noting(owner: str, name: str, hook: Callable) -> Callable:
  @functools.wraps(hook)
  def call(self, *args: Any, **kwargs: Any) -> Any:
    try:
      return hook(self, *args, **kwargs)
    except Exception as error:
      if not any(note.startswith(_MARK) for note in getattr(error, "__notes__", ())):
        given = ", ".join([*map(_shown, args), *(f"{k}={_shown(v)}" for k, v in kwargs.items())])
        error.add_note(f"{_MARK}{owner}.{name}({given}).{_WANTED.get(name, '')}")
      raise

  return call


def _shown(value: Any) -> str:
  if hasattr(value, "q_positions"):
    return f"Tile(q={_shown(value.q)}, k={_shown(value.k)}, ..)"
  return _errors.describe(value) if hasattr(value, "shape") else type(value).__name__
