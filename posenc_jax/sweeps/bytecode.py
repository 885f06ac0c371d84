# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Bytecode as a text that no comment, line number, file name or docstring changes."""

import functools
import hashlib
import inspect
import os
import sysconfig
import types
from typing import Any

_INSTALLED = tuple({os.path.realpath(sysconfig.get_paths()[name]) + os.sep for name in
                    ("stdlib", "platstdlib", "purelib", "platlib")})
_DOCSTRING = getattr(inspect, "CO_HAS_DOCSTRING", None)


def digest(*texts: str) -> str:
  """The first 64 bits of SHA-256 of texts, as 16 hex digits."""
  return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def code_text(code: types.CodeType) -> str:
  """A hash of what a function's code does."""
  constants = list(code.co_consts)
  documented = (code.co_flags & _DOCSTRING if _DOCSTRING else
                constants and isinstance(constants[0], str) and code.co_name != "<lambda>")
  if documented:
    constants[0] = None
  if "__firstlineno__" in code.co_names:  # The body of a class.
    constants = [c for c in constants if c != code.co_firstlineno]
  texts = [code_text(c) if isinstance(c, types.CodeType) else
           repr(sorted(map(repr, c)) if isinstance(c, frozenset) else c) for c in constants]
  return digest(code.co_code.hex(), *code.co_names, str(code.co_flags), *texts)


def names_in(code: types.CodeType) -> set[str]:
  """The globals and attributes that a function names, and the functions inside it."""
  inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
  return set(code.co_names).union(*map(names_in, inner))


@functools.lru_cache(maxsize=4096)
def is_installed(file: str) -> bool:
  """Whether a file belongs to Python or to an installed package."""
  return file.startswith("<frozen") or os.path.realpath(file).startswith(_INSTALLED)


def is_generated(member: Any) -> bool:
  """Whether ``dataclass`` or ``namedtuple`` wrote a method; its fields are walked anyway."""
  code = None if hasattr(member, "__wrapped__") else getattr(member, "__code__", None)
  return code is not None and (code.co_filename == "<string>" or is_installed(code.co_filename))
