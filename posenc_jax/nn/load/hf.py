# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``load_hf``: a released model as a module, checked before anything is allocated."""

import os
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from posenc_jax import _errors
from posenc_jax.interop import lookup
from posenc_jax.interop.config import size
from posenc_jax.nn.heads import MaskedLM
from posenc_jax.nn.held import LayerEncodings
from posenc_jax.nn.lm import TransformerLM
from posenc_jax.nn.load.families import FAMILIES
from posenc_jax.nn.load.plan import Plan, Tensor
from posenc_jax.nn.load.settings import Noted, check_all_read
from posenc_jax.nn.load.tensors import Tensors
from posenc_jax.nn.seq2seq import Seq2SeqTransformer
from posenc_jax.nn.settings import resolve_dtypes

MODELS = {"lm": TransformerLM, "both": Seq2SeqTransformer, "masked": MaskedLM}
STACKS = {"lm": lambda model, plan: [(model.stack, plan.encoding)],
          "both": lambda model, plan: [(model.encoder, plan.encoding),
                                       (model.decoder, plan.decoder_encoding)],
          "masked": lambda model, plan: [(model.encoder.stack, plan.encoding)]}
_FLOATS = ("float64", "float32", "float16", "bfloat16")


def load_hf(path_or_config: Any, weights: Any = None, *, dtype: Any = None,
            param_dtype: Any = jnp.float32, length: int | None = None,
            ignore: str | Sequence[str] = (), ignore_settings: str | Sequence[str] = ()) -> Any:
  """A released model with its weights. Nothing is downloaded, no code of the model's is run.

  Args:
    path_or_config: a directory with config.json, or what ``from_hf`` takes.
    weights: a .safetensors file, an index of several, their directory, or a mapping from names to
      arrays; None takes the directory of the config.
    dtype, param_dtype: as in ``Settings``.
    length: as in ``from_hf``, for scalings that depend on it.
    ignore: beginnings of names of tensors that may stay unused; others are refused.
    ignore_settings: settings of the config that change nothing; others that no one reads and that
      are not about training, files, tokens or sampling are refused.

  Returns:
    A ``TransformerLM``; for T5 a ``Seq2SeqTransformer``, for BERT a ``MaskedLM``. Dropout is off,
    whatever the config says.

  Raises:
    ValueError: a model type that is not built here, or a setting of it, or one that is not known;
      tensors that are missing, unused or of another shape; a file that is cut off or lies about
      its sizes.
    TypeError: tensors that hold no floats (quantized ones).
    FileNotFoundError: no such file.

  Example:
    >>> config = {"model_type": "gpt2", "vocab_size": 3, "n_embd": 2, "n_layer": 1, "n_head": 1}
    >>> load_hf(config | {"n_positions": 4}, {"wte.weight": np.zeros((3, 2))})
    Traceback (most recent call last):
    ...
    ValueError: weights: got no ['wpe.weight', 'h.0.ln_1.weight', 'h.0.ln_1.bias'], wanted every \
tensor the config asks for. The file has 1, such as ['wte.weight'].
  """
  if weights is None:
    if not isinstance(path_or_config, str | os.PathLike):
      raise _errors.value_error("weights", None, "a path or a mapping, beside a config that is no "
                                "path", "Pass the .safetensors file of the model")
    path = os.fspath(path_or_config)
    weights = path if os.path.isdir(path) else os.path.dirname(path) or "."
  found_settings, family = lookup.find(path_or_config)
  settings = Noted(found_settings)
  name = settings.get("model_type")
  if name not in FAMILIES:
    raise _errors.value_error("model_type", repr(name), "one of " + ", ".join(FAMILIES),
                              "Its encodings are read by from_hf; its layers are not built here")
  dtype, param_dtype = resolve_dtypes(dtype, param_dtype)
  tensors = Tensors(weights)
  depth = size(settings, "num_hidden_layers")
  if depth > len(tensors.infos):  # else a lying config would build lists without an end
    raise _errors.value_error("num_hidden_layers", depth, f"{len(tensors.infos)} at most: the "
                              "file has no more tensors",
                              "Config and weights belong to different models")
  plan = FAMILIES[name](settings, path_or_config, length)
  check_all_read(settings, family, _several("ignore_settings", ignore_settings))
  found = _match(plan, tensors, _several("ignore", ignore))
  return _build(plan, tensors, found, dtype, param_dtype)


