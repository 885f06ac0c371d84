# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Random calls of `attend`, and the same in float64 by the oracle."""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from tests.oracles import fuzz
from tests.support import fuzz_encodings
from tests.support.fuzz_encodings import Drawn, Sizes

LEADS = ((), (1,), (2,), (3,), (2, 1), (1, 2), (2, 2), (1, 1, 2))
LENGTHS = ((5, 5), (5, 5), (7, 7), (1, 6), (6, 1), (1, 1), (3, 7), (7, 3), (5, 0), (0, 5), (50, 50))
HEADS = ((4, 2), (4, 4), (2, 1), (1, 1), (4, 1))
INTEGERS = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64)
OFFSETS = (0, 0, 10, 1000, 2**24, 2**28)


class Trial(NamedTuple):
  """A call.

  Attributes:
    drawn: the encoding.
    floats: (q, k, v, encoding, scale, positions of q and k if real, else None): differentiated.
    known: keywords whose values stay NumPy; the positions that are no floats among them.
    traced: names in `known` that are passed as arguments of the compiled function.
    static: causal, window, implementation, tile.
    lead: batch axes.
  """

  drawn: Drawn
  floats: tuple
  known: dict[str, Any]
  traced: tuple[str, ...]
  static: dict[str, Any]
  lead: tuple[int, ...]

  def __str__(self) -> str:
    shapes = [x.shape for x in self.floats[:3]]
    return (f"{self.drawn.encoding} {shapes} {self.static} "
            f"{ {n: np.shape(x) for n, x in self.known.items() if not isinstance(x, tuple)} } "
            f"pairs {[n for n, x in self.known.items() if isinstance(x, tuple)]} "
            f"traced {self.traced} real {self.floats[5] is not None}")


def _lead(rng, lead):
  """Batch axes of something that may be shared: all, ones, or the last few."""
  kind = rng.integers(3)
  return lead if kind == 0 else tuple(int(rng.choice([1, n])) for n in lead) if kind == 1 else ()


def _integers(rng, x):
  """The same numbers in a dtype, or container, that holds them."""
  fits = [d for d in INTEGERS if x.size == 0 or (
      np.iinfo(d).min <= x.min() and x.max() <= np.iinfo(d).max)]
  x = x.astype(fits[rng.integers(len(fits))])
  return x.tolist() if x.ndim == 1 and x.size and rng.random() < 0.1 else x


def _places(rng, lead, length, kind):
  """Positions [..., length] as int64, or float64 if real."""
  shape = (*_lead(rng, lead), length)
  if kind == "real":
    return rng.uniform(-20, 20, shape).round(2)
  at = np.broadcast_to(np.arange(length), shape)
  if kind == "gaps":
    at = np.cumsum(rng.integers(1, 12, shape), axis=-1)
  elif kind == "repeated":
    at = np.sort(rng.integers(0, 3, shape), axis=-1)
  elif kind == "random":
    at = rng.integers(-30, 30, shape)
  return at.astype(np.int64)


def _positions(rng, drawn, lead, t, s):
  """(q, k, whether known, real): what the call gets, None where it may be left out."""
  reads = drawn.positions.split()[-1]
  if reads == "axes":
    at = [rng.integers(0, 30, (*_lead(rng, lead), n, 2)) for n in (t, s)]
    return [_integers(rng, x) if x.size else x.astype(np.int32) for x in at], False
  kinds = ["plain", "plain", "gaps", "repeated", "random"] + ["real"] * (reads == "real")
  kind = kinds[rng.integers(len(kinds))]
  if kind == "plain" and t == s and rng.random() < 0.5:
    return [None, None], False
  at = [_places(rng, lead, n, kind) for n in (t, s)]
  if kind == "real":
    return at, True
  if kind in ("plain", "gaps") and reads != "small":
    offset = OFFSETS[rng.integers(len(OFFSETS))]
    at = [x + offset for x in at]
    if s > t and kind == "plain":  # a decode step: the queries are the last tokens
      at[0] = at[0] + s - t
  return [_integers(rng, x) for x in at], False


def _driven(rng, lead, t, s):
  """Cumulated log gates as pairs [..., T, 2, N]; filled in by the caller for N heads."""
  def pairs(n_heads, rows):
    total = -np.cumsum(rng.uniform(0, 1, (*lead, max(t, s), n_heads)), axis=-2)[..., -rows or t:, :]
    total = total[..., :rows, :]
    low = rng.uniform(-1e-9, 1e-9, total.shape)
    return np.stack([total, low], axis=-2)
  return pairs


