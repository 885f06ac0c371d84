# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""How a method is built by name: what follows from sizes, and what a user may set."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax

from posenc_jax import _errors
from posenc_jax.base import Encoding


@dataclasses.dataclass(frozen=True, eq=False)
class Maker:
  """``(sizes, key, **settings) -> encoding`` around a constructor.

  Attributes:
    make: the constructor; it gets ``key`` if its first argument has that name.
    sizes: argument to the name of what it is in ``Sizes``, such as {"num_heads": "heads"}. These
      follow from the model, so nobody sets them.
    defaults: argument to a function of ``Sizes``, where the constructor's own default will not do.
    fixed: arguments that are the same always.

  Example:
    >>> import posenc_jax as px
    >>> from posenc_jax.methods import Sizes
    >>> make = Maker(px.Rotary, {"dim": "head_dim"}, {"base": lambda s: s.base})
    >>> make(Sizes(16, 2, 8, 32, 16), jax.random.key(0), base=5e5)
    Rotary(dim=8, base=500000.0)
    >>> make.settings
    ('base', 'attention_scaling', 'pairing')
  """

  make: Callable[..., Encoding]
  sizes: Mapping[str, str] = dataclasses.field(default_factory=dict)
  defaults: Mapping[str, Callable[[Any], Any]] = dataclasses.field(default_factory=dict)
  fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __call__(self, sizes: Any, key: jax.Array, **settings: Any) -> Encoding:
    """Builds it; raises TypeError for a setting that it does not have."""
    _errors.refuse_unknown(getattr(self.make, "__qualname__", "encoding"), settings, self.settings)
    given = {name: getattr(sizes, size) for name, size in self.sizes.items()}
    given |= {name: default(sizes) for name, default in self.defaults.items()
              if name not in settings}
    given |= {**self.fixed, **settings}
    return self.make(key, **given) if self._keyed else self.make(**given)

  @property
  def _parameters(self) -> list[str]:
    return list(inspect.signature(self.make).parameters)

  @property
  def _keyed(self) -> bool:
    return self._parameters[:1] == ["key"]

  @property
  def settings(self) -> tuple[str, ...]:
    """What a user may set: the constructor's arguments but those that follow from the model."""
    return tuple(name for name in self._parameters[self._keyed:]
                 if name not in self.sizes and name not in self.fixed)
