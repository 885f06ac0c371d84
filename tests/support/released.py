# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Judges ``from_hf`` by what the models' own modules did, and writes docs/released_models.md.

  python -m tests.support.released
"""

import collections
import json

import numpy as np

import posenc_jax as px
from posenc_jax.interop import kinds, lookup
from posenc_jax.interop.table import FAMILIES
from posenc_jax.nn.load.families import FAMILIES as BUILT
from tests.goldens import load
from tests.support.repository import ROOT

PAGE = ROOT / "docs" / "released_models.md"


def cases():
  """Each measured case, with its logits and positions."""
  golden = load("hf_released")
  for case, logits in zip(json.loads(str(golden["cases"])), golden["logits"], strict=True):
    yield case | {"logits": logits, "positions": golden["positions"]}


def encoding_of(case):
  """What ``from_hf`` gives for the case: an encoding or None, or the error that it raises."""
  try:
    return px.from_hf(case["config"], layer=case["kind"] or _turning(case["config"]),
                      length=case["length"])
  except (ValueError, TypeError) as fault:
    return fault


def _turning(config):
  """A kind of layer that turns, for types whose other layers stand still; None for the others."""
  settings, family = lookup.find(config)
  if not kinds.differ(settings, family):
    return None
  return next(k for k in kinds.of_layers(settings, family) if k not in family.still)


def logits_of(case, e):
  """q k^T as the encoding turns them, in float64, without JAX: one compile a case costs minutes."""
  draw = np.random.default_rng(case["seed"])
  q, k = (draw.standard_normal((4, case["width"])).astype(np.float32) for _ in "qk")
  if e is None:
    return q.astype(np.float64) @ k.T.astype(np.float64)
  axes = np.array(getattr(e, "axes", np.zeros(len(e.frequencies.radians), int)))
  positions = case["positions"][:, 1:] if case["axes"] == 2 else case["positions"]
  angle = positions[:, axes] * e.frequencies.radians
  q, k = (_turn(x.astype(np.float64), angle, e.pairing) for x in (q, k))
  return float(getattr(e, "attention_scaling", 1.0)) ** 2 * q @ k.T


def _turn(x, angle, pairing):
  r = 2 * angle.shape[-1]
  if r > x.shape[-1]:
    return np.full_like(x, np.nan)
  index = np.arange(r).reshape((2, -1) if pairing == "half" else (-1, 2))
  first, second = index if pairing == "half" else index.T
  out = x.copy()
  out[:, first] = x[:, first] * np.cos(angle) - x[:, second] * np.sin(angle)
  out[:, second] = x[:, second] * np.cos(angle) + x[:, first] * np.sin(angle)
  return out


def verdict(case):
  """("right" or "refused" or "wrong", the encoding or the error)."""
  e = encoding_of(case)
  if isinstance(e, Exception):
    return "refused", e
  if e is not None and not hasattr(e, "frequencies"):
    return "wrong", e
  logits = logits_of(case, e)
  error = np.abs(logits - case["logits"]).max() / max(1.0, np.abs(case["logits"]).max())
  return ("right" if error < 3e-5 else "wrong"), e


def verdicts():
  """{model type: [(case, verdict, encoding or error)]}."""
  out = collections.defaultdict(list)
  for case in cases():
    out[case["config"]["model_type"]].append((case, *verdict(case)))
  return dict(out)


HEAD = """# Released models

`python -m tests.support.released` wrote this page: first how a model is loaded, swapped and
measured, then what `px.from_hf` makes of each type of config.

## Load, write, swap, measure

`nn.load_hf` builds {built}. It reads config.json and safetensors in a folder (extra
`posenc_jax[models]`); nothing is downloaded, no pickle is opened and no code of the model's runs.
Every tensor must be used, and every setting of the config read or known to change nothing; the
errors name `ignore=` and `ignore_settings=` for what you know better. Quantized weights are
refused, so gpt-oss, which is released quantized, must be converted to floats first.

```python
import json, pathlib
import jax, jax.numpy as jnp
import posenc_jax as px
from posenc_jax import nn

model = nn.load_hf(folder)
tokens = jnp.array([[5, 9, 12, 7, 20, 4, 11, 8]])      # ids, from the model's own tokenizer
written = nn.generate(model, tokens, 6, temperature=0)
assert written.tokens.shape == (1, 6)
```

`nn.with_encoding` keeps the weights and changes the encoding: to another method, or to the
model's own at another scaling. Here a token's cost in nats says what the model makes of it:

```python
def nats(model, tokens):
  logs = jax.nn.log_softmax(model(tokens)[:, :-1])
  return float(-jnp.take_along_axis(logs, tokens[:, 1:, None], axis=-1).mean())

heads = model.stack.layers[0].attention.query.shape[1]
config = json.loads((pathlib.Path(folder) / "config.json").read_text())
yarn = {{"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0,
        "original_max_position_embeddings": 64}}
models = {{
    "own": model,
    "YaRN": nn.with_encoding(model, px.from_hf(config | {{"rope_parameters": yarn}})),
    "ALiBi": nn.with_encoding(model, px.Alibi(heads)),
    "none": nn.with_encoding(model, None)}}
losses = {{name: nats(m, tokens) for name, m in models.items()}}
assert len(set(losses.values())) == 4
```