def _hiding(rng, z, lead, t, s, needs_causal):
  """Random causal, window, orders, segments, lengths, prefix and mask."""
  known: dict[str, Any] = {}
  causal = bool(needs_causal or rng.random() < 0.5)
  window = [None, None, 2, (3, 0), (0, 1), 10**10][rng.integers(6)]
  if rng.random() < 0.4 or needs_causal or (t != s and (causal or window is not None)):
    kind = ["plain", "gaps", "repeated", "random", "real"][0 if needs_causal else rng.integers(5)]
    orders = [_places(rng, lead, n, kind) for n in (t, s)]
    if kind == "plain" and s > t:
      orders[0] = orders[0] + s - t
    if kind != "real":
      end = int(rng.choice([0, 0, 2**31 - 500, -(2**31) + 500]))
      orders = [_integers(rng, x + end) for x in orders]
    known["q_order"], known["k_order"] = orders
  ids = lambda n: _integers(rng, np.sort(rng.integers(0, 3, (*_lead(rng, lead), n)), axis=-1))
  if rng.random() < 0.3:
    known["segments"] = np.asarray(ids(t)) if t == s and rng.random() < 0.5 else (ids(t), ids(s))
  if rng.random() < 0.3:
    count = lambda n: _integers(rng, rng.integers(0, n + 1, lead))
    known["lengths"] = count(t) if t == s and rng.random() < 0.5 else (
        np.asarray(count(t)), np.asarray(count(s)))
    if isinstance(known["lengths"], tuple) and lead[-1:] == (2,):
      known["lengths"] = tuple(np.asarray(x) for x in known["lengths"])
  if (causal or window is not None) and rng.random() < 0.3:
    known["prefix"] = _integers(rng, rng.integers(0, s + 1, _lead(rng, lead)))
  if rng.random() < 0.25:
    shape = (*_lead(rng, lead), int(rng.choice([1, z.n])), int(rng.choice([1, t])), s)
    if len(shape) == len(lead) + 3 or shape[-3] == 1:
      known["mask"] = rng.random(shape) < 0.7
  return known, {"causal": causal, "window": window}


def draw(rng: np.random.Generator) -> Trial:
  """A random call."""
  n, k = HEADS[rng.integers(len(HEADS))]
  z = Sizes(n, k, int(rng.choice([4, 8])), int(rng.choice([4, 6])))
  lead = LEADS[rng.integers(len(LEADS))]
  t, s = LENGTHS[rng.integers(len(LENGTHS))]
  if t == 50:
    lead = lead[:1] if lead[:1] in ((), (1,), (2,)) else ()
  drawn = fuzz_encodings.draw(rng, z)
  known, static = _hiding(rng, z, lead, t, s, drawn.causal)
  (qp, kp), real = _positions(rng, drawn, lead, t, s)
  if "fox" in drawn.positions:
    pairs = _driven(rng, lead, t, s)
    c = pairs(z.n, t), pairs(z.n, s)
    if drawn.positions != "fox":
      qp, kp = (np.asarray(np.arange(m) if p is None else p) for p, m in ((qp, t), (kp, s)))
      qp, kp = (qp, c[0]), (kp, c[1])
    else:
      qp, kp = c
    real = True
  if (drawn.positions != "none" or static["causal"]) and t != s and qp is None:
    qp, kp = np.arange(t), np.arange(s)
  q, kk, v = (rng.standard_normal((*lead, *x)) for x in ((t, n, z.h), (s, k, z.h), (s, k, z.v)))
  scale = rng.uniform(0.1, 0.6) if rng.random() < 0.4 else None
  positions = None if qp is None else (qp, kp)
  if positions is not None and not real:
    known["q_positions"], known["k_positions"] = positions
  able = [name for name, x in known.items() if isinstance(x, np.ndarray)]
  traced = tuple(name for name in able if rng.random() < 0.4)
  implementation = str(rng.choice(["reference", "rows", "rows", "auto"]))
  tile = int(rng.choice([1, 2, 3, 4, 16])) if rng.random() < 0.6 else None
  static |= {"implementation": implementation, "tile": tile, "applied": drawn.hooks}
  floats = (q, kk, v, drawn.encoding, scale, positions if real else None)
  return Trial(drawn, floats, known, traced, static, lead)


