# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings by name, with settings, chained, or from a file of one's own.

  rotary                      a name of the table in ``posenc_jax.methods``, or none
  rotary(base=5e5)            with settings: arguments of its constructor
  rotary+alibi                a chain
  my_file.py:Kerple           a class or a function of a file

A class is built by ``init``, or by its constructor, and gets what its arguments name: ``key``,
``num_heads``, ``head_dim``, ``d_model``, ``length``, ``train_length``, ``base``. A function is
called as ``make(sizes, key, **settings)``; see ``posenc_jax.methods.Sizes``.
"""

import ast
import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

import posenc_jax as px
from experiments import own_files
from posenc_jax import _errors, methods
from posenc_jax.base import HOOKS
from posenc_jax.methods import Sizes as Sizes

ENCODINGS: dict[str, methods.Build] = methods.builders()
_FOLLOWS = {"num_heads": "heads", "heads": "heads", "head_dim": "head_dim", "d_model": "d_model"}
_GIVEN = {name: (lambda s, name=name: getattr(s, name))
          for name in ("length", "train_length", "base")}


@dataclasses.dataclass(frozen=True)
class Member:
  """One encoding of a chain.

  Attributes:
    name: as the user wrote it, a file without its folders.
    settings: (argument, value) of its constructor, by name.
    make: builds it.
    version: the first digits of the file's SHA-256; "" for what the package has.
  """

  name: str
  settings: tuple[tuple[str, Any], ...] = ()
  make: Callable[..., px.Encoding] = dataclasses.field(default=px.Encoding, repr=False)
  version: str = ""

  def __str__(self) -> str:
    name = self.name + (f"@{self.version}" if self.version else "")
    settings = ", ".join(f"{k}={v!r}" for k, v in self.settings)
    return f"{name}({settings})" if settings else name

  @property
  def short(self) -> str:
    """The name that --vary knows it by: that of a file's class alone."""
    return self.name.rsplit(":", 1)[-1]

  @property
  def known(self) -> tuple[str, ...]:
    """Names of its settings."""
    return getattr(self.make, "settings", None) or tuple(
        inspect.signature(self.make).parameters)[2:]


@dataclasses.dataclass(frozen=True)
class Spec:
  """What ``--encodings`` says of one encoding: members of a chain."""

  members: tuple[Member, ...]

  @property
  def label(self) -> str:
    """How cells and reports call it; says the version of a file's contents."""
    return "+".join(map(str, self.members))

  def __repr__(self) -> str:
    return self.label

  def has(self, name: str) -> bool:
    """Whether --vary knows a member by this name."""
    return any(member.short == name for member in self.members)

  def build(self, sizes: Sizes, key: jax.Array, vary: Iterable[tuple[str, str, Any]] = ()
            ) -> px.Encoding:
    """The encoding.

    Args:
      sizes: what it is built for.
      key: of its parameters; member i gets ``fold_in(key, i)``.
      vary: (member, field or setting, value); a leaf's value may be traced.

    Returns:
      An encoding.

    Raises:
      ValueError, TypeError: it cannot be built so.
    """
    built = []
    for i, member in enumerate(self.members):
      mine = {field: value for name, field, value in vary if name == member.short}
      settings = {**dict(member.settings), **{k: v for k, v in mine.items() if k in member.known}}
      e = member.make(sizes, jax.random.fold_in(key, i), **settings)
      built.append(_with_leaves(e, {k: v for k, v in mine.items() if k not in member.known}))
    return px.chain(*built)


def _with_leaves(e: px.Encoding, values: dict[str, Any]) -> px.Encoding:
  cast = {name: jnp.broadcast_to(jnp.asarray(value).astype(jnp.float32),
                                 jnp.shape(getattr(e, name))) for name, value in values.items()}
  return e.replace(**cast) if cast else e


def build(text: str, sizes: Sizes, key: jax.Array) -> px.Encoding:
  """The encoding that a text names.

  Example:
    >>> build("rotary(base=5e5)+alibi", Sizes(16, 2, 8, 32, 16), jax.random.key(0))
    Chain(Rotary(dim=8, base=500000.0), Alibi(slopes=f32[2]))
  """
  return parse(text).build(sizes, key)


def reader_fault(argument: str, label: str, e: px.Encoding) -> str | None:
  """What is wrong with an encoding that changes positions of which no part reads any.

  Example:
    >>> reader_fault("--encodings", "randomized", px.Randomized(8))[:65]
    "--encodings: got 'randomized', which changes positions that nothi"
    >>> reader_fault("--encodings", "none", px.Encoding())  # has no hook at all
  """
  hooks = {hook for part, *_ in e.parts() for hook in HOOKS if part.has(hook)}
  if hooks != {"positions"}:
    return None
  return _errors.explain_fault(
    argument, f"{label!r}, which changes positions that nothing reads, so it would train as none",
    "an encoding that reads them as well", f"Write {label}+rotary, or another behind the +")


