# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The manifest: everything about a sweep but its results, enough to repeat it.

What decides the numbers (experiment, settings, data, schema) must be the same when a sweep is
resumed; a change of what may move their last digits (versions, code, devices) makes a warning. Of
the environment only JAX_* and XLA_FLAGS are kept, as other variables may hold secrets.
"""

import dataclasses
import functools
import importlib.metadata
import inspect
import os
import pathlib
import platform
import subprocess
import sys
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from posenc_jax._errors import type_error
from posenc_jax.sweeps.experiment import goal_of
from posenc_jax.sweeps.records import now
from posenc_jax.sweeps.store.lines import canonical

SCHEMA = 1
MUST_MATCH = ("schema", "experiment", "settings", "data")
SHOULD_MATCH = ("versions", "git", "devices", "config")
_PACKAGES = ("posenc_jax", "jax", "jaxlib", "flax", "optax", "numpy")


def to_json(value: Any, where: str = "settings") -> Any:
  """A setting as JSON: dataclasses and mappings as objects, tuples as lists, paths as text.

  Raises:
    TypeError: something else is in it, named by its place.

  Example:
    >>> to_json({"steps": np.int64(5), "widths": (8, 16)})
    {'steps': 5, 'widths': [8, 16]}
  """
  if dataclasses.is_dataclass(value) and not isinstance(value, type):
    value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
  if isinstance(value, Mapping):
    return {str(k): to_json(v, f"{where}.{k}") for k, v in value.items()}
  if isinstance(value, (list, tuple)):
    return [to_json(v, f"{where}[{i}]") for i, v in enumerate(value)]
  if isinstance(value, (np.generic, np.ndarray)):
    return to_json(value.tolist(), where)
  if isinstance(value, pathlib.PurePath):
    return str(value)
  if value is None or isinstance(value, (bool, int, str)):
    return value
  if isinstance(value, float):
    return value if np.isfinite(value) else str(value)
  raise type_error(where, f"a {type(value).__name__}", "data that JSON can hold",
                   "Give the experiment a `settings` mapping of what decides its results")


def settings_of(experiment: Any) -> dict[str, Any]:
  """The experiment's settings: its ``settings``, or its own fields if it is a dataclass."""
  given = getattr(experiment, "settings", None)
  if given is None and dataclasses.is_dataclass(experiment) and not hasattr(experiment, "make"):
    given = experiment
  return to_json(given) if given is not None else {}


def _version(package: str) -> str | None:
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return None


def _git(directory: pathlib.Path, *args: str) -> str:
  return subprocess.run(["git", "-C", str(directory), *args], capture_output=True, text=True,
                        timeout=10, check=True).stdout.strip()


@functools.lru_cache(maxsize=4)
def git_state(directory: pathlib.Path) -> dict[str, Any] | None:
  """Commit and whether files differ from it, or None outside a checkout."""
  git = functools.partial(_git, directory)
  try:
    return {"commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
  except (OSError, subprocess.SubprocessError):
    return None


def _origin(file: str | None) -> dict[str, Any] | None:
  """A file's name in its repository, with commit and whether anything differs from that."""
  if not file or not os.path.isfile(file):
    return None
  path = pathlib.Path(file).resolve()
  state = git_state(path.parent)
  if state is None:
    return {"file": path.name}
  try:
    return {"file": _git(path.parent, "rev-parse", "--show-prefix") + path.name, **state}
  except (OSError, subprocess.SubprocessError):
    return {"file": path.name, **state}


def callers(experiment: Any) -> dict[str, Any]:
  """Where the script and the experiment came from; None for a notebook or a prompt."""
  made = getattr(experiment, "make", None) or type(experiment)
  try:
    file = inspect.getsourcefile(inspect.unwrap(made))
  except (TypeError, OSError):
    file = None
  main = getattr(sys.modules.get("__main__"), "__file__", None) or (sys.argv or [""])[0]
  return {"main": _origin(main), "experiment": _origin(file)}


def environment() -> dict[str, str]:
  """The JAX_* variables and XLA_FLAGS, nothing else of the environment."""
  return {k: v for k, v in sorted(os.environ.items()) if k.startswith("JAX_") or k == "XLA_FLAGS"}


def identity(experiment: Any) -> dict[str, Any]:
  """What of a manifest must be the same when a sweep is resumed."""
  kind = type(experiment)
  name = getattr(experiment, "name", None) or f"{kind.__module__}.{kind.__qualname__}"
  return {"schema": SCHEMA, "experiment": name,
          "settings": settings_of(experiment), "data": getattr(experiment, "data", None)}


def describe(experiment: Any, argv: tuple[str, ...] | None, name: str | None) -> dict[str, Any]:
  """A manifest without its grid and packing."""
  devices = jax.local_devices()
  return {
    **identity(experiment),
    "name": name,
    "created": now(),
    "goal": goal_of(experiment),
    "argv": list(argv) if argv is not None else None,
    "versions": {"python": platform.python_version(),
                 **{package: _version(package) for package in _PACKAGES}},
    "caller": callers(experiment),
    "git": git_state(pathlib.Path(__file__).resolve().parent),
    "devices": {"backend": devices[0].platform, "kind": devices[0].device_kind,
                "count": len(devices), "processes": jax.process_count()},
    "config": {name: str(getattr(jax.config, name)) for name in
               ("jax_default_prng_impl", "jax_default_matmul_precision", "jax_enable_x64",
                "jax_threefry_partitionable")},
    "environment": environment(),
    "platform": f"{platform.system()} {platform.machine()}, {sys.implementation.name}",
    "cells": {},
    "groups": [],
    "runs": [],
  }


def differences(old: Any, new: Any, where: str) -> list[str]:
  """Field by field, what differs between two JSON values.

  Example:
    >>> differences({"steps": 5, "lr": 0.1}, {"steps": 6}, "settings")
    ['settings.lr: was 0.1, now absent', 'settings.steps: was 5, now 6']
  """
  if isinstance(old, Mapping) and isinstance(new, Mapping):
    found = []
    for key in sorted({*old, *new}):
      if key not in old:
        found.append(f"{where}.{key}: was absent, now {new[key]!r}")
      elif key not in new:
        found.append(f"{where}.{key}: was {old[key]!r}, now absent")
      else:
        found += differences(old[key], new[key], f"{where}.{key}")
    return found
  return [] if old == new else [f"{where}: was {old!r}, now {new!r}"]


def checksum(manifest: Mapping[str, Any]) -> str:
  """CRC-32 of a manifest, all but the checksum itself, as 8 hex digits."""
  rest = {k: v for k, v in manifest.items() if k != "crc32"}
  return f"{zlib.crc32(canonical(rest).encode()):08x}"
