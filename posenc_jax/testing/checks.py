# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The ways in which the same tokens can be run, which must agree.

Each check is a function of a ``Case`` that raises an AssertionError naming the property.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _compat
from posenc_jax import positions as positions_lib
from posenc_jax.attention import attend
from posenc_jax.testing.case import (
  ALL_HOOKS,
  Case,
  embed,
  full,
  index_of,
  layer,
  near,
  once,
  project,
)


def _leaves(encoding):
  """(name, leaf, replace) for every leaf of the encoding."""
  paths, treedef = jax.tree_util.tree_flatten_with_path(encoding)
  leaves = [leaf for _, leaf in paths]
  for i, (path, leaf) in enumerate(paths):
    def put(new, i=i):
      return jax.tree.unflatten(treedef, [*leaves[:i], new, *leaves[i + 1:]])
    yield jax.tree_util.keystr(path), leaf, put


def _changed(leaf):
  """The leaf with every number noticeably changed; whole words of a fixed-point number move."""
  leaf = np.asarray(leaf)
  if np.issubdtype(leaf.dtype, np.floating):
    noise = np.random.default_rng(leaf.size).uniform(0.5, 1.0, leaf.shape).astype(leaf.dtype)
    return leaf * (1 + leaf.dtype.type(0.3) * noise) + leaf.dtype.type(0.1) * noise
  return leaf + leaf.dtype.type(1 << 27)


def _is_float(leaf):
  return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def check_jit(case: Case) -> None:
  """Compiled and eager runs agree, and another value of a leaf does not trace again."""
  traces = []

  @jax.jit
  def run(encoding, x):
    traces.append(1)
    return full(case, encoding, x)

  # NumPy arrays have no weak types: a leaf jnp.full(n, 0.5) would trace again for its type alone.
  encoding = jax.tree.map(np.asarray, case.encoding)
  x = case.inputs()
  eager = layer(case, case.encoding, case.weights(), x, index_of(case), implementation="reference")
  near("jit", run(encoding, x), eager, case.tolerance)
  for name, leaf, put in _leaves(encoding):
    run(put(jnp.asarray(_changed(leaf))), case.inputs())
    assert len(traces) == 1, f"jit: another value of {name} traced the program again"


def check_vmap(case: Case) -> None:
  """A vmap over every leaf equals single runs, and each leaf matters."""
  leaves = list(_leaves(case.encoding))
  if not leaves:
    return
  variants = [case.encoding] + [put(jnp.asarray(_changed(leaf))) for _, leaf, put in leaves]
  stacked = jax.tree.map(lambda *x: jnp.stack([jnp.asarray(y) for y in x]), *variants)
  run = jax.jit(lambda e: full(case, e))
  lanes = jax.jit(jax.vmap(lambda e: full(case, e)))(stacked)
  for i, variant in enumerate(variants):
    near("vmap" if i == 0 else f"vmap over {leaves[i - 1][0]}", lanes[i], run(variant),
          case.tolerance)
  for i, (name, leaf, _) in enumerate(leaves):
    if _is_float(leaf) or name.endswith(".hi"):
      moved = float(jnp.max(jnp.abs(lanes[0] - lanes[i + 1])))
      assert moved > 1e-6, f"leaf {name}: changing it changes nothing"


def _loss_and_gradients(case, implementation):
  """Compiled (encoding, weights, x) -> (loss, gradients of their float arrays)."""

  treedef = jax.tree.structure((case.encoding, case.weights(), case.inputs()))

  def loss(floats, others):
    both = zip(floats, others, strict=True)
    encoding, weights, x = treedef.unflatten([b if a is None else a for a, b in both])
    out = layer(case, encoding, weights, x, index_of(case), implementation=implementation, tile=3)
    return jnp.sum(out * jnp.asarray(case.numbers("probe", *out.shape)).astype(out.dtype))

  compiled = jax.jit(jax.value_and_grad(loss))

  def run(args):
    leaves = jax.tree.leaves(args)
    part = lambda floats: [x if _is_float(x) == floats else None for x in leaves]
    return compiled(part(True), part(False))

  return run


def check_gradients(case: Case) -> None:
  """Gradients of leaves, weights and inputs, dense and in tiles: equal to float64's.

  The float64 ones, in turn, equal finite differences.
  """
  args = (case.encoding, case.weights(), jnp.asarray(case.inputs()))
  got = {i: _loss_and_gradients(case, i)(args)[1] for i in ("reference", "rows")}
  with _compat.enable_x64():
    wide = jax.tree.map(
        lambda x: jnp.asarray(np.asarray(x, np.float64)) if _is_float(x) else x, args)
    exact = _loss_and_gradients(case, "reference")
    wanted = [None if g is None else np.asarray(g) for g in exact(wide)[1]]
    paths, _ = jax.tree_util.tree_flatten_with_path(args)
    names = [jax.tree_util.keystr(path) for path, _ in paths]
    _check_differences(case, exact, wide, wanted, names)
  for implementation, gradients in got.items():
    for name, g, w in zip(names, gradients, wanted, strict=True):
      if w is not None:
        size = 1 + np.max(np.abs(w), initial=0.0)
        near(f"gradient {name} by {implementation}", g / size, w / size, 20 * case.tolerance)


