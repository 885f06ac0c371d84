# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is trained: the kinds of fields, read from any tree that holds encodings.

Everything that learns (NNX modules, optax, Equinox, Linen, plain JAX) asks ``partition`` or
``is_parameter``; nothing else in the package decides what is trained.
"""

import dataclasses
from typing import Any, TypeVar

import jax

from posenc_jax import _errors, _numerics
from posenc_jax._tree import Tree

_T = TypeVar("_T")


def is_parameter(tree: Any) -> Any:
  """Which leaves of a tree are parameters: a PyTree of bools, for optimizers and filters.

  For optax it labels the leaves: ``optax.multi_transform({True: adam, False: optax.set_to_zero()},
  is_parameter)``. ``optax.masked`` alone would pass the gradients of other leaves on unchanged.

  Inside an encoding the fields decide: those declared ``parameter()`` (or turned into one by
  ``learn``) are True where they are floats. Outside of encodings every float array is True, but
  what ``posenc_jax.nn`` holds as a ``Hyper``.

  Args:
    tree: any PyTree that holds encodings: an encoding, a dict of parameters, an Equinox module.

  Returns:
    The same tree with a bool for every leaf.

  Example:
    >>> import posenc_jax as px
    >>> is_parameter({"e": px.Alibi(2), "w": jax.numpy.ones(2)})
    {'e': Alibi(slopes=False), 'w': True}
  """
  return jax.tree.map(_mark, tree, is_leaf=lambda x: isinstance(x, Tree) or _is_fixed(x))


_fixed: list[type] = []


def never_train(cls: type) -> None:
  """Says of a module library's class of variables that what they hold is never a parameter."""
  _fixed.append(cls)


def _is_fixed(node) -> bool:
  kind = getattr(node, "type", type(node))  # of a state, where the variable's class is a field
  return isinstance(kind, type) and issubclass(kind, tuple(_fixed))


def _mark(node):
  if _is_fixed(node):
    return jax.tree.map(lambda x: False, node)
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
    ValueError: a leaf that both have; trees of two structures.

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

  none = lambda x: x is None
  one, other = (jax.tree.structure(x, is_leaf=none) for x in (parameters, rest))
  if one != other:
    raise _errors.value_error("parameters, rest", f"two structures, {one} and {other}",
                              "trees of one structure",
                              "Pass the two trees that partition returned")
  return jax.tree.map(pick, parameters, rest, is_leaf=none)


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
  for name in fields:
    if not isinstance(name, str):
      raise _errors.type_error("learn, freeze", _errors.describe(name), "names of fields",
                               "Write them one after the other: px.learn(e, 'a', 'b')")
  found: set[str] = set()
  new = _turned(tree, set(fields), on, found)
  lost = sorted(set(fields) - found)
  if lost:
    mend = f"It has {sorted(float_fields(tree))}"
    if "frequencies" in lost and hasattr(tree, "frequencies"):
      mend += ("; exact frequencies are whole numbers, which no gradient moves: build it by "
               f"{type(tree).__name__}.from_frequencies(.., learned=True)" if hasattr(
                 tree, "from_frequencies") else "; exact frequencies are no floats")
    raise _errors.value_error("learn, freeze", lost, f"float fields of {type(tree).__name__}", mend)
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
