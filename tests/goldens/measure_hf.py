# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes hf_released.npz: what the rotary modules of transformers do with many configs.

  python tests/goldens/measure_hf.py

Run by hand, in an environment with torch and transformers. Every modelling file with a rotary class
is read; the class is built from several configs of its model type, and its own apply function turns
random queries and keys. A case holds the config, the kind of layer, the width that turns, the seed
of the draws, the positions and the logits. ``tests.support.released`` judges ``from_hf`` by them.
"""

import glob
import importlib
import inspect
import json
import os
import pathlib
import re
import warnings

import numpy as np
import torch
import transformers

FOLDER = pathlib.Path(__file__).parent
# By axis; text has the first.
POSITIONS = np.array([[0, 0, 0], [1, 2, 5], [7, 3, 1], [101, 50, 77]])
WORDS = re.compile(r"rope|rotary|theta|alibi|position_embedding|layer_types|sliding|window|pattern|"
                   r"hidden_size$|head|^n_|d_model|num_layers|num_hidden_layers|nope|embed_dim|kv_ch|per_layer_c")
SKIPPED = re.compile(r"Attention|Mlp|Cross")
# Configs that a user's config.json may hold besides the defaults; sizes in the names of each class.
SCALINGS = [
    {},
    {"rope_type": "linear", "factor": 2.0},
    {"rope_type": "dynamic", "factor": 4.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 64},
    {"rope_type": "longrope", "factor": 4.0, "original_max_position_embeddings": 64},
]


def modules():
  """(package, module) of every modelling file that speaks of a rotation."""
  root = os.path.dirname(transformers.__file__)
  for path in sorted(glob.glob(root + "/models/*/modeling_*.py")):
    if re.search("otary|[rR][oO][pP][eE]", pathlib.Path(path).read_text(encoding="utf-8")):
      package = path.split("/")[-2]
      yield package, importlib.import_module(
          f"transformers.models.{package}.{pathlib.Path(path).stem}")


def own(module, base, words):
  """Classes of a module itself whose names hold one of the words."""
  for name, cls in list(vars(module).items()):
    if (inspect.isclass(cls) and cls.__module__ == module.__name__ and issubclass(cls, base)
        and any(w in name for w in words)):
      yield name, cls


def configs(package):
  """The config classes of a package."""
  out = {}
  folder = os.path.dirname(transformers.__file__) + f"/models/{package}"
  for path in sorted(glob.glob(folder + "/configuration_*.py")):
    module = importlib.import_module(f"transformers.models.{package}.{pathlib.Path(path).stem}")
    out |= dict(own(module, transformers.PreTrainedConfig, [""]))
  return out


def pairs():
  """(module, name and class of a rotary, its config classes): the hinted one, or the others."""
  for package, module in modules():
    for name, cls in own(module, torch.nn.Module, ("Rotary", "RoPE", "Rope", "RoPe")):
      if SKIPPED.search(name):
        continue
      known = configs(package)
      hint = inspect.signature(cls.__init__).parameters.get("config")
      hint = getattr(hint and hint.annotation, "__name__", None)
      first = [known[hint]] if hint in known else []
      others = [c for c in known.values() if c not in first
                and ("ision" in name) == ("ision" in c.__name__)]
      yield module, name, cls, first, others


def apply_name(module, name, config):
  """The function that the attention of the module calls."""
  names = [n for n in vars(module) if re.match("_?apply_rot", n)]
  wanted = ["apply_rotary_pos_emb", "apply_rotary_emb"]
  if "ision" in name or "Axial" in name:
    wanted = ["apply_rotary_pos_emb_vision", *wanted]
  elif getattr(config, "rope_interleave", True):
    wanted = ["apply_rotary_pos_emb_interleave", *wanted]
  return next(n for n in wanted if n in names)


def turned(module, name, rotary, config, kind, seed):
  """(logits [T, T], width, axes) of one rotary module and its apply function."""
  axes = 3 if hasattr(rotary, "mrope_section") else 1
  vision = "ision" in name
  ids = torch.tensor(POSITIONS)
  ids = ids[:, 1:] if vision else ids.T[:, None] if axes == 3 else ids[None, :, 0]
  out = rotary(torch.zeros(1, 1), ids, *([kind] if kind else []))
  function = getattr(module, apply_name(module, name, config))
  complexes = torch.is_tensor(out)
  width = 2 * out.shape[-1] if complexes else out[0].shape[-1]
  if not complexes and module.__name__.endswith(("gpt_oss", "openai_privacy_filter")):
    width *= 2
  draw = np.random.default_rng(seed)
  q, k = (torch.tensor(draw.standard_normal((4, width)), dtype=torch.float32) for _ in "qk")
  if vision:
    a, b = function(q[:, None], k[:, None], *(x.reshape(4, -1) for x in out))
    a, b = a[:, 0], b[:, 0]
  elif complexes and module.__name__.endswith("llama4"):
    a, b = (x[0, :, 0] for x in function(q[None, :, None], k[None, :, None], out))
  elif complexes:
    a, b = (x[0, 0] for x in function(q[None, None], k[None, None], out))
  elif "k" in inspect.signature(function).parameters:
    a, b = (x[0, 0] for x in function(q[None, None], k[None, None], *out))
  else:
    a, b = (function(x[None, None], *out, unsqueeze_dim=1)[0, 0] for x in (q, k))
  return (a.double() @ b.double().T).numpy(), width, 2 if vision else axes


# Settings without which a model type does not turn at all.
SWITCHES = {"granitemoehybrid": {"position_embedding_type": "rope"},
            "zamba2": {"use_mem_rope": True}, "esm": {"position_embedding_type": "rotary"}}


def candidates(cls):
  """(how it was spelled, config dict as a file holds it) of one config class."""
  switches = SWITCHES.get(cls.model_type, {})
  default = cls(**switches)
  whole = json.loads(json.dumps(default.to_dict(), default=str))
  for name, inner in dict(getattr(default, "attribute_map", None) or {}).items():
    if inner in whole:
      whole.setdefault(name, whole[inner])
  yield "object", {k: v for k, v in whole.items() if WORDS.search(k)} | {
      "model_type": cls.model_type}
  yield "sparse", {"model_type": cls.model_type, **switches}
  fields = getattr(cls, "__dataclass_fields__", {})
  sizes = {"hidden_size": 96, "num_attention_heads": 2, "head_dim": 32, "qk_rope_head_dim": 16,
           "max_position_embeddings": 96, "num_hidden_layers": 6}
  sizes = {k: v for k, v in sizes.items() if k in fields}
  for scaling in SCALINGS:
    yield "raw", {"model_type": cls.model_type, **switches, **sizes, "rope_theta": 1234.5} | (
        {"rope_scaling": dict(scaling)} if scaling else {})
  yield "raw", {"model_type": cls.model_type, **switches, **sizes, "partial_rotary_factor": 0.5}


def measure():
  """All cases, and the pairs that could not be run."""
  cases, silent = [], {}
  for module, name, cls, first, others in pairs():
    for group in (first, others):
      before = len(cases)
      for config_class in group:
        if getattr(config_class, "model_type", ""):
          measure_one(module, name, cls, config_class, cases, silent if group is first else {})
      if len(cases) > before:  # a hint at a composite config means one of its parts
        break
  return cases, silent


def measure_one(module, name, cls, config_class, cases, silent):
  """Appends the cases of one rotary class and config class."""
  for spelling, given in candidates_or_nothing(config_class):
    try:
      build = lambda given=given: cls(config_class.from_dict(json.loads(json.dumps(given))))
      scaling = given.get("rope_scaling", {}).get("rope_type")
      if scaling == "longrope":
        n = build({k: v for k, v in given.items() if k != "rope_scaling"}).inv_freq.numel()
        given["rope_scaling"] |= {"short_factor": [1 + i / n for i in range(n)],
                                  "long_factor": [2 + i / n for i in range(n)]}
      rotary = build()
      if spelling == "raw" and hasattr(rotary, "mrope_section"):
        n = rotary.inv_freq.numel()
        given["rope_scaling"] = {"type": "default", **given.get("rope_scaling", {}),
                                 "mrope_section": [n - 2 * (n // 3), n // 3, n // 3]}
        rotary = build()
      config = rotary.config
      nested = [n[:-9] for n, _ in rotary.named_buffers() if re.match(r"\w+_inv_freq$", n)
                and "original" not in n]
      for kind in nested or [None]:
        logits, width, axes = turned(module, name, rotary, config, kind, len(cases))
        if given.get("qk_rope_head_dim", width) != width:
          continue  # the model itself could not apply it
        cases.append({"config": given, "spelling": spelling, "kind": kind, "width": width,
                      "axes": axes, "seed": len(cases), "module": f"{module.__name__}.{name}",
                      "length": 102 if scaling in ("dynamic", "longrope") else None,
                      "logits": logits})
    except Exception as fault:  # some modules take no config, or none of these
      silent[f"{config_class.model_type}: {name}, {spelling}"] = (
          f"{type(fault).__name__}: {str(fault)[:120]}")


def candidates_or_nothing(cls):
  try:
    return list(candidates(cls))
  except Exception:
    return []


def types():
  """Every model type of a package with a rotation, and the type of its text part if it has one."""
  out = {}
  for package, module in modules():
    if not any(re.search("[rR]otary|Ro[Pp][Ee]|rotate_(half|every|pair)|apply_rope", n)
               for n in vars(module)):
      continue
    for cls in configs(package).values():
      parts = getattr(cls, "sub_configs_defaults", None) or getattr(cls, "sub_configs", None) or {}
      text = parts.get("text_config")
      text = getattr(text, "config_class", text)
      if getattr(cls, "model_type", ""):
        out[cls.model_type] = getattr(text, "model_type", "") or sorted(parts)
  return out


def main():
  warnings.simplefilter("ignore")
  transformers.logging.set_verbosity_error()
  cases, silent = measure()
  logits = np.stack([c.pop("logits") for c in cases]).astype(np.float32)
  versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
  np.savez_compressed(FOLDER / "hf_released.npz", cases=json.dumps(cases), logits=logits,
                      positions=POSITIONS, silent=json.dumps(silent),
                      types=json.dumps(types(), default=str), versions=versions)
  print(f"{len(cases)} cases, {len(silent)} not run")


if __name__ == "__main__":
  main()
