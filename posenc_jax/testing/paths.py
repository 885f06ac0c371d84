# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What ``attend`` runs by itself, at sizes and positions that people use, and what a class claims.

``attend`` takes cheaper forms of a bias where positions are known on the host, and other loops at
other lengths. These checks run those forms against the dense definition.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _numerics
from posenc_jax import combinators as combinators_lib
from posenc_jax.attention import attend
from posenc_jax.base import HOOKS, MODEL_HOOKS, WHOLE_ROWS, Encoding, Tile
from posenc_jax.chain import chain
from posenc_jax.encodings.biases.alibi import Alibi
from posenc_jax.encodings.content.cope import Cope
from posenc_jax.encodings.rotations.rotary import Rotary
from posenc_jax.testing import checks
from posenc_jax.testing.case import Case, full, near

# Beyond these lengths ``attend`` leaves dense attention on a CPU: 48 where no hook needs whole
# rows, 128 where one does.
_LENGTHS = {False: 56, True: 136}
OFFSETS = (0, 1_000, 2**24, 2**28)
_IN_ATTENTION = tuple(h for h in HOOKS if h not in MODEL_HOOKS)


def acts_in_attention(encoding: Encoding) -> bool:
  """Whether any hook of attention itself is answered."""
  return any(encoding.has(hook) for hook in _IN_ATTENTION)


def tokens(case: Case, index: np.ndarray):
  """Prepared q, k, v of made-up tokens, and positions made from ``index`` ``[B, T]``.

  NumPy stays NumPy, so that positions are known on the host.
  """
  positions = case.make_positions(index)
  if case.encoding.has("layer"):
    x = jnp.asarray(case.numbers("long x", *index.shape, case.d_model))
    _, positions, _ = case.encoding.layer(x, positions)
  sizes = {"q": case.heads, "k": case.kv_heads, "v": case.kv_heads}
  arrays = [jnp.asarray(case.numbers(f"long {n}", *index.shape, h, case.head_dim))
            for n, h in sizes.items()]
  return *arrays, positions


def _indices(case: Case, length: int):
  """(name, index ``[B, T]``) of the positions that a case is tried at: an offset an example."""
  plain = np.arange(length, dtype=np.int32)[None]
  if not case.far:  # a table of as many rows as the case has tokens
    yield "repeated", plain % case.length
    return
  offsets = np.asarray(OFFSETS, np.int32)[:, None]
  yield f"contiguous from {', '.join(map(str, OFFSETS))} on", plain + offsets
  steps = np.random.default_rng(0).integers(1, 40, (len(OFFSETS), length))
  yield "with gaps", np.cumsum(steps, axis=1).astype(np.int32) + offsets


def check_auto(case: Case) -> None:
  """``auto`` beyond its thresholds equals dense, with positions known on the host and traced."""
  if not acts_in_attention(case.encoding):
    return
  length = _LENGTHS[any(case.encoding.has(h) for h in WHOLE_ROWS)]
  order = np.arange(length, dtype=np.int32)

  def run(encoding, q, k, v, positions, implementation):
    return attend(q, k, v, encoding, q_positions=positions, k_positions=positions, q_order=order,
                  k_order=order, causal=case.causal, applied=MODEL_HOOKS,
                  implementation=implementation)

  dense = jax.jit(functools.partial(run, implementation="reference"))
  traced = jax.jit(functools.partial(run, implementation="auto"))
  for name, index in _indices(case, length):
    q, k, v, positions = tokens(case, index)
    wanted = dense(case.encoding, q, k, v, positions)
    known = jax.jit(lambda e, q, k, v, at=positions: run(e, q, k, v, at, "auto"))
    near(f"auto, positions {name}, known on the host", known(case.encoding, q, k, v), wanted,
         4 * case.tolerance)
    near(f"auto, positions {name}, traced", traced(case.encoding, q, k, v, positions), wanted,
         4 * case.tolerance)