def split_outside(text: str, mark: str) -> list[str]:
  """Splits a text at a mark, but not inside brackets or quotes.

  Example:
    >>> split_outside("t5(num_buckets=16, stddev=.1),alibi", ",")
    ['t5(num_buckets=16, stddev=.1)', 'alibi']
  """
  parts, depth, quote = [""], 0, ""
  for c in text:
    if quote:
      quote = "" if c == quote else quote
    elif c in "\"'":
      quote = c
    elif c in "([{":
      depth += 1
    elif c in ")]}":
      depth -= 1
    elif c == mark and depth == 0:
      parts.append("")
      continue
    parts[-1] += c
  return [part.strip() for part in parts]


def parse(text: str) -> Spec:
  """What a text names, its files read and its settings checked by name.

  A label of a ``Spec`` names the same again, also of a file that has been edited since.

  Raises:
    ValueError: it names nothing, or a setting that its encoding does not have.

  Example:
    >>> parse("t5(stddev=0.1, num_buckets=16)+alibi").label
    't5(num_buckets=16, stddev=0.1)+alibi'
  """
  return Spec(tuple(_member(part) for part in split_outside(text, "+")))


def _member(text: str) -> Member:
  found = re.fullmatch(r"([^()]*?)\s*(?:\((.*)\))?", text, re.DOTALL)
  if not found or not found.group(1):
    raise _errors.value_error("--encodings", repr(text), "name or name(setting=value, ..)",
                              "Close every bracket")
  name, given = found.group(1), found.group(2)
  if ":" in name:
    name, make, version = own_files.load(name)
    make = make if not inspect.isclass(make) else _by_names(make)
  elif name in ENCODINGS:
    make, version = ENCODINGS[name], ""
  else:
    near = _errors.near(name, ENCODINGS)
    raise _errors.value_error(
      "--encodings", repr(name), f"some of {', '.join(ENCODINGS)} (joined by + to chain), or "
      "file.py:Class", f"Did you mean {near!r}?" if near else "Choose one of them")
  member = Member(name, (), make, version)
  settings = _settings(text, given, member.known) if given and given.strip() else ()
  return dataclasses.replace(member, settings=settings)


@functools.lru_cache(maxsize=256)
def _by_names(cls: Any) -> methods.Maker:
  """A maker for a class: its arguments say by their names what they are."""
  make = cls.init if hasattr(cls, "init") else cls
  names = list(inspect.signature(make).parameters)
  return methods.Maker(make, {n: _FOLLOWS[n] for n in names if n in _FOLLOWS},
                       {n: _GIVEN[n] for n in names if n in _GIVEN})


def _settings(text: str, given: str, known: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
  try:
    call = ast.parse(f"f({given})", mode="eval").body
    if not isinstance(call, ast.Call) or call.args or not all(k.arg for k in call.keywords):
      raise ValueError
    if len({k.arg for k in call.keywords}) < len(call.keywords):  # Python's parser lets it pass
      raise ValueError
    found = {str(k.arg): _frozen(ast.literal_eval(k.value)) for k in call.keywords}
  except (ValueError, SyntaxError) as error:
    raise _errors.value_error("--encodings", repr(text), "settings as name=value, each once, "
                              "values as Python writes them",
                              "Write for instance t5(num_buckets=16)") from error
  for name in found:
    if name not in known:
      near = _errors.near(name, known)
      raise _errors.value_error(
        f"--encodings: {text}", f"a setting {name!r}", "one of " + (", ".join(known) or "none"),
        f"Did you mean {near!r}?" if near else "Leave it out")
  return tuple(sorted(found.items()))


def _frozen(value: Any) -> Any:
  return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


class _Watched(Sizes):
  """Sizes that note which of them were looked at."""

  def __getattribute__(self, name: str) -> Any:
    if name in _SIZES:
      object.__getattribute__(self, "seen").add(name)
    return object.__getattribute__(self, name)


_SIZES = frozenset(f.name for f in dataclasses.fields(Sizes))


def reads(spec: Spec, sizes: Sizes, vary: Iterable[tuple[str, str, Any]] = ()) -> frozenset[str]:
  """Which fields of ``Sizes`` building it looks at, with these settings.

  Example:
    >>> sorted(reads(parse("rotary+alibi"), Sizes(16, 2, 8, 32, 16)))
    ['base', 'head_dim', 'heads']
  """
  watched = object.__new__(_Watched)
  for name in ("seen", *_SIZES):
    object.__setattr__(watched, name, set() if name == "seen" else getattr(sizes, name))
  jax.eval_shape(lambda: spec.build(watched, jax.random.key(0), tuple(vary)))
  return frozenset(watched.seen)
