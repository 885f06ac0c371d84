# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares sharded with unsharded attention on 8 devices; run by tests/attention/test_context.py.

    JAX_NUM_CPU_DEVICES=8 python -W error -m tests.support.context_script [every]

prints one JSON object, from the name of each case to its errors, one for each array: the largest
difference, relative to the largest value. In float64 unless a case says otherwise.
"""

import contextlib
import functools
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import posenc_jax as px
from posenc_jax.attention.context.api import context_attend, unzigzag, zigzag

B, T, N, K, H, SHARDS = 2, 64, 4, 2, 8, 8
RNG = np.random.default_rng(7)
SEGMENTS = np.sort(RNG.integers(0, 4, (B, T)), axis=1).astype(np.int32)
PLAIN = {"none": None, "rotary": px.Rotary(H), "alibi": px.Alibi(N),
         "t5": px.T5Bias.init(jax.random.key(0), N, stddev=1.0)}


def draw(*shape):
  return jnp.asarray(RNG.standard_normal(shape))


def mesh_of(*sizes, kind=AxisType.Auto):
  """Devices as [.., sequence]; an axis in front of it is named batch."""
  names = ("batch", "sequence")[-len(sizes):]
  return jax.make_mesh(sizes, names, axis_types=(kind,) * len(sizes))


def value_and_gradients(f, arrays, cotangent):
  """(output, gradients of all arrays); leaves without a gradient become None."""
  out, pull = jax.vjp(f, arrays)
  (grads,) = pull(cotangent)
  return out, jax.tree.map(lambda g: None if g.dtype == jax.dtypes.float0 else g, grads)


def compare(encoding, options=None, *, layout="contiguous", mesh=None, spec=None, s=T,
            positions=(None, None), scale=None, dtype=jnp.float64, jit=True,
            context=contextlib.nullcontext, **only):
  """Errors of the sharded call against the reference, which sees tokens in their order.

  ``options`` go to both, with arrays put into the layout for the sharded call; ``only`` go to the
  sharded one. ``positions``, if given, are those of queries and of keys. Gradients are taken of q,
  k, v, the encoding's leaves, the positions and the scale.
  """
  options, mesh = options or {}, mesh or mesh_of(SHARDS)
  spec = PartitionSpec(None, "sequence") if spec is None else spec
  into = functools.partial(zigzag, shards=SHARDS) if layout == "zigzag" else lambda x, axis: x
  back = functools.partial(unzigzag, shards=SHARDS) if layout == "zigzag" else lambda x, axis: x
  if dtype == jnp.float64:
    encoding = jax.tree.map(lambda x: x.astype(dtype) if x.dtype == jnp.float32 else x, encoding)
  tokens = draw(B, T, N, H), draw(B, s, K, H), draw(B, s, K, H)
  tokens, cotangent = jax.tree.map(lambda x: x.astype(dtype), (tokens, draw(B, T, N, H)))
  moved = {name: jax.tree.map(lambda x: into(x, axis=-1), value) if name == "segments" else value
           for name, value in options.items()}
  if "mask" in options:
    moved["mask"] = into(into(options["mask"], axis=-1), axis=-2)

  def run(attend, **how):
    def call(arrays):
      (q, k, v), encoding, (q_positions, k_positions), scale = arrays
      return attend(q, k, v, encoding, q_positions=q_positions, k_positions=k_positions,
                    scale=scale, **how)
    f = functools.partial(value_and_gradients, call)
    return jax.jit(f) if jit else f

  want = run(px.attend, implementation="reference", **options)(
      (tokens, encoding, positions, scale), cotangent)
  put = lambda x: into(x, axis=1) if spec == "unplaced" else jax.device_put(
      into(x, axis=1), NamedSharding(mesh, spec))
  with context(mesh):
    arrays = (jax.tree.map(put, tokens), encoding,
              jax.tree.map(lambda x: into(x, axis=1), positions), scale)
    out, grads = run(context_attend, mesh=mesh, axis="sequence", layout=layout, **moved, **only)(
        arrays, put(cotangent))
    undo = lambda tree: jax.tree.map(lambda x: back(x, axis=1), tree)
    got = undo(out), (undo(grads[0]), grads[1], undo(grads[2]), grads[3])
  errors = []
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    a, b = (np.asarray(x).astype(np.float64) for x in (a, b))
    errors.append(float(np.abs(a - b).max() / max(1, np.abs(b).max())))
  return errors


def work(layout):
  """How many tiles of 4 rows each device does under a causal mask."""
  done = np.zeros(SHARDS, int)

  @px.encoding
  class Counting(px.Encoding):
    def bias(self, tile):
      def count(device):
        done[device] += 1
      jax.debug.callback(count, jax.lax.axis_index("sequence"))
      return None

  x = draw(1, T, 1, H)
  out = context_attend(x, x, x, Counting(), mesh=mesh_of(SHARDS), axis="sequence", layout=layout,
                       causal=True, tile=4)
  jax.block_until_ready(out)
  jax.effects_barrier()
  return done.tolist()


def cases():
  """Name and thunk of each case."""
  go = functools.partial
  packed = dict(causal=True, segments=SEGMENTS)
  for name, encoding in PLAIN.items():
    for layout in ("contiguous", "zigzag"):
      yield f"{name} {layout}", go(compare, encoding, packed, layout=layout)
  t5, alibi = PLAIN["t5"], PLAIN["alibi"]
  yield "everything visible", go(compare, t5)
  yield "gathered", go(compare, px.chain(px.Rotary(H), alibi), packed, collective="gather",
                       layout="zigzag")
  yield "window, ragged tiles", go(compare, alibi, dict(window=(13, 5)), layout="zigzag", tile=3)
  apart = np.asarray(SEGMENTS), np.where(SEGMENTS == 2, 9, SEGMENTS)
  yield "rows that see nothing", go(compare, alibi, dict(segments=apart))
  yield "longer keys at given positions", go(
      compare, t5, dict(causal=True), s=2 * T,
      positions=(np.arange(T, dtype=np.int32) + T, np.arange(2 * T, dtype=np.int32)))
  fox = px.Fox.init(jax.random.key(1), 6, N, stddev=1.0)
  _, driven, _ = fox.layer(draw(B, T, 6), None)
  for layout in ("contiguous", "zigzag"):
    yield f"driven positions {layout}", go(
        compare, fox, dict(causal=True, applied="layer"), layout=layout,
        positions=(driven, driven))
  cope = px.Cope.init(jax.random.key(2), num_positions=16, head_dim=H)
  yield "whole rows", go(compare, cope, dict(causal=True), layout="zigzag")
  mask = jnp.asarray(RNG.random((B, N, T, T)) < 0.5)
  yield "dense mask", go(compare, alibi, dict(mask=mask), layout="zigzag")
  yield "traced scale", go(compare, alibi, scale=jnp.float64(0.2))
  yield "bfloat16", go(compare, t5, dict(causal=True), dtype=jnp.bfloat16)
  yield "without jit", go(compare, alibi, dict(causal=True), jit=False)
  both = PartitionSpec("batch", "sequence")
  yield "batch along another axis", go(compare, alibi, packed, mesh=mesh_of(2, 4), spec=both)
  explicit = mesh_of(2, 4, kind=AxisType.Explicit)
  yield "explicit axes", go(compare, px.Rotary(H), packed, mesh=explicit, spec=both)
  yield "explicit axes, zigzag", go(compare, alibi, dict(causal=True), layout="zigzag",
                                    mesh=mesh_of(SHARDS, kind=AxisType.Explicit))
  yield "explicit context, unplaced arrays", go(compare, alibi, dict(causal=True), mesh=explicit,
                                                spec="unplaced", context=jax.set_mesh)
  for layout in ("contiguous", "zigzag"):
    yield f"work {layout}", go(work, layout)


def every():
  """Name and thunk of each encoding of the contract, zig-zag and causal if it may be."""
  from tests.encodings.test_contract import CASES

  for name, make in CASES.items():
    case = make()
    index = jnp.broadcast_to(jnp.arange(T, dtype=jnp.int32), (B, T))
    _, positions, _ = case.encoding.layer(draw(B, T, case.width), case.make_positions(index))
    yield name, functools.partial(compare, case.encoding,
                                  dict(causal=case.causal, applied=px.base.MODEL_HOOKS),
                                  layout="zigzag", positions=(positions, positions))


def main():
  jax.config.update("jax_numpy_dtype_promotion", "strict")
  jax.config.update("jax_numpy_rank_promotion", "raise")
  jax.config.update("jax_enable_x64", True)
  chosen = every() if sys.argv[1:] == ["every"] else cases()
  print(json.dumps({name: run() for name, run in chosen}))


if __name__ == "__main__":
  main()