def _check_differences(case, exact, args, gradients, names):
  """Central differences in float64 along one random direction for each array."""
  flat, treedef = jax.tree.flatten(args)
  for i, g in enumerate(gradients):
    if g is None:
      continue
    direction = case.numbers(f"direction {i}", *flat[i].shape).astype(np.float64)
    step = 1e-6  # small, as some encodings have kinks
    sides = []
    for sign in (1, -1):
      moved = [*flat[:i], flat[i] + sign * step * direction, *flat[i + 1:]]
      sides.append(float(exact(jax.tree.unflatten(treedef, moved))[0]))
    slope, wanted = (sides[0] - sides[1]) / (2 * step), float(np.sum(g * direction))
    assert abs(slope - wanted) <= 2e-3 * (1 + abs(wanted)), (
        f"gradient {names[i]}: {wanted:.6g}, but finite differences give {slope:.6g}. (A hook that "
        "casts to float32 inside is too coarse for this: np.promote_types(dtype, np.float32).)")


def check_rows(case: Case) -> None:
  """Tiles of rows give the dense result."""
  run = jax.jit(lambda e, x: full(case, e, x, implementation="rows", tile=3))
  near("rows", run(case.encoding, case.inputs()), full(case), case.tolerance)


def decode(case, chunk, seen=None, index=None, x=None):
  """Runs the layer on chunks of tokens with a cache whose unused slots hold junk."""
  x = jnp.asarray(case.inputs() if x is None else x)
  index = index_of(case) if index is None else index
  seen = jnp.ones(index.shape, bool) if seen is None else seen
  order = np.arange(case.length, dtype=np.int32)
  weights = case.weights()

  def written(encoding, x, index, carry):
    xe, positions = embed(case, encoding, x, index)
    q, k, v, positions, carry = project(case, encoding, weights, xe, positions, carry=carry)
    whole = jax.tree.map(lambda p: jnp.broadcast_to(p, (case.batch, *p.shape[1:])), positions)
    return q, (k, v, whole), positions, carry

  @jax.jit
  def step(encoding, x, index, cache, carry, start):
    q, new, positions, carry = written(encoding, x, index, carry)
    cache = jax.tree.map(
        lambda c, new: jax.lax.dynamic_update_slice_in_dim(c, new, start, 1), cache, new)
    filled = seen & (order < start + x.shape[1])[None]
    out = attend(q, cache[0], cache[1], encoding, q_positions=positions, k_positions=cache[2],
                 q_order=start + order[:x.shape[1]], k_order=order, causal=case.causal,
                 mask=filled[:, None, None, :], applied=ALL_HOOKS, implementation="reference")
    return out, cache, carry

  junk = lambda a: jnp.full((a.shape[0], case.length, *a.shape[2:]), 77, a.dtype)
  like = jax.eval_shape(written, case.encoding, x[:, :chunk], index[:, :chunk], None)[1]
  cache, carry, out = jax.tree.map(junk, like), None, []
  for start in range(0, case.length, chunk):
    here = slice(start, start + chunk)
    one, cache, carry = step(case.encoding, x[:, here], index[:, here], cache, carry,
                             np.int32(start))
    out.append(one)
  return jnp.concatenate(out, axis=1)


def check_decode(case: Case) -> None:
  """Token by token with a cache, and prefill in chunks, equal one full forward (causal)."""
  if not case.causal:
    return
  wanted = full(case)
  near("decode", decode(case, 1), wanted, case.tolerance)
  near("chunked prefill", decode(case, 4), wanted, case.tolerance)


def check_packed(case: Case) -> None:
  """Two documents packed into one row equal the same documents run apart."""
  x, cut = case.inputs(), 3
  segments = jnp.broadcast_to((jnp.arange(case.length) >= cut).astype(jnp.int32) + 1,
                              (case.batch, case.length))
  index = positions_lib.from_segments(segments)
  packed = once(case, x, index, segments=segments)
  for part in (slice(0, cut), slice(cut, case.length)):
    n = x[:, part].shape[1]
    alone = once(case, x[:, part], index_of(case, length=n))
    near("packed", packed[:, part], alone, case.tolerance)


