# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Keyword arguments of modules: one that a module does not have is refused, the nearest offered."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import TypeVar

from posenc_jax import _errors

_C = TypeVar("_C", bound=type)


def checked(*more: str) -> Callable[[_C], _C]:
  """A decorator of classes whose constructors are to name what was meant.

  Python's own message names neither the class's arguments nor the nearest, and a constructor that
  takes ``**settings`` sees them too late to tell a misspelled argument of its own.

  Args:
    *more: names that ``**settings`` takes.

  Returns:
    The decorator; it raises TypeError where the class is called.

  Example:
    >>> @checked()
    ... class Layer:
    ...   def __init__(self, width): ...
    >>> Layer(widht=3)
    Traceback (most recent call last):
    TypeError: Layer: got an argument 'widht', wanted one of width. Did you mean 'width'?
  """
  def decorate(cls: _C) -> _C:
    init = cls.__init__
    takes = list(inspect.signature(init).parameters.values())[1:]
    names = _names(takes, more)
    renamed = {"width": "active_width"} if "active_width" in names else {}

    @functools.wraps(init)
    def construct(self, *args, **keywords):
      _errors.refuse_unknown(cls.__name__, keywords, names, renamed)
      init(self, *args, **keywords)

    cls.__init__ = construct
    return cls

  return decorate


def _names(takes: Iterable[inspect.Parameter], more: Iterable[str]) -> list[str]:
  own = [p.name for p in takes if p.kind is not p.VAR_KEYWORD]
  return list(dict.fromkeys([*own, *more]))
