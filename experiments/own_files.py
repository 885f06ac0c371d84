# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings from a user's file: ``my_file.py:Kerple``, told apart by the file's contents."""

import functools
import hashlib
import importlib.util
import pathlib
import sys
from typing import Any

from posenc_jax import _errors

DIGITS = 8
_seen: dict[str, tuple[str, Any]] = {}  # what a label names, once its file has been read


def load(text: str) -> tuple[str, Any, str]:
  """What a text like ``folder/my_file.py:Kerple`` names.

  Args:
    text: path and name.

  Returns:
    (the text without folders, what it names, the first digits of the SHA-256 of the contents): the
    digits go into what cells are called, so that results of an edited file are never mixed.

  Raises:
    ValueError: there is no such file or name in it, or the file does not run.
  """
  if text in _seen:
    return (*_seen[text], text.rsplit("@", 1)[1])
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
  if "@" in name:  # the label of an earlier run
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
  _seen[f"{path.name}:{name}@{version}"] = f"{path.name}:{name}", made
  return f"{path.name}:{name}", made, version


@functools.lru_cache(maxsize=64)
def _run(path: pathlib.Path, version: str) -> Any:
  """The module of a file; another version of it is another module."""
  spec = importlib.util.spec_from_file_location(f"{path.stem}_{version}", path)
  if spec is None or spec.loader is None:
    raise _errors.value_error("--encodings", str(path), "a file of Python", "Name a .py file")
  module = importlib.util.module_from_spec(spec)
  sys.modules[spec.name] = module  # where dataclasses look for the names in annotations
  try:
    spec.loader.exec_module(module)
  except Exception as error:
    del sys.modules[spec.name]
    raise _errors.value_error("--encodings", f"{path.name}, which raised {error!r}",
                              "a file that runs", "Correct it") from error
  return module
