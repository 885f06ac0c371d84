# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reading a model's config: a dict, a config.json, its directory or a config object, all bounded.

Nothing is downloaded and no package of the models' is imported.
"""

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from posenc_jax import _errors

LARGEST = 10 * 2**20  # bytes of a config.json; released ones have a few thousand
DEEPEST = 64  # dicts and lists within each other; released ones have five
MOST = 10**6  # values

# The same setting under the names of older configs.
ALIASES = {
    "hidden_size": ("n_embd", "n_embed", "d_model"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads"),
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers"),
    "max_position_embeddings": ("n_positions", "max_seq_len", "seq_length", "max_sequence_length"),
}


def read(config: Any) -> dict:
  """The settings as a dict; the caller's object stays as it is.

  Args:
    config: a dict, a path to a config.json or to its directory, or an object with ``to_dict``.

  Returns:
    A new dict.

  Raises:
    FileNotFoundError: no such file; nothing is downloaded.
    TypeError: another kind of object.
    ValueError: a file that is too large, not JSON, or nested too deep; NaN or infinity in it.
  """
  if isinstance(config, str | os.PathLike):
    config = _load(os.fspath(config))
  elif hasattr(config, "to_dict"):
    config = _renamed(config)
  if not isinstance(config, Mapping):
    raise _errors.type_error("config", _errors.describe(config), "a dict, a path to config.json or "
                             "its directory, or a config object", "Load it first")
  _check_depth(config)
  return dict(config)


def _load(path):
  if os.path.isdir(path):
    path = os.path.join(path, "config.json")
  if not os.path.isfile(path):
    raise FileNotFoundError(_errors.explain_fault(
        "config", repr(path), "a config.json or the directory that holds it",
        "Nothing is downloaded: download the model's config.json first"))
  with open(path, "rb") as f:
    text = f.read(LARGEST + 1)
  if len(text) > LARGEST:
    raise _errors.value_error("config", f"a file of more than {LARGEST >> 20} MB", "a config.json "
                              "of a few kB", "Pass the model's config, not its weights")
  try:
    return json.loads(text.decode("utf-8"), parse_constant=_no_constant)
  except RecursionError:
    raise _too_deep() from None
  except (json.JSONDecodeError, UnicodeDecodeError) as fault:
    raise _errors.value_error("config", f"no JSON ({fault})", "the JSON of a config.json",
                              f"Look at {path}") from None


def _no_constant(name):
  raise _errors.value_error("config", name, "finite numbers", "JSON itself has no such number")


def _renamed(config):
  """``to_dict``, which has lost the names that the object gives its settings."""
  settings = dict(config.to_dict())
  for name, own in dict(getattr(config, "attribute_map", None) or {}).items():
    if own in settings:
      settings.setdefault(name, settings[own])
  return settings


def _too_deep():
  return _errors.value_error("config", f"dicts or lists nested more than {DEEPEST} deep",
                             "a config, nested a few levels", "Pass the model's config.json")


def _check_depth(config):
  """Walks without recursion, so that no input can exhaust the stack."""
  level, seen = [config], 0
  for _ in range(DEEPEST):
    seen += len(level)
    if seen > MOST:
      raise _errors.value_error("config", f"more than {MOST} values", "a config",
                                "Pass the model's config.json")
    level = [v for c in level for v in (c.values() if isinstance(c, Mapping) else c)
             if isinstance(v, Mapping | list | tuple)]
    if not level:
      return
  raise _too_deep()


def canonical(settings: Mapping, defaults: Mapping) -> dict:
  """Sizes under one name each, over the defaults; a setting that is None counts as absent."""
  settings = dict(settings)
  for name, others in ALIASES.items():
    for other in others:
      if settings.get(name) is None and settings.get(other) is not None:
        settings[name] = settings[other]
  return {k: v for k, v in (dict(defaults) | settings).items() if v is not None}


def number(settings: Mapping, name: str, default: float | None = None, *, least: float = 0.0,
           open_end: bool = True) -> float:
  """A finite number; strings, bools, NaN and what is out of range are refused.

  Args:
    settings: where to look.
    name: its key.
    default: where the key is absent; None means that it is needed.
    least: the lower bound.
    open_end: whether the bound itself is refused.

  Returns:
    A float.
  """
  value = settings.get(name)
  if value is None:
    if default is None:
      raise missing(settings, name)
    return float(default)
  if isinstance(value, bool) or not isinstance(value, int | float):
    raise _errors.type_error(name, _errors.describe(value), "a number",
                             "JSON writes numbers without quotes")
  wanted = f"a finite number {'above' if open_end else 'of at least'} {least:g}"
  if not math.isfinite(value) or value < least or (open_end and value == least):
    raise _errors.value_error(name, value, wanted, "Look at the model's config.json")
  return float(value)


def size(settings: Mapping, name: str, default: int | None = None, *, least: int = 1) -> int:
  """A whole number, as ``number``."""
  value = number(settings, name, default, least=least, open_end=False)
  if value != int(value):
    raise _errors.value_error(name, value, "a whole number", "Look at the model's config.json")
  return int(value)


def missing(settings: Mapping, name: str) -> ValueError:
  """The error of a setting that is needed and absent."""
  shown = sorted(str(k) for k in settings)
  shown = f"{shown[:12]} .." if len(shown) > 12 else f"{shown}"
  return _errors.value_error("config", f"no {name!r}", f"{name!r} among {shown}",
                             "Complete the config")