def check_claims(case: Case) -> None:
  """``distance_bias`` and ``bias_columns`` say what ``bias`` says, near and far."""
  e = case.encoding
  if not e.has("bias"):
    return
  ahead = 0 if case.causal else 40
  index = np.concatenate([np.arange(6), [900, 901, 902, 2000, 2001]]).astype(np.int32)
  for offset in OFFSETS if case.far else (0,):
    if not case.far:
      index = np.arange(case.length, dtype=np.int32)
    q, k, _, positions = tokens(case, index[None] + np.int32(offset))
    at = e.align(positions, 1, len(index))
    bias = np.asarray(e.bias(Tile(q, k, at, at, case.head_dim**-0.5)), np.float64)
    bias = np.broadcast_to(bias, (1, case.heads, len(index), len(index)))
    seen = index[:, None] - index[None] >= -ahead
    if e.has("distance_bias"):
      distance = Tile(q_positions=at, k_positions=at).distance(e.position_axes or 0)
      claimed = np.moveaxis(np.asarray(e.distance_bias(distance), np.float64), 0, -3)
      near(f"distance_bias at {offset}", np.where(seen, claimed, 0), np.where(seen, bias, 0),
           case.tolerance)
    found = e.bias_columns(at, at) if e.has("bias_columns") and case.causal else None
    if found is not None:
      _check_columns(case, found, bias, seen, offset)


def _check_columns(case, found, bias, seen, offset):
  """Columns equal the bias up to a term that is constant along each row."""
  a, b = (np.asarray(x, np.float64) for x in found)
  length = bias.shape[-1]
  a, b = (np.broadcast_to(x, (1, length, case.heads, x.shape[3])) for x in (a, b))
  product = np.einsum("btnr,bsnr->bnts", a, b)
  diagonal = lambda x: np.diagonal(x, axis1=-2, axis2=-1)[..., None]
  near(f"bias_columns at {offset}", np.where(seen, product - diagonal(product), 0),
       np.where(seen, bias - diagonal(bias), 0), 1e-4)


def check_precision(case: Case) -> None:
  """No hook turns integers (positions, distances) into a 16-bit float, which cannot count.

  The leaves are cast to bfloat16, as mixed precision does; the traced program is searched.
  """
  if not acts_in_attention(case.encoding) or case.encoding.layer_axes is not None:
    return
  index = np.arange(8, dtype=np.int32)
  q, k, v, positions = tokens(case, index[None])
  narrow = jax.tree.map(lambda x: jnp.asarray(x).astype(jnp.bfloat16) if _numerics.is_float(x)
                        else x, case.encoding)

  def run(e, q, k, v, at):
    return attend(q, k, v, e, q_positions=at, k_positions=at, q_order=index, k_order=index,
                  causal=case.causal, applied=MODEL_HOOKS, implementation="reference")

  at = jax.tree.map(jnp.asarray, positions)
  q, k, v = (x.astype(jnp.bfloat16) for x in (q, k, v))
  found = list(_narrowed(jax.make_jaxpr(run)(narrow, q, k, v, at).jaxpr))
  assert not found, f"precision: {found[0]}; count in int32 or float32 and cast last"


def _narrowed(jaxpr):
  """Descriptions of conversions from integers to 16-bit floats in a program and its parts."""
  for equation in jaxpr.eqns:
    if equation.primitive.name == "convert_element_type":
      old, new = equation.invars[0].aval.dtype, equation.outvars[0].aval.dtype
      if jnp.issubdtype(old, jnp.integer) and jnp.issubdtype(new, jnp.floating) and (
          new.itemsize < 4 and old.itemsize > 1):
        yield f"a hook converts {old.name} numbers to {new.name}, which rounds them beyond 256"
    for value in equation.params.values():
      for part in value if isinstance(value, tuple | list) else (value,):
        inner = getattr(part, "jaxpr", part)
        if hasattr(inner, "eqns"):
          yield from _narrowed(inner)