def check_left_padding(case: Case) -> None:
  """Rows padded on the left equal unpadded rows, whatever the padding holds; decoding too."""
  pads = (3, 1)
  index = jnp.arange(case.length, dtype=jnp.int32)
  seen = jnp.stack([index >= pad for pad in pads])
  index = jnp.maximum(positions_lib.from_mask(seen), 0)
  x = np.where(np.asarray(seen)[..., None], case.inputs(), np.float32(5))
  runs = {"left padding": once(case, x, index, seen=seen)}
  if case.causal:
    runs["decode with left padding"] = decode(case, 1, seen, index, x)
  for row, pad in enumerate(pads):
    # Both rows of the lone run are this row: keys of the positions hook belong to a row's place.
    both = np.stack([x[row, pad:]] * case.batch)
    alone = once(case, both, index_of(case, length=case.length - pad))
    for name, run in runs.items():
      near(name, run[row, pad:], alone[row], case.tolerance)


def check_groups(case: Case) -> None:
  """Grouped key heads equal the same key heads written out for every query head."""
  repeat = lambda a: jnp.repeat(a, case.heads // case.kv_heads, axis=-2)

  @jax.jit
  def both(encoding, x):
    x, positions = embed(case, encoding, x, index_of(case))
    q, k, v, positions, _ = project(case, encoding, case.weights(), x, positions)
    run = functools.partial(attend, encoding=encoding, q_positions=positions,
                            k_positions=positions, q_order=np.arange(case.length),
                            k_order=np.arange(case.length), causal=case.causal, applied=ALL_HOOKS,
                            implementation="reference")
    return run(q, k, v), run(q, repeat(k), repeat(v))

  few, every = both(case.encoding, case.inputs())
  near("grouped heads", few, every, case.tolerance)


def check_cross_lengths(case: Case) -> None:
  """Some queries against all keys (T < S), and all queries against some keys (T > S)."""
  order = np.arange(case.length, dtype=np.int32)
  take = lambda tree, a, b: jax.tree.map(lambda p: jnp.asarray(p)[:, a:b], tree)
  n = case.length
  parts = [(0, n, 0, n), (n - 2, n, 0, n)] + [(0, 1, 0, n), (0, n, 0, 3)] * case.causal

  @jax.jit
  def runs(encoding, x):
    x, positions = embed(case, encoding, x, index_of(case))
    q, k, v, positions, _ = project(case, encoding, case.weights(), x, positions)
    return [attend(q[:, qa:qb], k[:, ka:kb], v[:, ka:kb], encoding,
                   q_positions=take(positions, qa, qb), k_positions=take(positions, ka, kb),
                   q_order=order[qa:qb], k_order=order[ka:kb], causal=case.causal,
                   applied=ALL_HOOKS, implementation="reference") for qa, qb, ka, kb in parts]

  full, *others = runs(case.encoding, case.inputs())
  near("T < S", others[0], full[:, n - 2:], case.tolerance)
  if case.causal:
    near("T = 1", others[1], full[:, :1], case.tolerance)
    near("T > S", others[2][:, :3], full[:, :3], case.tolerance)


def check_future(case: Case) -> None:
  """Under causal attention a later token changes nothing before it."""
  if not case.causal:
    return
  x = case.inputs()
  other = x.copy()
  other[:, -1] += 3
  near("future", full(case, x=other)[:, :-1], full(case)[:, :-1], 1e-6)


def check_dtypes(case: Case) -> None:
  """bfloat16 in, bfloat16 out, near the float32 result; masked rows stay finite."""
  x = jnp.asarray(case.inputs()).astype(jnp.bfloat16)
  got = full(case, x=x)
  assert got.dtype == jnp.bfloat16, f"dtype: bfloat16 in, {got.dtype} out"
  # bfloat16 has 8 bits: 0.4 percent on every rounded q, k, v and score.
  near("bfloat16", got, full(case, x=x.astype(jnp.float32)), 0.15)
  nothing = jnp.zeros((case.batch, case.length), bool)
  index = index_of(case)

  def total(x):
    return jnp.sum(layer(case, case.encoding, case.weights(), x, index, seen=nothing,
                         implementation="reference"))

  value, slope = jax.jit(jax.value_and_grad(total))(jnp.asarray(case.inputs()))
  assert np.isfinite(float(value)), "fully masked rows: not finite"
  assert np.isfinite(np.asarray(slope)).all(), "fully masked rows: the gradient is not finite"


def check_shift(case: Case) -> None:
  """An encoding that claims to be relative gives the same output wherever the text starts."""
  if not case.encoding.relative:
    return
  near("shift by 1000", full(case, shift=1000), full(case), 2 * case.tolerance)