def run(trial: Trial, floats, arrays):
  """`attend` of the trial with other floats and traced arrays."""
  q, k, v, encoding, scale, positions = floats
  options = trial.known | dict(zip(trial.traced, arrays, strict=True))
  if positions is not None:
    each = lambda p: px.Each(_of_members(trial.drawn.encoding, p)) if isinstance(p, tuple) else p
    options["q_positions"], options["k_positions"] = map(each, positions)
  return px.attend(q, k, v, encoding, scale=scale, **options, **trial.static)


def _of_members(encoding, pair):
  return tuple(pair[1] if m.layer_axes is not None else pair[0] for m in encoding.members)


def _example(x, index, lead, after):
  """Row `index` of something with some batch axes in front of `after` further ones."""
  if x is None:
    return None
  if isinstance(x, tuple):
    return tuple(_example(part, index, lead, n) for part, n in zip(x, after, strict=True))
  x = np.asarray(x)
  front = x.shape[:x.ndim - after]
  at = index[len(lead) - len(front):]
  return x[tuple(0 if n == 1 else i for i, n in zip(at, front, strict=True))]


def oracle(trial: Trial, floats) -> np.ndarray:
  """The same call in float64, `[..., T, N, H']`."""
  q, k, v, encoding, scale, real = floats
  q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
  t, n, h, s = *q.shape[-3:], k.shape[-3]
  out = np.zeros((*q.shape[:-1], v.shape[-1]))
  scale = h**-0.5 if scale is None else float(scale)
  for index in itertools.product(*map(range, trial.lead)):
    qp, kp = _example_positions(trial, real, index, t, s)
    mask = _example_mask(trial, index, t, s, n, qp, kp)
    members = trial.drawn.members(encoding, qp, kp)
    out[index] = fuzz.attend(q[index], k[index], v[index], members, mask, scale)
  return out


def _example_positions(trial, real, index, t, s):
  given = real or (trial.known.get("q_positions"), trial.known.get("k_positions"))
  reads = trial.drawn.positions
  after = {"fox": 3, "axes": 2}.get(reads, (1, 3) if reads.startswith("fox") else 1)
  if reads in ("none", "fox none") and given[0] is not None and not isinstance(given[0], tuple):
    after = 1
  qp, kp = (_example(p, index, trial.lead, after) for p in given)
  return (np.arange(t), np.arange(s)) if qp is None else (qp, kp)


def _example_mask(trial, index, t, s, n, qp, kp):
  get = lambda name, after: _example(trial.known.get(name), index, trial.lead, after)
  q_order, k_order = get("q_order", 1), get("k_order", 1)
  if q_order is None:
    plain = isinstance(qp, np.ndarray) and qp.ndim == 1
    q_order, k_order = (qp, kp) if plain else (np.arange(t), np.arange(s))
  pair = lambda name, after: ((None, None) if name not in trial.known else tuple(
      _example(x, index, trial.lead, after) for x in (
          trial.known[name] if isinstance(trial.known[name], tuple) else (trial.known[name],) * 2)))
  segments, lengths = pair("segments", 1), pair("lengths", 0)
  window, prefix = trial.static["window"], get("prefix", 0)
  window = (window, window) if isinstance(window, int) else window
  seen = fuzz.visible(q_order, k_order, causal=trial.static["causal"], window=window,
                      prefix=None if prefix is None else int(prefix), q_segments=segments[0],
                      k_segments=segments[1], q_length=lengths[0], k_length=lengths[1])
  mask = np.broadcast_to(seen, (n, t, s))
  extra = get("mask", 3)
  return mask if extra is None else mask & extra


def cast(floats, dtype):
  """q, k and v in a dtype; everything else that is float in it too, or in float32 at least."""
  wide = np.float32 if dtype == jnp.bfloat16 else dtype
  q, k, v, *others = floats
  others = jax.tree.map(lambda x: np.asarray(x, wide) if is_float(x) else x, tuple(others))
  return (*(np.asarray(jnp.asarray(x, dtype)) for x in (q, k, v)), *others)


def is_float(x) -> bool:
  return isinstance(x, float) or np.dtype(getattr(x, "dtype", int)).kind == "f"
