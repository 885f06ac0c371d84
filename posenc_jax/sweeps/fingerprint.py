# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A fingerprint of functions: their code and whatever numbers and functions they can reach.

Parts are what a reader would name: the code of a function, a closed-over number, a field of an
object, an array's content. Code is compared as bytecode without line numbers, names of files and
docstrings, so comments and line breaks change nothing, and lambdas and notebook cells have it too;
the bytecode of another Python is not comparable, so its version is in the fingerprint.

From a function the walk goes to its defaults, its closure and the globals it names, and so on. Of
code that was installed (all but posenc_jax) only names and closures count, as versions are compared
by themselves. What is read from files is not seen here.
"""

import contextlib
import dataclasses
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.sweeps.bytecode import code_text, digest, is_generated, is_installed, names_in

Parts = dict[str, str]
_SCALARS = (type(None), bool, int, float, complex, str, bytes, type(...))
_DEEP = 12
MOST_ITEMS = 64
_WRAPPED = ("__wrapped__", "fwd", "bwd", "jvp")
_OURS = __name__.partition(".")[0]
_LEFT_OUT = set(
  "__doc__ __module__ __dict__ __weakref__ __annotations__ __qualname__ __firstlineno__ "
  "__static_attributes__ __annotate_func__ __annotations_cache__ __dataclass_fields__ "
  "__dataclass_params__ __abstractmethods__ __orig_bases__ __parameters__ __slots__ _abc_impl "
  "__match_args__ __protocol_attrs__".split())


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
  """What differs between parts, a line each.

  Example:
    >>> changes({"Train.steps": "40", "step": "code 1f"}, {"Train.steps": "80", "step": "code 2e"})
    ['Train.steps: was 40, now 80', 'step: its code']
  """
  edited, others = [], []
  for name in sorted({*old, *new}):
    before, after = old.get(name), new.get(name)
    if before is None or after is None:
      others.append(f"{name}: {'new' if before is None else 'gone'}")
    elif before != after:
      code = "code " in before and "code " in after
      edited.append(f"{name}: " + ("its code" if code else f"was {before}, now {after}"))
  return edited + others


def _ours(module: str | None) -> bool:
  return (module or "").partition(".")[0] == _OURS


def _foreign(thing: Any) -> bool:
  """Whether a function, class or module was installed rather than written for this sweep."""
  module = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__
  if _ours(module):
    return False
  if isinstance(thing, types.FunctionType):
    return is_installed(thing.__code__.co_filename)
  found = thing if isinstance(thing, types.ModuleType) else sys.modules.get(module or "")
  file = getattr(found, "__file__", None)
  return module != "__main__" and found is not None and (file is None or is_installed(file))


def _array_text(x: Any) -> str:
  if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
    x = jax.random.key_data(x)
  x = np.asarray(x)
  if x.ndim == 0:
    return f"{x.dtype} {x.item()!r}"
  about = f"{x.dtype}{list(x.shape)}"
  content: Any = (repr(x.tolist()).encode() if x.dtype == object
             else np.ascontiguousarray(x).reshape(-1).view(np.uint8))  # a GB takes about a second
  return f"{about} {hashlib.sha256(content).hexdigest()[:16]}"


def _scalar_text(x: Any) -> str:
  text = repr(x)
  return text if len(text) <= 60 else f"{text[:40]}... {digest(text)}"


def _joined(texts: list[str]) -> str:
  """What a name stands for that several things have, as a field and its default do."""
  if any("code " in text for text in texts[1:]):
    return f"code {digest(*texts)}"
  return " and ".join(texts) if len(texts) < 4 else f"{texts[0]} and others {digest(*texts)}"


@dataclasses.dataclass
class _Node:
  """A function, class or object: its parts, and ids of the nodes it reaches."""

  parts: list[tuple[str, str]] = dataclasses.field(default_factory=list)
  reaches: set[int] = dataclasses.field(default_factory=set)

  @functools.cached_property
  def digest(self) -> str:
    """Of its own parts; asked for when the node is complete."""
    return digest(*(f"{name} {text}" for name, text in sorted(set(self.parts))))


class Fingerprints:
  """Fingerprints of many programs of one process, whose functions are mostly the same.

  Functions and objects must not change while it lives.
  """

  def __init__(self):
    self._nodes: dict[int, _Node] = {}
    self._alive: list[Any] = []  # An id is a thing's own only while it lives.
    self._arrays: dict[int, str] = {}
    self._queue: list[tuple[_Node, Any]] = []

  def source(self, **roots: Any) -> str:
    """One hash for all parts, with the Python whose bytecode they are: "3.11-0123456789abcdef"."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"{version}-{digest(*sorted({node.digest for node in self._reached(roots)}))}"

  def parts(self, **roots: Any) -> Parts:
    """The parts of functions and values by name; those of posenc_jax are one a module."""
    values: dict[str, set[str]] = {}
    for node in self._reached(roots):
      for name, text in node.parts:
        module, bar, inner = name.partition("|")
        values.setdefault(module, set()).add(f"{inner} code {text}" if bar else text)
    return {name: _joined(sorted(texts)) for name, texts in values.items()}

  def _reached(self, roots: Mapping[str, Any]) -> list[_Node]:
    top = _Node()
    for name, value in roots.items():
      self._add(top, name, value)
    while self._queue:
      node, thing = self._queue.pop()
      self._fill(node, thing)
    seen, found, todo = set(), [top], [top]
    while todo:
      fresh = todo.pop().reaches - seen
      seen |= fresh
      nodes = [self._nodes[i] for i in fresh]
      found += nodes
      todo += nodes
    return found

  def _add(self, node: _Node, name: str, value: Any, depth: int = 0) -> None:
    """Adds a value to a node: as a part of it, or as a node that it reaches."""
    if not getattr(type(value), "_is_code", True):
      return  # A registry of what the process has defined, such as a notebook's classes.
    if isinstance(value, _SCALARS):
      node.parts.append((name, _scalar_text(value)))
    elif isinstance(value, (np.ndarray, np.generic, jax.Array)):
      node.parts.append((name, self._array(value)))
    elif isinstance(value, types.ModuleType) or depth > _DEEP:
      node.parts.append((name, type(value).__name__))
    elif isinstance(value, Mapping):
      label = lambda key: _scalar_text(key) if isinstance(key, _SCALARS) else type(key).__name__
      self._add_items(node, name, [(label(key), item) for key, item in value.items()], depth)
    elif isinstance(value, (set, frozenset)):
      node.parts.append((name, _scalar_text(sorted(map(_scalar_text, value)))))
    elif isinstance(value, (list, tuple)):
      if all(isinstance(v, _SCALARS) for v in value):
        node.parts.append((name, _scalar_text(list(value))))
      else:
        self._add_items(node, name, list(enumerate(value)), depth)
    elif isinstance(value, types.MethodType):
      self._reach(node, value.__func__)
      self._reach(node, value.__self__)
    elif isinstance(value, functools.partial):
      for part in ("func", "args", "keywords"):
        self._add(node, f"{name}.{part}", getattr(value, part), depth + 1)
    elif isinstance(value, (staticmethod, classmethod, property, functools.cached_property)):
      for part in ("__func__", "fget", "fset", "func"):
        if getattr(value, part, None) is not None:
          self._add(node, name, getattr(value, part), depth + 1)
    else:
      wrapped = () if isinstance(value, type) else _WRAPPED
      for part in wrapped:  # Of jit, custom_vjp, custom_jvp and other decorators.
        if callable(inner := getattr(value, part, None)):
          self._add(node, name, inner, depth + 1)
      self._reach(node, value)

  def _add_items(self, node: _Node, name: str, items: Sequence[tuple[Any, Any]], depth: int
                 ) -> None:
    """Items of a container one by one; those of a large one together."""
    inner = _Node() if len(items) > MOST_ITEMS else node
    for label, item in items:
      self._add(inner, f"{name}[{label}]", item, depth + 1)
    if inner is not node:
      node.parts.append((name, f"{len(items)} items {inner.digest}"))
      node.reaches |= inner.reaches

  def _array(self, x: Any) -> str:
    if id(x) not in self._arrays:
      self._arrays[id(x)] = _array_text(x)
      self._alive.append(x)
    return self._arrays[id(x)]

  def _reach(self, node: _Node, thing: Any) -> None:
    if id(thing) not in self._nodes:
      self._nodes[id(thing)] = _Node()
      self._alive.append(thing)
      self._queue.append((self._nodes[id(thing)], thing))
    node.reaches.add(id(thing))

  def _fill(self, node: _Node, thing: Any) -> None:
    if isinstance(thing, types.FunctionType):
      self._fill_function(node, thing)
    elif isinstance(thing, type):
      self._fill_class(node, thing)
    else:
      self._fill_object(node, thing)

  def _fill_function(self, node: _Node, function: types.FunctionType) -> None:
    name, code, foreign = _name(function), function.__code__, _foreign(function)
    node.parts.append((name, "installed" if foreign else f"code {code_text(code)}"))
    for default in (function.__defaults__, function.__kwdefaults__):
      if default:
        self._add(node, f"{name}: defaults", default)
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
      try:
        self._add(node, f"{name}: {variable}", cell.cell_contents)
      except ValueError:  # Not yet assigned.
        pass
    if not foreign:
      self._add_globals(node, function.__globals__, function.__module__, names_in(code))

  def _add_globals(self, node: _Node, names: Mapping[str, Any], module: str, used: set[str],
                   depth: int = 0) -> None:
    label = f"{module}|" if _ours(module) else "" if module == "__main__" else f"{module}."
    for name in used.intersection(names):
      value = names[name]
      if not isinstance(value, types.ModuleType):
        self._add(node, f"{label}{name}", value)
      elif depth < 4 and not _foreign(value):
        self._add_globals(node, vars(value), value.__name__, used, depth + 1)

  def _fill_class(self, node: _Node, kind: type) -> None:
    for cls in kind.__mro__:
      if cls is object or _foreign(cls):
        continue
      for name, member in vars(cls).items():
        if name not in _LEFT_OUT and not is_generated(member):
          self._add(node, f"{_name(cls)}.{name}", member)

  def _fill_object(self, node: _Node, thing: Any) -> None:
    kind = type(thing)
    node.parts.append((f"{_name(kind)} object", str(thing) if isinstance(thing, np.dtype) else ""))
    if kind.__module__.partition(".")[0] in ("builtins", "jax", "jaxlib", "numpy"):
      return
    self._reach(node, kind)
    if _foreign(kind) and hasattr(thing, "__array__"):  # Of pandas, torch, ...
      with contextlib.suppress(Exception):
        node.parts.append((_name(kind), _array_text(np.asarray(thing))))
        return
    fields = dict(getattr(thing, "__dict__", {}))
    for cls in kind.__mro__:
      slots = vars(cls).get("__slots__", ())
      for slot in (slots,) if isinstance(slots, str) else slots:
        if hasattr(thing, slot):
          fields[slot] = getattr(thing, slot)
    for name, value in fields.items():
      if isinstance(inspect.getattr_static(kind, name, None), functools.cached_property):
        continue  # What it holds depends on who has asked; its code is the class's.
      self._add(node, f"{_name(kind).replace('|', '.')}.{name}", value)


def _name(thing: Any) -> str:
  """A function's or class's name; in posenc_jax "module|name", for parts by modules."""
  module = "" if thing.__module__ in ("__main__", None) else f"{thing.__module__}."
  name = f"{module}{thing.__qualname__}"
  return name.replace(module, f"{module[:-1]}|", 1) if _ours(module) else name
