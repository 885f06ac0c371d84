# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of the axes of parameters, and where a mesh keeps them.

The names are those of sizes in ``Settings``. They are asked of a model instead of being metadata of
its variables, since NNX would shard a named variable, and the optimizer's copy of it, at once.
"""

from collections.abc import Mapping
from typing import Any

import jax
from flax import nnx

from posenc_jax import _errors
from posenc_jax.nn.attention import MultiHeadAttention
from posenc_jax.nn.experts import Experts
from posenc_jax.nn.heads import Linear, MaskedLM
from posenc_jax.nn.layers import Embedding, FeedForward, Head, TokenTypes
from posenc_jax.nn.norms import LayerNorm, RMSNorm
from posenc_jax.nn.scoring import HeadLayerNorm

# Of each module the parameters, of each axis its name; encodings have none, they are small.
AXES: dict[type[nnx.Module], dict[str, tuple[str | None, ...]]] = {
    MultiHeadAttention: {
        "query": ("d_model", "num_heads", "head_dim"),
        "key": ("d_model", "kv_heads", "head_dim"),
        "value": ("d_model", "kv_heads", "head_dim"),
        "out": ("num_heads", "head_dim", "d_model"),
        "query_bias": ("num_heads", "head_dim"), "key_bias": ("kv_heads", "head_dim"),
        "value_bias": ("kv_heads", "head_dim"), "out_bias": ("d_model",), "sinks": ("num_heads",),
    },
    FeedForward: {"up": ("d_model", "d_ff"), "up_bias": ("d_ff",), "down": ("d_ff", "d_model"),
                  "down_bias": ("d_model",), "gate": ("d_model", "d_ff"), "gate_bias": ("d_ff",)},
    Experts: {"router": ("d_model", "experts"), "router_bias": ("experts",),
              "up": ("experts", "d_model", "d_ff"), "up_bias": ("experts", "d_ff"),
              "down": ("experts", "d_ff", "d_model"), "down_bias": ("experts", "d_model"),
              "gate": ("experts", "d_model", "d_ff"), "gate_bias": ("experts", "d_ff")},
    LayerNorm: {"scale": ("d_model",), "bias": ("d_model",)},
    RMSNorm: {"scale": ("d_model",)},
    Embedding: {"table": ("vocabulary", "d_model")},
    TokenTypes: {"table": (None, "d_model")},
    Head: {"kernel": ("d_model", "vocabulary")},
    HeadLayerNorm: {"scale": (None, "head_dim")},
    MaskedLM: {"bias": ("vocabulary",)},
    Linear: {"kernel": ("d_model", None)},  # to d_model, or to few classes
}
NAMES = ("vocabulary", "d_model", "num_heads", "kv_heads", "head_dim", "d_ff", "experts")


def axis_names(model: nnx.Module) -> Any:
  """The name of every axis of every variable of a model.

  Args:
    model: a module of this package, or one that holds some.

  Returns:
    A tree like ``nnx.to_pure_dict(nnx.state(model))``, of tuples with one name an axis: vocabulary,
    d_model, num_heads, kv_heads, head_dim, d_ff, experts; None on axes of encodings and of other
    modules.

  Raises:
    TypeError: no module.

  Example:
    >>> from posenc_jax import nn
    >>> model = nn.TransformerLM(11, 16, 1, 2, rngs=nnx.Rngs(0))
    >>> axis_names(model)["stack"]["layers"][0]["attention"]["query"]
    ('d_model', 'num_heads', 'head_dim')
  """
  if not isinstance(model, nnx.Module):
    raise _errors.type_error("model", _errors.describe(model), "a module of NNX",
                             "Pass the model itself, not its state")
  named = {}
  for path, module in nnx.iter_modules(model):
    for kind, table in AXES.items():
      if isinstance(module, kind) and (kind is not RMSNorm or "qk_norm" not in path):
        named.update({(*path, name): axes for name, axes in table.items()})
  flat = nnx.to_flat_state(nnx.state(model))
  made = {path: named.get(path) or (None,) * variable[...].ndim for path, variable in flat}
  return nnx.traversals.unflatten_mapping(made)


def partition_specs(model: nnx.Module, rules: Mapping[str, Any]) -> Any:
  """How a mesh splits every variable of a model, from which of its axes splits which size.

  Args:
    model: as for ``axis_names``.
    rules: name of a size to an axis of the mesh, several of them, or None. Sizes that are not
      named are not split.

  Returns:
    ``jax.sharding.PartitionSpec`` in a state like ``nnx.state(model)``, to put that on a mesh.

  Raises:
    TypeError: no module.
    ValueError: a rule of an unknown name, or two that split one parameter by one axis of the mesh.

  Example:
    >>> from posenc_jax import nn
    >>> model = nn.TransformerLM(11, 16, 1, 2, rngs=nnx.Rngs(0))
    >>> specs = partition_specs(model, {"num_heads": "model", "d_ff": "model"})
    >>> tuple(nnx.to_pure_dict(specs)["stack"]["layers"][0]["feed_forward"]["up"])
    (None, 'model')
    >>> mesh = jax.sharding.Mesh(jax.devices()[:1], ("model",))
    >>> put = lambda spec: jax.sharding.NamedSharding(mesh, spec)
    >>> state = jax.device_put(nnx.state(model), jax.tree.map(put, specs))
    >>> nnx.update(model, state)
  """
  for name in rules:
    _errors.check_choice("rules", name, NAMES)
  names = axis_names(model)

  def spec(path, leaf):
    found = names
    for key in path[:-1] if not hasattr(path[-1], "key") else path:
      found = found[getattr(key, "key", getattr(key, "name", None))]
    split = tuple(None if n is None else rules.get(n) for n in found)
    used = [a for s in split if s for a in (s if isinstance(s, tuple | list) else (s,))]
    if len(set(used)) < len(used):
      raise _errors.value_error("rules", f"{split} for axes {found}",
                                "each axis of the mesh once for a parameter",
                                "Leave one of the two sizes whole")
    return jax.sharding.PartitionSpec(*split)

  return jax.tree_util.tree_map_with_path(spec, nnx.state(model))
