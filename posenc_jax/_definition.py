# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What ``@encoding`` refuses: classes whose hooks nobody would call."""

import inspect
from collections.abc import Mapping, Sequence

from posenc_jax import _errors


def check_class(cls: type, base: type, hooks: Sequence[str], renamed: Mapping[str, str]) -> None:
  """Refuses a class that answers no hook, misspells one or gives it other arguments.

  Args:
    cls: the class, before it is a dataclass.
    base: the class whose methods are the hooks' defaults.
    hooks: their names.
    renamed: former names to present ones.

  Raises:
    TypeError: as above; a former name; a field that is named like a hook.
  """
  where, fields = f"@encoding: class {cls.__name__}", set(cls.__dict__.get("__annotations__", {}))
  for name in sorted(fields & {*hooks, *renamed}):
    raise _errors.type_error(where, f"a field {name!r}", "fields that are not named like hooks",
                             f"Rename it: {name}_table, or {name}_weight")
  for name, value in cls.__dict__.items():
    if name in renamed:
      raise _errors.type_error(where, repr(name), repr(renamed[name]),
                               "The hook has a new name and signature; see CHANGELOG.md")
    if name in hooks and callable(value):
      _check_arguments(where, name, value, getattr(base, name))
    elif (inspect.isfunction(value) and not name.startswith("_") and name not in fields
          and not hasattr(base, name)):
      close = _errors.near(name, hooks)
      if close:
        raise _errors.type_error(where, f"a method {name!r}", f"the hook {close!r}",
                                 "Rename it, or let its name begin with _ if it is no hook")
  if all(getattr(cls, n, None) is getattr(base, n) for n in hooks):
    raise _errors.type_error(where, "no hook", "at least one of " + ", ".join(hooks),
                             "For no encoding at all use Encoding()")


def _check_arguments(where, name, value, default):
  """Raises unless a hook takes as many arguments as its default, and its keywords."""
  try:
    came, wanted = (list(inspect.signature(f).parameters.values()) for f in (value, default))
  except (TypeError, ValueError):  # a callable without a signature
    return
  plain = lambda ps: [p for p in ps if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
  text = lambda ps: f"{name}({', '.join(p.name for p in ps)})"
  if any(p.kind == p.VAR_POSITIONAL for p in came):
    return
  if len(plain(came)) != len(plain(wanted)):
    raise _errors.type_error(where, text(came), text(wanted),
                             "help(posenc_jax.Encoding) has every hook with its arguments")
  missing = {p.name for p in wanted if p.kind == p.KEYWORD_ONLY} - {p.name for p in came}
  if missing and not any(p.kind == p.VAR_KEYWORD for p in came):
    raise _errors.type_error(where, f"{name} without {sorted(missing)}", text(wanted),
                             "Take it, and ignore it with del")
