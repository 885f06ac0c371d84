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


if __name__ == "__main__":
  from collections import Counter
  V = verdicts()
  print(len(V), Counter(v for rows in V.values() for _, v, _ in rows))
  for mt, rows in V.items():
    for case, v, e in rows:
      if v == "wrong" or (v == "refused" and mt in FAMILIES and FAMILIES[mt].kind != "refused"):
        print(v, mt, case["spelling"], case["kind"], case["module"].split(".")[-1], str(e)[:230],
              "" if v != "wrong" else case["config"].get("rope_scaling"))