def check_integers(case: Case) -> None:
  """Positions of every integer dtype, and lists, are the same positions."""
  if not acts_in_attention(case.encoding) or case.encoding.layer_axes is not None:
    return
  index = np.arange(case.length, dtype=np.int32)
  q, k, v, positions = tokens(case, index[None])

  @jax.jit
  def run(e, q, k, v):
    outs = []
    order: Any = {} if e.position_axes in (None, 0) else {"q_order": index, "k_order": index}
    for at in variants:
      outs.append(attend(q, k, v, e, q_positions=at, k_positions=at, causal=case.causal,
                         applied=MODEL_HOOKS, implementation="reference", **order))
    return outs

  variants = [positions]
  if isinstance(positions, np.ndarray | jax.Array) and jnp.issubdtype(
      positions.dtype, jnp.integer):
    plain = np.asarray(positions)
    kinds = ("uint8", "int8", "uint16", "int16", "uint32", "int64", "uint64")
    variants += [plain.astype(kind) for kind in kinds if plain.min() >= 0 or kind[0] != "u"]
    variants.append(plain.tolist())
  wanted, *others = run(case.encoding, q, k, v)
  for at, got in zip(variants[1:], others, strict=True):
    near(f"positions as {getattr(at, 'dtype', 'a list')}", got, wanted, 0)


def check_heads(case: Case) -> None:
  """Another number of heads is refused, or makes no difference to any head.

  Twice the query heads, the second half a copy of the first: an encoding that serves any number
  of heads does the same to both halves.
  """
  if not acts_in_attention(case.encoding):
    return
  index = np.arange(case.length, dtype=np.int32)
  q, k, v, positions = tokens(case, index[None])
  twice = lambda x: jnp.concatenate([x, x], axis=-2)
  run = jax.jit(lambda e, q, k, v: attend(
      twice(q), twice(k), twice(v), e, q_positions=positions, k_positions=positions, q_order=index,
      k_order=index, causal=case.causal, applied=MODEL_HOOKS, implementation="reference"))
  try:
    out = run(case.encoding, q, k, v)
  except ValueError:
    return
  first, second = jnp.split(out, 2, axis=-2)
  near("heads: twice as many are taken without a word", first, second, case.tolerance)


def check_chains(case: Case) -> None:
  """Chained with a rotation, a bias, a content method and itself: tiles equal dense, and decode."""
  e, key = case.encoding, jax.random.key(0)
  width = _read_dim(case)
  others = [Rotary(2 * (case.head_dim // 2)), Alibi(case.heads),
            Cope.init(key, 8, width, stddev=0.3), Encoding(), e]
  for other in others:
    alone = e.has("weights") or e.has("positions") or width != case.head_dim
    if other is e and alone:  # it takes what it made itself no more than a second softmax
      continue
    fits = e.position_axes in (None, 0) or other.position_axes != 0
    other = other if fits or other is e else combinators_lib.along(0, other)
    for chained in (chain(e, other), chain(other, e)):
      _check_chain(case, chained)


def _read_dim(case: Case) -> int:
  """The head dim of q and k once they are read: ``expand`` may widen them."""
  if not case.encoding.has("expand") or case.encoding.has("layer"):
    return case.head_dim
  index = np.zeros((1, 2), np.int32)

  def read():
    q, k, _, positions = tokens(case, index)
    at = case.encoding.align(positions, 1, 2)
    return case.encoding.expand(q, k, at, at)[0]

  return jax.eval_shape(read).shape[-1]


def _check_chain(case, chained):
  name = f"chain of {' and '.join(type(m).__name__ for m in chained.members)}"
  with_chain = case.with_encoding(chained)
  rows = jax.jit(lambda e, x: full(with_chain, e, x, implementation="rows", tile=3))
  near(f"{name}, rows", rows(chained, case.inputs()), full(with_chain), case.tolerance)
  if case.causal:
    near(f"{name}, decode", checks.decode(with_chain, 3), full(with_chain), case.tolerance)
