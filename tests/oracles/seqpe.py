# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Oracle of SeqPE's network (Li et al. 2025, 2506.13277, and its released code), by loops."""

import math

import numpy as np


def _norm(x, gain, offset):
  mean = sum(x) / len(x)
  variance = sum((a - mean) ** 2 for a in x) / len(x)
  return [(a - mean) / math.sqrt(variance + 1e-5) * g + o
          for a, g, o in zip(x, gain, offset, strict=True)]


def _linear(x, weight, offset):
  return [sum(x[i] * weight[i][j] for i in range(len(x))) + offset[j] for j in range(len(offset))]


def _gelu(x):
  """The tanh form."""
  return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def seqpe(position, p, *, count, heads, hide_padding=True):
  """The vector of one position, a tuple of P numbers of ``count`` digits each.

  p: a dict of the parameters by the names of the package's fields; blocks is a list of dicts.
  """
  x, own = [], []
  for axis, number in enumerate(position):
    text = str(number)
    digits = [0] * (count - len(text)) + [int(c) for c in text]
    own += [False] * (count - len(text)) + [True] * len(text)
    for i, digit in enumerate(digits):
      row = [a + b for a, b in zip(p["digits"][digit], p["places"][axis * count + i], strict=True)]
      if p["axis"] is not None:
        row = [a + b for a, b in zip(row, p["axis"][axis], strict=True)]
      x.append(row)
  if p["last"] is not None:
    x.append(list(p["last"]))
    own.append(True)
  for block in p["blocks"]:
    x = _block(x, own if hide_padding else [True] * len(x), block, heads)
  return np.array(_linear(x[-1], p["out"], p["out_offset"]))


def _block(x, own, b, heads):
  width = len(x[0])
  each = width // heads
  qkv = [_linear(_norm(row, *b["norm1"]), b["read"], b["read_b"]) for row in x]
  out = []
  for t, row in enumerate(x):
    joined = []
    for h in range(heads):
      part = lambda s, kind, h=h: qkv[s][kind * width + h * each:kind * width + (h + 1) * each]
      seen = [s for s in range(t + 1) if own[s]]
      scores = [sum(a * c for a, c in zip(part(t, 0), part(s, 1), strict=True)) / math.sqrt(each)
                for s in seen]
      powers = [math.exp(z) for z in scores]
      total = sum(powers) or 1.0
      joined += [sum(w * part(s, 2)[i] for w, s in zip(powers, seen, strict=True)) / total
                 for i in range(each)]
    row = [a + c for a, c in zip(row, _linear(joined, b["write"], b["write_b"]), strict=True)]
    hidden = [_gelu(a) for a in _linear(_norm(row, *b["norm2"]), b["up"], b["up_b"])]
    out.append([a + c for a, c in zip(row, _linear(hidden, b["down"], b["down_b"]), strict=True)])
  return out