def _several(argument: str, names: str | Sequence[str]) -> tuple[str, ...]:
  if isinstance(names, str):
    return (names,)
  if not isinstance(names, Sequence) or not all(isinstance(n, str) for n in names):
    raise _errors.type_error(argument, _errors.describe(names), "a name or several",
                             f"{argument}=('a', 'b')")
  return tuple(names)


def _match(plan: Plan, tensors: Tensors, ignore: tuple[str, ...]) -> list[tuple[str, Tensor]]:
  """(name in the file, tensor) of every one that is wanted; raises unless files and plan agree."""
  infos = tensors.infos
  root = _root(plan, infos)
  found, missing = [], []
  for tensor in plan.tensors():
    names = [root + n.removeprefix(plan.prefix) if n.startswith(plan.prefix) else n
             for n in (tensor.name, *tensor.others)]
    name = next((n for n in names if n in infos), names[0])
    if name not in infos:
      missing.append(name)
    else:
      _check(name, tensor, infos[name])
    found.append((name, tensor))
    if len(missing) > 3:
      break
  if missing:
    raise _errors.value_error("weights", f"no {missing[:3]}", "every tensor the config asks for",
                              f"The file has {len(infos)}, such as {sorted(infos)[:3]}")
  used = {name for name, _ in found}
  left = [n for n in sorted(infos) if n not in used and not n.endswith(plan.spare or ("\0",))
          and not n.startswith(ignore or ("\0",)) and not _is_copy(n, plan, tensors, found)]
  if left:
    raise _errors.value_error(
        "weights", f"{len(left)} tensors that the model would not use, such as {left[:3]}",
        "a file of which every tensor is used", "Name what may be left out: ignore=(..)")
  return found


def _root(plan, infos) -> str:
  """What the file writes for the plan's prefix: nothing in bare models, more in composite ones."""
  end = plan.table.removeprefix(plan.prefix)
  roots = [name.removesuffix(end) for name in infos if name.endswith(end)]
  roots = [root for root in roots if root == "" or root.endswith(".")]
  return roots[0] if len(roots) == 1 else plan.prefix


def _check(name, tensor, info):
  if info.shape != tensor.shape:
    raise _errors.value_error(f"weights[{name!r}]", f"shape {info.shape}",
                              f"{tensor.shape}, by the config",
                              "Config and weights belong to different models")
  if info.dtype not in _FLOATS:
    raise _errors.type_error(f"weights[{name!r}]", info.dtype, "one of " + ", ".join(_FLOATS),
                             "Quantized weights are not read: take the model's original ones")


def _is_copy(name, plan, tensors, found):
  """Whether this is a tensor that holds the numbers of the embedding table once more."""
  if name not in (plan.head, *plan.copies):
    return False
  table = next(n for n, tensor in found if tensor.name == plan.table)
  same = tensors.infos[name] == tensors.infos[table]
  return same and np.array_equal(tensors.read(name), tensors.read(table))


def _build(plan, tensors, found, dtype, param_dtype) -> Any:
  options = dict(plan.options) | dict(dtype=dtype, param_dtype=param_dtype)

  def build():
    more = {} if plan.decoder_encoding is None else dict(decoder_encoding=plan.decoder_encoding())
    return MODELS[plan.model](plan.vocabulary, encoding=plan.encoding(), rngs=nnx.Rngs(0),
                              **options, **more)

  model: Any = nnx.eval_shape(build)
  # Fixed leaves of encodings, such as frequencies, are in no file.
  for stack, encoding in STACKS[plan.model](model, plan):
    stack.encodings = LayerEncodings(encoding(), len(stack.layers), rngs=nnx.Rngs(0))
  graphdef, params, rest = nnx.split(model, nnx.Param, ...)
  flat = dict(nnx.to_flat_state(params))
  for name, tensor in found:
    array = tensors.read(name)
    for path, convert in tensor.targets.items():
      new = jnp.asarray(convert(array)).astype(flat[path].dtype)
      assert new.shape == flat[path].shape, (path, new.shape, flat[path].shape)
      flat[path] = flat[path].replace(new)
  empty = [path for path, v in flat.items() if isinstance(v[...], jax.ShapeDtypeStruct)]
  assert not empty, empty
  return nnx.merge(graphdef, nnx.from_flat_state(list(flat.items())), rest)
