# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Random encodings, each with the float64 member of the oracle that its leaves make.

A `Drawn` holds an encoding with float64 leaves, and a function that gives the oracle's members for
any encoding of the same structure: finite differences move the leaves of one and ask the other.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from tests import oracles
from tests.oracles import fuzz_members as om
from tests.oracles import fuzz_parts
from tests.support import kinds


class Drawn(NamedTuple):
  """A random encoding.

  Attributes:
    encoding: for N heads of H dims.
    members: (encoding, q positions, k positions) to the oracle's list of (member, positions of q,
      positions of k); positions as the call got them.
    positions: what it reads: "none", "int", "real" (integers or floats), "axes" or "fox".
    causal: whether it means nothing without a causal mask.
    whole: whether it asks for whole rows.
  """

  encoding: Any
  members: Callable
  positions: str = "real"
  causal: bool = False
  hooks: tuple[str, ...] = ()


class Sizes(NamedTuple):
  """N query heads, K key heads, H dims of q and k, V dims of v."""

  n: int
  k: int
  h: int
  v: int


def _leaf(x):
  return np.asarray(x, np.float64)


def _single(make, *names, **settings):
  """members of one encoding whose leaves have the oracle's names."""
  def members(e, a, b):
    leaves = {n: _leaf(getattr(e, n)) for n in names if getattr(e, n) is not None}
    return [(make(**settings, **leaves), a, b)]
  return members


def _wide(e, **leaves):
  return e.replace(**{n: jnp.asarray(x, jnp.float64) for n, x in leaves.items()})


