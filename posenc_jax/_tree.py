# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses as PyTrees, and what their fields mean: static, hyperparameter, parameter.

What the kinds of fields mean for training is in ``_kinds``.
"""

import dataclasses
import functools
import inspect
import numbers
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar, dataclass_transform

import jax
import numpy as np

from posenc_jax import _errors, _numerics

_T = TypeVar("_T")


def static(default: Any = dataclasses.MISSING, **kwargs: Any) -> Any:
  """A dataclass field that shapes the program: hashable, never an array, a change retraces.

  Write a default by its name, as below: type checkers see no other.

  Example:
    >>> import posenc_jax as px
    >>> @px.encoding
    ... class Slope(px.Encoding):
    ...   slope: float
    ...   sign: int = px.static(default=-1)
    ...   def distance_bias(self, distance):
    ...     return self.sign * self.slope * abs(distance)[None]
    >>> jax.tree.leaves(Slope(0.5))
    [array(0.5, dtype=float32)]
  """
  return _field("static", default, kwargs)


def parameter(default: Any = dataclasses.MISSING, **kwargs: Any) -> Any:
  """A dataclass field that a model learns: a table, a network, a gate.

  A field that is neither ``static`` nor ``parameter`` is a hyperparameter: a leaf that ``vmap``
  sweeps and ``jax.grad`` sees, but that ``partition`` and ``nn`` do not train.

  Example:
    >>> import posenc_jax as px
    >>> @px.encoding
    ... class Fading(px.Encoding):
    ...   strength: jax.Array = px.parameter()
    ...   def distance_bias(self, distance):
    ...     return -self.strength[:, None] * abs(distance)[None]
    >>> px.is_parameter(Fading(np.ones(2, np.float32))).strength
    True
  """
  return _field("parameter", default, kwargs)


def _field(kind, default, kwargs):
  metadata = {**kwargs.pop("metadata", {}), "kind": kind}
  return dataclasses.field(default=default, metadata=metadata, **kwargs)


class Tree:
  """Base of frozen PyTree dataclasses; see ``register``."""

  _leaf_fields: tuple[str, ...] = ()
  _static_fields: tuple[str, ...] = ()
  _init_by: str = ""  # the class whose constructor, by hand, this one has
  _kinds: tuple[tuple[str, bool], ...] = ()  # (field, is a parameter), where one object differs

  def set_fields(self, **values: Any) -> None:
    """For constructors only: stores fields of the frozen dataclass."""
    for name, value in values.items():
      object.__setattr__(self, name, value)

  def replace(self, **changes: Any) -> Self:
    """A copy with some fields changed; the constructor's checks and conversions do not run.

    Raises:
      ValueError: a name that is no field.
    """
    names = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
    unknown = sorted(set(changes) - set(names))
    if unknown:
      raise _errors.value_error("replace", unknown, f"fields of {type(self).__name__}: "
                                + ", ".join(names),
                                "Arguments of the constructor that are no fields need a new object")
    new = object.__new__(type(self))
    new.set_fields(**{n: getattr(self, n) for n in names} | changes)
    if self._kinds:
      new.set_fields(_kinds=self._kinds)
    return new

  def __repr__(self) -> str:
    shown = [f"{name}={_shown(value)}" for name, value in self._repr_fields().items()]
    changed = [f"{'learned' if on else 'frozen'}: {name}" for name, on in self._kinds]
    return f"{type(self).__name__}({', '.join(shown + changed)})"

  def __treescope_repr__(self, path: str, subtree_renderer: Any) -> Any:
    """What treescope shows, as in ``nnx.display``: every field, folded, arrays in pictures."""
    from treescope import repr_lib  # only treescope calls this

    names = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
    kinds = {kind: tuple(name for name, on in self._kinds if on == (kind == "learned"))
             for kind in ("learned", "frozen")}
    return repr_lib.render_object_constructor(
      type(self), {n: getattr(self, n) for n in names} | {
        kind: changed for kind, changed in kinds.items() if changed}, path, subtree_renderer)

  def _repr_fields(self) -> dict[str, Any]:
    """What ``repr`` shows: fields, without statics that have their default value."""
    out = {}
    for f in dataclasses.fields(self):  # type: ignore[arg-type]
      value = getattr(self, f.name)
      if value is not None and not (f.metadata.get("kind") == "static" and value == f.default):
        out[f.name] = value
    return out


def _shown(value: Any) -> str:
  """A number, or dtype and shape of an array."""
  if isinstance(value, str | int | float | Tree) or value is None:
    return repr(value)
  if isinstance(value, tuple):
    return "(" + ", ".join(_shown(v) for v in value) + (",)" if len(value) == 1 else ")")
  if not hasattr(value, "dtype") or not hasattr(value, "shape"):
    return repr(value)
  known = None if isinstance(value, jax.ShapeDtypeStruct) else _numerics.known(value)
  if known is not None and known.ndim == 0:
    return f"{known.item():.6g}" if known.dtype.kind == "f" else repr(known.item())
  name = value.dtype.name
  for long, short in (("bfloat", "bf"), ("float", "f"), ("uint", "u"), ("int", "i")):
    if name.startswith(long):
      name = short + name[len(long):]
      break
  return f"{name}[{','.join(map(str, value.shape))}]"


def _keyword_check(cls: type, construct: Callable) -> Callable[[Iterable[str]], None]:
  """What refuses keywords that a constructor does not take, the near miss or new name named."""
  takes = list(inspect.signature(construct).parameters.values())[1:]
  names = [p.name for p in takes]
  if any(p.kind is p.VAR_KEYWORD for p in takes):
    return lambda keywords: None
  renamed = getattr(cls, "_renamed_arguments", None)
  return lambda keywords: _errors.refuse_unknown(cls.__name__, keywords, names, renamed)


@dataclass_transform(field_specifiers=(static, parameter), frozen_default=True)
def register(cls: type[_T]) -> type[_T]:
  """Makes a subclass of ``Tree`` a frozen dataclass and a PyTree of its fields but the static ones.

  Numbers and lists of numbers in leaf fields become float32 arrays, so that an object looks the
  same to JAX and to a module library whether it was given 10000.0 or an array. Unflattening runs
  neither ``__init__`` nor ``__post_init__`` (``jax.tree_util.register_dataclass`` would): they are
  the host-side constructor, where values may be checked, and never meet what JAX puts into a leaf.
  A class may write its own ``__init__`` and store fields with ``self.set_fields(..)``, and say in
  ``_renamed_arguments`` what took the place of an argument of earlier versions. A subclass without
  fields of its own keeps an inherited one; with such fields it must write its own.

  Raises:
    TypeError: fields are added to a class whose ``__init__`` was written by hand.
  """
  own = "__init__" in cls.__dict__
  kept = not own and bool(getattr(cls, "_init_by", ""))
  if kept:
    _refuse_new_fields(cls)
  made: Any = dataclasses.dataclass(frozen=True, eq=False, repr=False, init=not kept)(cls)
  made._init_by = cls.__name__ if own else getattr(cls, "_init_by", "")
  fields = dataclasses.fields(made)
  leaves = tuple(f.name for f in fields if f.metadata.get("kind") != "static")
  statics = tuple(f.name for f in fields if f.metadata.get("kind") == "static")
  made._leaf_fields, made._static_fields = leaves, statics
  construct = made.__init__
  check = _keyword_check(cls, construct)

  @functools.wraps(construct)
  def __init__(self, *args, **kwargs):
    check(kwargs)
    construct(self, *args, **kwargs)
    for name in leaves:
      value = getattr(self, name)
      if _is_numbers(value):
        self.set_fields(**{name: np.asarray(value, np.float32)})

  made.__init__ = __init__

  def auxiliary(e):
    return (*(getattr(e, n) for n in statics), e._kinds)

  def flatten_with_keys(e):
    keyed = tuple((jax.tree_util.GetAttrKey(n), getattr(e, n)) for n in leaves)
    return keyed, auxiliary(e)

  def flatten(e):
    return tuple(getattr(e, n) for n in leaves), auxiliary(e)

  def unflatten(aux, children):
    e = object.__new__(made)
    e.set_fields(**dict(zip(leaves + statics, (*children, *aux[:-1]), strict=True)))
    if aux[-1]:
      e.set_fields(_kinds=aux[-1])
    return e

  jax.tree_util.register_pytree_with_keys(made, flatten_with_keys, unflatten, flatten)
  _registered.append(made)
  for watcher in _watchers:
    watcher(made)
  return made


def _refuse_new_fields(cls: Any) -> None:
  """A generated constructor would drop the inherited one, and with it its checks, in silence."""
  fields = [name for name, kind in inspect.get_annotations(cls).items()
            if "ClassVar" not in str(kind)]
  if fields:
    raise _errors.type_error(
      f"class {cls.__name__}", f"new fields ({', '.join(fields)}) beside the __init__ that "
      f"{cls._init_by} wrote by hand", "an __init__ that sets all of them",
      "Write one: call super().__init__(..), then self.set_fields(name=value)")


class Registry(list):
  """A list of what this process has defined: no code of what reaches it, as a fingerprint knows."""

  _is_code = False


_registered: list[type] = Registry()
_watchers: list[Callable[[type], None]] = Registry()


def watch(watcher: Callable[[type], None]) -> None:
  """Calls ``watcher`` with every class that ``register`` made or will make."""
  _watchers.append(watcher)
  for cls in _registered:
    watcher(cls)


def _is_numbers(value) -> bool:
  if isinstance(value, list | tuple):
    return bool(value) and all(_is_numbers(v) for v in value)
  return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_ | np.ndarray)
