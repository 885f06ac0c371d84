# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings from a user's file: ``my_file.py:Kerple``, told apart by the file's contents."""

import dataclasses
import functools
import hashlib
import importlib.util
import inspect
import pathlib
import sys
from typing import Any

from posenc_jax import _errors
from posenc_jax.methods import Sizes

DIGITS = 8
_SIZES = tuple(field.name for field in dataclasses.fields(Sizes))
_ARE_SIZES = (*_SIZES, "num_heads", "dim", "key")  # as one might name what is one of them


def load(text: str) -> tuple[str, Any, str]:
  """What a text like ``folder/my_file.py:Kerple`` names.

  Args:
    text: path and name.

  Returns:
    (the text without folders, what it names, the first digits of the SHA-256 of the contents): the
    digits go into what cells are called, so that results of an edited file are never mixed.

  Raises:
    ValueError: there is no such file or name in it, the file does not run, or the name is a
      function that cannot be called as ``f(sizes, key, **settings)``.
  """
  if found := _of_label(text):
    return found
  where, name = text.rsplit(":", 1)
  path = pathlib.Path(where)
  if _errors.clean(where) != where:
    raise _errors.value_error("--encodings", repr(text), "a file whose name can be printed",
                              "Rename it: the name is what cells are called")
  try:
    content = path.read_bytes()
  except OSError as error:
    raise _errors.value_error("--encodings", repr(text), "a file of Python and a name in it",
                              f"{where}: {error.strerror}") from error
  version = hashlib.sha256(content).hexdigest()[:DIGITS]
  name = name.removesuffix(f"@{version}")  # the label of an earlier run, of this very file
  if "@" in name:
    raise _errors.value_error("--encodings", repr(text), f"{where} as it is now, @{version}",
                              f"Write {where}:{name.split('@')[0]}, if that is what it should be")
  module = _run(path.resolve(), version)
  made = getattr(module, name, None)
  if not callable(made):
    names = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
    near = _errors.near(name, names)
    raise _errors.value_error(
      "--encodings", repr(text), f"a class or function of {path.name}: {', '.join(names)}",
      f"Did you mean {near!r}?" if near else "Correct the name")
  if not inspect.isclass(made):
    _check_arguments(text, made)
  return f"{path.name}:{name}", made, version


def _check_arguments(text: str, make: Any) -> None:
  """Raises unless a function takes sizes and a key, by their place."""
  try:
    signature = inspect.signature(make)
  except (ValueError, TypeError):  # of C: nothing is known of it
    return
  takes = list(signature.parameters.values())[:2]
  if any(p.kind is p.VAR_POSITIONAL for p in takes):
    return
  first = [p for p in takes if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
  if len(first) < 2 or first[0].name in _ARE_SIZES or first[1].name in _SIZES:
    raise _errors.value_error(
      "--encodings", f"{text!r}, a function of {signature}", "one that is called as "
      f"f(sizes, key, **settings), where sizes has {', '.join(_SIZES)}",
      "Take sizes and key first, and for instance sizes.head_dim from them")


def _of_label(text: str) -> tuple[str, Any, str] | None:
  """What a label like ``my_file.py:Kerple@01234567`` names, if this process has read its file."""
  where, _, version = text.rpartition("@")
  file, _, name = where.rpartition(":")
  module = sys.modules.get(_module_name(pathlib.Path(file), version))
  made = getattr(module, name, None)
  return None if made is None or pathlib.Path(file).name != file else (where, made, version)


def _module_name(path: pathlib.Path, version: str) -> str:
  return f"{path.stem}_{version}"


@functools.lru_cache(maxsize=64)
def _run(path: pathlib.Path, version: str) -> Any:
  """The module of a file; another version of it is another module."""
  spec = importlib.util.spec_from_file_location(_module_name(path, version), path)
  if spec is None or spec.loader is None:
    raise _errors.value_error("--encodings", str(path), "a file of Python", "Name a .py file")
  module = importlib.util.module_from_spec(spec)
  sys.modules[spec.name] = module  # where ``_of_label`` and dataclasses look for names
  try:
    spec.loader.exec_module(module)
  except Exception as error:
    del sys.modules[spec.name]
    raise _errors.value_error("--encodings", f"{path.name}, which raised {error!r}",
                              "a file that runs", "Correct it") from error
  return module
