# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The reference: public names only, by module; methods have theirs on their cards."""

import importlib
import inspect
import types

import posenc_jax as px
from posenc_jax.methods import METHODS

from . import cards

# Page, title, its first words, [(heading, module, names)]; no names means all that it exports.
CORE = {
  "Attention": ("attend", "attention_weights", "explain", "config", "prepare", "context_attend",
                "zigzag", "unzigzag", "zigzag_order"),
  "Encodings of your own": ("encoding", "Encoding", "static", "parameter", "Tile", "Each"),
  "Several encodings as one": ("chain", "along", "on_heads", "on_dims", "share_heads"),
  "Training": ("partition", "combine", "is_parameter", "learn", "freeze"),
  "Released models": ("from_hf", "layers_from_hf"),
  "Exactness and the machine": ("Frequencies", "precision_report", "PrecisionReport", "selfcheck")}
MODULES = ("positions", "phases", "interop", "plots", "testing", "nn", "sweeps")


def directive(module: str, name: str) -> str:
  """The autodoc directive of a public name."""
  value = getattr(importlib.import_module(module), name)
  if inspect.isclass(value):
    members = "" if issubclass(value, px.Encoding) and value is not px.Encoding else (
      "   :members:\n")
    return f".. autoclass:: {module}.{name}\n{members}"
  kind = "autofunction" if callable(value) else "autodata"
  return f".. {kind}:: {module}.{name}\n"


def public(module: types.ModuleType) -> list[str]:
  """Names that a module defines or exports, in the order of the file."""
  names = getattr(module, "__all__", None) or [
    name for name, value in vars(module).items() if not name.startswith("_")
    and (inspect.isclass(value) or inspect.isfunction(value))
    and value.__module__.startswith(module.__name__)]
  return [name for name in names if not inspect.ismodule(getattr(module, name))]


def core_page() -> str:
  """``posenc_jax`` itself, without the methods."""
  text = ["# posenc_jax\n", "`import posenc_jax as px`. The encodings and the functions under them "
          "are on [the cards of the methods](../cards/index.md), listed [here](methods.md).\n"]
  for heading, names in CORE.items():
    block = "\n".join(directive("posenc_jax", name) for name in names)
    text += [f"## {heading}\n", cards.quoted("eval-rst", block)]
  return "\n".join(text)


def left_out() -> set[str]:
  """Public names of ``posenc_jax`` that no page would show."""
  shown = {name for names in CORE.values() for name in names} | set(MODULES) | {
    "functions", "PREPARED"}
  shown |= {name for m in METHODS for name in (m.cls, *m.functions)}
  return set(px.__all__) - shown


def module_page(name: str) -> str:
  """One module below ``posenc_jax``."""
  module = importlib.import_module(f"posenc_jax.{name}")
  first = (module.__doc__ or "").strip().split("\n")[0].replace("``", "`")
  block = "\n".join(directive(module.__name__, one) for one in public(module))
  return f"# posenc_jax.{name}\n\n{first}\n\n{cards.quoted('eval-rst', block)}"


def methods_page() -> str:
  """Every class and function of a method, with the card that documents it."""
  lines = ["# Encodings and their functions\n", "Classes are in `posenc_jax`, functions in "
           "`posenc_jax.functions`; each is documented on its method's card.\n",
           "| name | goes in | comes out | card |", "|---|---|---|---|"]
  clean = lambda text: text.replace("``", "`").replace("|", "\\|")
  for method in METHODS:
    card = f"[{method.title}](../cards/{cards.slug(method.title)}.md)"
    if method.cls:
      lines.append(f"| `{method.cls}` | | | {card} |")
    for name, (into, out) in {**method.functions, **method.more}.items():
      lines.append(f"| `{name}` | {clean(into)} | {clean(out)} | {card} |")
  return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
  """{path below docs/generated: text}.

  Raises:
    ValueError: a public name has no page.
  """
  if left_out():
    raise ValueError(f"CORE: got none of {sorted(left_out())}, wanted each public name. Add them.")
  listed = "\n".join(("core", "methods", *MODULES))
  index = ("# Reference\n\nPublic names only; what starts with an underscore may change at any "
           f"time.\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n")
  made = {f"api/{name}.md": module_page(name) for name in MODULES}
  return {"api/index.md": index, "api/core.md": core_page(), "api/methods.md": methods_page(),
          **made}