Layers that differ take a list, for instance of `px.layers_from_hf`. Scalings that depend on the
length of the text (dynamic NTK, LongRoPE) are fixed when the model is loaded: `length=`.

```python
layers = px.layers_from_hf(config)
same = nn.with_encoding(model, [layer.encoding for layer in layers])
assert nats(same, tokens) == losses["own"]
```

On the command line (extra `posenc_jax[experiments,models,text]`), from a text, from ids, under
another encoding, or from a model that a run has kept:

```bash
python -m experiments.generate --hf=folder --prompt='In the beginning' --temperature=0.8 --top_p=0.9
python -m experiments.generate --hf=folder --tokens=5,9,12 --temperature=0 --encoding=alibi
python -m experiments.generate --run=runs/quick --cell=encoding=rotary --prompt='And God said'
```

## Types of configs

"Right" was measured: the rotary module of {versions} and its own apply
function turned queries and keys for several configs of each type (the config object, the sparse
dict that means all defaults, a `config.json` in the older spelling with each kind of scaling), and
the products of queries and keys agree within 3e-5. A dash stands for types that were read in their
code and not compared, because no module there makes the rotation alone. Single cases of a right
type may still be refused: an odd number of dims, M-RoPE with scaled cosines, a missing
`layer_types`. Settings that a row does not explain are refused as well. `assume="llama"`
is the way round, with Llama's conventions.

"Layers" marks the types that `px.layers_from_hf` describes: window, scale, soft-cap, sinks and
temperature of each layer. Those with a star were measured in tiny models, layer by layer.

"""


def gives(family):
  """What a row gives, in a few words."""
  if family.kind in ("none", "alibi", "axial"):
    return {"none": "None", "alibi": "`Alibi`", "axial": "`MRotary`, rows and columns"}[family.kind]
  words = ["`MRotary`" if family.sections else "`Rotary`"]
  if family.head == "qk_rope_head_dim":
    words.append("the `qk_rope_head_dim` dims")
  elif family.fraction not in (None, 1.0) or family.halved or family.dim_key:
    words.append("a part of the head")
  words.append({"half": "half", "interleaved": "interleaved"}.get(
      family.pairing, f"interleaved if `{family.pairing}`"))
  if family.still or family.scaled or isinstance(family.base, dict):
    words.append("by layer")
  if family.alibi_key:
    words.append("or `Alibi`")
  return ", ".join(words + ([family.note] if family.note else []))


def standing(family, rows):
  """"right", "refused: ..", "wrong" or a dash, and how many cases."""
  if family.kind == "refused":
    return "refused: " + family.why
  counts = collections.Counter(v for _, v, _ in rows)
  if counts["wrong"]:
    return f"wrong in {counts['wrong']} of {len(rows)} cases"
  if counts["right"]:
    return f"right ({counts['right']} cases)"
  return "-"


def others():
  """Rows of the types with a rotation in their package that the table does not hold."""
  types = json.loads(str(load("hf_released")["types"]))
  for name, part in sorted(types.items()):
    if name in FAMILIES:
      continue
    if isinstance(part, str):
      known = part in FAMILIES and FAMILIES[part].kind != "refused"
      yield (f"| {name} | that of its `text_config` |  | "
             f"{'as' if known else 'refused as'} {part} |")
    else:
      parts = f"; pass one of its parts, {', '.join(part)}" if part else ""
      yield f"| {name} | - |  | refused: not in the table{parts} |"


def page():
  """The text of docs/released_models.md."""
  versions = str(load("hf_released")["versions"])
  measured, layered = verdicts(), json.loads(str(load("hf_layers")["cases"]))
  lines = ["| model type | gives | layers | compared |", "|---|---|---|---|"]
  for name, family in sorted(FAMILIES.items()):
    layers = "" if family.scores is None else "yes*" if name in layered else "yes"
    what = "-" if family.kind == "refused" else gives(family)
    lines.append(f"| {name} | {what} | {layers} | {standing(family, measured.get(name, []))} |")
  lines += others()
  tally = collections.Counter(line.split(" | ")[3].split()[0].strip(":|") for line in lines[2:])
  total = (f"{len(lines) - 2} types: {tally['right']} right, {tally['refused']} refused, "
           f"{tally['wrong']} wrong, {tally['as']} read as their text model, {tally['-']} read in "
           "their code and not compared.\n\n")
  built = ", ".join(f"`{name}`" for name in BUILT)
  return HEAD.format(versions=versions, built=built) + total + "\n".join(lines) + "\n"


if __name__ == "__main__":
  PAGE.write_text(page(), encoding="utf-8")