def rotary(rng, z, dim=None):
  dim = dim or int(rng.choice([d for d in (2, 4, 8) if d <= z.h]))
  base, pairing = float(rng.choice([10.0, 10_000.0])), str(rng.choice(["half", "interleaved"]))
  if rng.random() < 0.3:
    f = rng.uniform(-1, 1, dim // 2)
    e = _wide(px.Rotary.from_frequencies(jnp.asarray(f), pairing=pairing), attention_scaling=1.1)
    return Drawn(e, lambda e, a, b: [(om.Rotary(_leaf(e.frequencies), pairing, _leaf(
        e.attention_scaling), learned=True), a, b)], "small")
  e = _wide(px.Rotary(dim, base=base, pairing=pairing), attention_scaling=rng.uniform(0.9, 1.2))
  exact = oracles.rotary_frequencies(dim, base=base)
  return Drawn(e, lambda e, a, b: [(om.Rotary(exact, pairing, _leaf(e.attention_scaling)), a, b)])


def m_rotary(rng, z):
  sections = (z.h // 2 - 1, 1)
  exact = oracles.rotary_frequencies(z.h)
  interleaved = bool(rng.random() < 0.5)
  axes = oracles.mrope_axes(sections, interleaved=interleaved)
  return Drawn(px.MRotary(sections, interleaved=interleaved),
               lambda e, a, b: [(om.MRotary(axes, exact), a, b)], "axes")


def vo_rotary(rng, z):
  return Drawn(px.VORotary(z.v), lambda e, a, b: [(om.VORotary(oracles.rotary_frequencies(z.v)),
                                                   a, b)])


def alibi(rng, z):
  e = _wide(px.Alibi(z.n), slopes=rng.uniform(0.01, 1, z.n))
  return Drawn(e, _single(om.Alibi, "slopes"))


def t5(rng, z, heads=None):
  both, buckets = bool(rng.random() < 0.5), int(rng.choice([8, 12]))
  e = px.T5Bias(jnp.asarray(rng.standard_normal((buckets, heads or z.n))), both, 20)
  bucket = functools.partial(oracles.t5_bucket, bidirectional=both, num_buckets=buckets,
                             max_distance=20)
  return Drawn(e, _single(om.T5, "table", bucket=bucket), "int")


def shared_t5(rng, z):
  one = t5(rng, z, heads=1)
  return Drawn(px.share_heads(one.encoding), lambda e, a, b: one.members(e.inner, a, b), "int")


def fire(rng, z):
  draw = rng.standard_normal
  e = px.Fire(*(jnp.asarray(draw(s)) for s in ((3,), (3,), (3, z.n))), threshold=5.0)
  e = _wide(e, c=rng.uniform(0.1, 0.5), multiplier=rng.uniform(0.5, 2))
  return Drawn(e, _single(om.Fire, "w1", "b1", "w2", "c", "multiplier", threshold=5.0))


def shaw(rng, z):
  tables = [jnp.asarray(rng.standard_normal((5, d))) for d in (z.h, z.v)]
  keep = int(rng.integers(3))
  e = px.Shaw(*(t if i != keep else None for i, t in enumerate(tables)))
  return Drawn(e, _single(om.Shaw, "key_table", "value_table"), "int")


def transformer_xl(rng, z):
  u, v, w = (jnp.asarray(rng.standard_normal(s)) for s in ((z.n, z.h), (z.n, z.h), (4, z.n, z.h)))
  return Drawn(px.TransformerXL(u, v, w), _single(
      om.TransformerXL, "u", "v", "w_r", frequencies=oracles.rotary_frequencies(4)))


def cope(rng, z):
  heads = (z.n,) if rng.random() < 0.5 else ()
  scaled = bool(rng.random() < 0.5)
  e = px.Cope(jnp.asarray(rng.standard_normal((4, *heads, z.h))), scaled)
  return Drawn(e, _single(om.Cope, "table", scaled=scaled), "none", True)


def dape(rng, z):
  taps = int(rng.choice([1, 3]))
  shapes = (taps, 2 * z.n, 3), (3,), (taps, 3, z.n)
  e = px.Dape(alibi(rng, z).encoding, *(jnp.asarray(rng.standard_normal(s)) for s in shapes))

  def members(e, a, b):
    leaves = {n: _leaf(getattr(e, n)) for n in ("hidden_weight", "hidden_bias", "out_weight")}
    return [(om.Dape(slopes=_leaf(e.inner.slopes), **leaves), a, b)]

  return Drawn(e, members)


def fox(rng, z):
  e = px.Fox(jnp.zeros((3, z.n)), jnp.zeros(z.n))
  total = lambda p: np.asarray(p, np.float64).sum(axis=-2)
  return Drawn(e, lambda e, a, b: [(om.Fox(), total(a), total(b))], "fox", True, ("layer",))


def pope(rng, z):
  e = px.Pope(jnp.asarray(rng.uniform(-6, 0, (z.n, z.h))))
  return Drawn(e, _single(om.Pope, "delta", frequencies=oracles.rotary_frequencies(2 * z.h)))


def log_n(rng, z):
  e = _wide(px.LogNTemperature(4.0), train_length=rng.uniform(2, 5))
  return Drawn(e, _single(om.LogN, "train_length"))


def ss_max(rng, z):
  offset = jnp.asarray(rng.uniform(0.5, 1, z.n)) if rng.random() < 0.5 else None
  return Drawn(px.SSMax(jnp.asarray(rng.uniform(0.2, 1, z.n)), offset),
               _single(om.SSMax, "s", "offset"), "none")


def hard_alibi(rng, z):
  few = min(2, z.n)
  return Drawn(px.HardAlibi(z.n, few), lambda e, a, b: [(om.HardAlibi(few), a, b)], "int")


def sink(rng, z):
  return Drawn(kinds.Sink(jnp.asarray(rng.standard_normal(z.n))), _single(om.Sink, "logit"), "none")


def of_inputs(rng, z):
  """Encodings that do nothing in attention."""
  all_of_them = px.Sinusoidal(8), px.Learned(jnp.ones((4, 8))), px.Randomized(8, maximum=16)
  hooks = ("inputs", "positions")
  return Drawn(all_of_them[rng.integers(3)], lambda e, a, b: [], "real", False, hooks)


def nothing(rng, z):
  return Drawn(px.Encoding(), lambda e, a, b: [], "none")


def along(rng, z):
  axis = int(rng.integers(2))
  inner = (alibi, t5, rotary)[rng.integers(3)](rng, z)
  return Drawn(px.along(axis, inner.encoding), lambda e, a, b: [
      (fuzz_parts.Along(axis, m), p, k) for m, p, k in inner.members(e.inner, a, b)], "axes")


def on_heads(rng, z):
  group = z.n // z.k
  start = int(rng.integers(z.k)) * group
  part = Sizes(group, 1, z.h, z.v)
  makers = alibi, t5, rotary, ss_max, cope, shaw, sink, hard_alibi, fire, log_n
  inner = makers[rng.integers(len(makers))](rng, part)
  stop = start + group
  return Drawn(px.on_heads(slice(start, stop), inner.encoding), lambda e, a, b: [
      (fuzz_parts.OnHeads(start, stop, m), p, k) for m, p, k in inner.members(e.inner, a, b)],
      inner.positions, inner.causal)


def on_dims(rng, z):
  start = int(rng.choice([0, z.h - 2]))
  inner = rotary(rng, z, dim=2)
  return Drawn(px.on_dims(slice(start, start + 2), inner.encoding), lambda e, a, b: [
      (fuzz_parts.OnDims(start, start + 2, m), p, k) for m, p, k in inner.members(e.inner, a, b)],
      inner.positions)


MAKERS = (rotary, m_rotary, vo_rotary, alibi, t5, shared_t5, fire, shaw, transformer_xl, cope, dape,
          fox, pope, log_n, ss_max, hard_alibi, sink, of_inputs, nothing, along, on_heads, on_dims)
# The order of what they read, from anything to one thing alone.
_READS = ("none", "real", "small", "int", "axes")
_WIDENS = (pope,)  # q and k have another width after it


def draw(rng, z: Sizes) -> Drawn:
  """One encoding, or a chain of two or three."""
  count = int(rng.choice([1, 1, 2, 2, 3]))
  if count == 1:
    return MAKERS[rng.integers(len(MAKERS))](rng, z)
  while True:
    makers = [MAKERS[i] for i in rng.integers(len(MAKERS), size=count)]
    # At most one gives the weights; what needs q's own width stands alone with what widens it.
    if makers.count(sink) + makers.count(on_heads) > 1 or any(m in _WIDENS for m in makers) and any(
        m in (*_WIDENS, transformer_xl, shaw, cope, on_dims, rotary, m_rotary, along, on_heads)
        for m in makers if m is not pope or makers.count(pope) > 1):
      continue
    parts = [m(rng, z) for m in makers]
    reads = {p.positions for p in parts}
    if "axes" in reads and reads - {"axes", "none"}:
      continue
    return _joined(parts)


def _joined(parts) -> Drawn:
  driven = [p.positions == "fox" for p in parts]
  kinds_read = [p.positions for p in parts if p.positions != "fox"] or ["none"]
  reads = max(kinds_read, key=_READS.index)

  def members(e, a, b):
    out = []
    for part, m, is_fox in zip(parts, e.members, driven, strict=True):
      pick = (lambda p, is_fox=is_fox: p[1] if is_fox else p[0]) if any(driven) else lambda p: p
      out += part.members(m, pick(a), pick(b))
    return out

  positions = f"fox {reads}" if any(driven) else reads
  return Drawn(px.chain(*(p.encoding for p in parts)), members, positions,
               any(p.causal for p in parts), tuple({h for p in parts for h in p.hooks}))
