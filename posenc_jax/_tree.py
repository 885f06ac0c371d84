# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses as PyTrees, and what their fields mean: static, hyperparameter, parameter.

Everything that learns (NNX modules, optax, Equinox, Linen, plain JAX) asks ``partition`` or
``is_parameter``; nothing else in the package decides what is trained.
"""

import dataclasses
import functools
import numbers
from collections.abc import Callable
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


@dataclass_transform(field_specifiers=(static, parameter), frozen_default=True)
def register(cls: type[_T]) -> type[_T]:
  """Makes a subclass of ``Tree`` a frozen dataclass and a PyTree of its fields but the static ones.

  Numbers and lists of numbers in leaf fields become float32 arrays, so that an object looks the
  same to JAX and to a module library whether it was given 10000.0 or an array. Unflattening runs
  neither ``__init__`` nor ``__post_init__`` (``jax.tree_util.register_dataclass`` would): they are
  the host-side constructor, where values may be checked, and never meet what JAX puts into a leaf.
  A class may write its own ``__init__`` and store fields with ``self.set_fields(..)``.
  """
  made: Any = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
  fields = dataclasses.fields(made)
  leaves = tuple(f.name for f in fields if f.metadata.get("kind") != "static")
  statics = tuple(f.name for f in fields if f.metadata.get("kind") == "static")
  made._leaf_fields, made._static_fields = leaves, statics
  construct = made.__init__

  @functools.wraps(construct)
  def __init__(self, *args, **kwargs):
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


_registered: list[type] = []
_watchers: list[Callable[[type], None]] = []


def watch(watcher: Callable[[type], None]) -> None:
  """Calls ``watcher`` with every class that ``register`` made or will make."""
  _watchers.append(watcher)
  for cls in _registered:
    watcher(cls)


def _is_numbers(value) -> bool:
  if isinstance(value, list | tuple):
    return bool(value) and all(_is_numbers(v) for v in value)
  return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_ | np.ndarray)


def is_parameter(tree: Any) -> Any:
  """Which leaves of a tree are parameters: a PyTree of bools, for ``optax.masked`` and the like.

  Inside an encoding the fields decide: those declared ``parameter()`` (or turned into one by
  ``learn``) are True where they are floats. Outside of encodings every float array is True.

  Args:
    tree: any PyTree that holds encodings: an encoding, a dict of parameters, an Equinox module.

  Returns:
    The same tree with a bool for every leaf.

  Example:
    >>> import posenc_jax as px
    >>> is_parameter({"e": px.Alibi(2), "w": np.ones(2, np.float32)})
    {'e': Alibi(slopes=False), 'w': True}
  """
  return jax.tree.map(_mark, tree, is_leaf=lambda x: isinstance(x, Tree))


def _mark(node):
  if not isinstance(node, Tree):
    return _numerics.is_float(node)
  kinds = _kinds_of(node)
  inner = lambda x: isinstance(x, Tree)

  def field(name):
    def leaf(x):  # a tree inside a field decides for itself, unless it has no kinds (Frequencies)
      if isinstance(x, Tree) and x._leaf_fields and _decides(x):
        return _mark(x)
      return jax.tree.map(lambda y: kinds[name] and _numerics.is_float(y), x)
    return jax.tree.map(leaf, getattr(node, name), is_leaf=inner)

  return node.replace(**{name: field(name) for name in node._leaf_fields})


def _decides(node) -> bool:
  return getattr(type(node), "_fields_have_kinds", False)


def _kinds_of(node) -> dict[str, bool]:
  declared = {f.name: f.metadata.get("kind") == "parameter" for f in dataclasses.fields(node)}
  return declared | dict(node._kinds)


def partition(tree: Any) -> tuple[Any, Any]:
  """Splits a tree into what is trained and the rest: ``(parameters, rest)``.

  Both have the tree's structure, with None where the other has the leaf. Differentiate, average,
  cast and optimise ``parameters``; keep ``rest`` (fixed slopes, bases, the integer words of exact
  frequencies) as it is.

  Args:
    tree: any PyTree that holds encodings; see ``is_parameter``.

  Returns:
    (parameters, rest), for ``combine``.

  Example:
    >>> import jax.numpy as jnp, posenc_jax as px
    >>> params = {"bias": px.T5Bias.init(jax.random.key(0), 2), "rope": px.Rotary(8)}
    >>> parameters, rest = partition(params)
    >>> [x.shape for x in jax.tree.leaves(parameters)]
    [(32, 2)]
    >>> q = jnp.ones((1, 4, 2, 8))
    >>> def loss(parameters):
    ...   e = px.chain(*combine(parameters, rest).values())
    ...   return px.attend(q, q, q, e, causal=True).sum()
    >>> jax.grad(loss)(parameters)["bias"].table.shape
    (32, 2)
  """
  marks = is_parameter(tree)
  return (jax.tree.map(lambda m, x: x if m else None, marks, tree),
          jax.tree.map(lambda m, x: None if m else x, marks, tree))


def combine(parameters: Any, rest: Any) -> Any:
  """Undoes ``partition``.

  Args:
    parameters, rest: trees of one structure, with None where the other has a leaf.

  Returns:
    The whole tree.

  Raises:
    ValueError: a leaf that both have.

  Example:
    >>> import posenc_jax as px
    >>> combine(*partition(px.Alibi(2))).slopes.tolist()
    [0.0625, 0.00390625]
  """
  def pick(a, b):
    if a is not None and b is not None:
      raise _errors.value_error("parameters, rest", "a leaf that both hold", "one in either",
                                "Pass the two trees that partition returned")
    return b if a is None else a

  return jax.tree.map(pick, parameters, rest, is_leaf=lambda x: x is None)


def learn(tree: _T, *fields: str) -> _T:
  """The same object whose named hyperparameters are parameters: learned ALiBi slopes.

  Args:
    tree: an encoding; a chain's members are looked through.
    *fields: names of float fields; none for all of them.

  Returns:
    A copy: ``nn`` and ``partition`` train these fields.

  Raises:
    ValueError: a name that is no float field of the encoding or its members.

  Example:
    >>> import posenc_jax as px
    >>> px.is_parameter(learn(px.Alibi(2), "slopes")).slopes
    True
  """
  return _turn(tree, fields, True)


def freeze(tree: _T, *fields: str) -> _T:
  """The same object whose named parameters are hyperparameters: a frozen T5 table.

  Args, Returns, Raises: as ``learn``; without names, all fields are frozen.

  Example:
    >>> import posenc_jax as px
    >>> e = px.T5Bias.init(jax.random.key(0), 2)
    >>> jax.tree.leaves(partition(freeze(e))[0])
    []
  """
  return _turn(tree, fields, False)


def _turn(tree, fields, on):
  if not isinstance(tree, Tree):
    raise _errors.type_error("learn, freeze", _errors.describe(tree), "an encoding",
                             "Name the encoding whose fields are meant")
  found: set[str] = set()
  new = _turned(tree, set(fields), on, found)
  lost = sorted(set(fields) - found)
  if lost:
    raise _errors.value_error("learn, freeze", lost, f"float fields of {type(tree).__name__}",
                              f"It has {sorted(float_fields(tree))}")
  return new


def _turned(node, fields, on, found):
  inner = lambda x: isinstance(x, Tree)
  deeper = lambda x: _turned(x, fields, on, found) if inner(x) and _decides(x) else x
  new = node.replace(**{n: jax.tree.map(deeper, getattr(node, n), is_leaf=inner)
                        for n in node._leaf_fields})
  own = [n for n in own_float_fields(node) if not fields or n in fields]
  found.update(own)
  if own:
    new.set_fields(_kinds=tuple(sorted((dict(node._kinds) | dict.fromkeys(own, on)).items())))
  return new


def own_float_fields(node: Tree) -> list[str]:
  """Fields of one object that hold a float array of its own."""
  return [n for n in node._leaf_fields if _numerics.is_float(getattr(node, n))]


def float_fields(node: Any) -> set[str]:
  """The same for an object and all that it holds."""
  out = set(own_float_fields(node))
  for name in node._leaf_fields:
    for x in jax.tree.leaves(getattr(node, name), is_leaf=lambda x: isinstance(x, Tree)):
      if isinstance(x, Tree) and _decides(x):
        out |= float_fields(x)
  return out
