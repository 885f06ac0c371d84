# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The one abstraction: an encoding is a small PyTree that answers a few questions.

A class under ``@encoding`` is a frozen dataclass and a PyTree. Fields are leaves, which ``jit``,
``vmap`` and ``grad`` see, unless declared ``static()``, which shapes the program. Each hook has an
identity default and receives positions, never lengths, so decoding, packing, padding, tiles and
shards need no special case:

===============  ======================  =========================================================
hook             asked                   answers
===============  ======================  =========================================================
``positions``    once per model call     randomized, shifted, interpolated positions
``inputs``       once, on embeddings     sinusoidal, learned
``drive``        every layer             positions that the layer's input drives (cached with keys)
``qk``           every layer, on write   RoPE, xPos, temperatures (its keys are what a cache holds)
``values``       every layer, on write   VO-RoPE
``expand``       every layer, on read    PoPE: the wide form of a short cached key
``bias``         on any tile of rows     ALiBi, T5, FIRE, FoX, Shaw, Transformer-XL
``scores``       on whole key rows       CoPE, DAPE, SSMax: need scores of all heads and the mask
``mix``          on whole key rows       Shaw's values: adds to the output from the weights
``outputs``      every layer             VO-RoPE
===============  ======================  =========================================================

``bias`` is added after the 1/sqrt(H) scaling and sees the q and k that ``expand`` returned. Two
optional methods say more of it, so that attention can be faster: ``distance_bias`` (it depends on
q - k alone) and ``low_rank`` (under a causal mask it is a product of few columns).
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import numpy as np

from posenc_jax import _errors

HOOKS = ("positions", "inputs", "drive", "qk", "values", "expand", "bias", "scores", "mix",
         "outputs")


def static(default: Any = dataclasses.MISSING, **kwargs: Any) -> Any:
  """A dataclass field that shapes the program: hashable, never an array, a change retraces.

  Example:
    >>> @encoding
    ... class Slope(Encoding):
    ...   slope: float
    ...   sign: int = static(-1)
    >>> jax.tree.leaves(Slope(0.5))
    [array(0.5, dtype=float32)]
  """
  metadata = {**kwargs.pop("metadata", {}), "static": True}
  return dataclasses.field(default=default, metadata=metadata, **kwargs)


def encoding(cls: type) -> type:
  """Makes a class a frozen dataclass whose leaves are every field not declared ``static()``.

  Python numbers in leaf fields become float32 arrays, so that an encoding looks the same to JAX
  and to a module library whether it was given 10000.0 or an array. Unflattening runs neither
  ``__init__`` nor ``__post_init__`` (``jax.tree_util.register_dataclass`` would): they are the
  host-side constructor, where values may be checked, and never meet what JAX puts into a leaf.
  A class may write its own ``__init__`` and store fields with ``self.set_fields(..)``.
  """
  cls = dataclasses.dataclass(frozen=True, eq=False)(cls)
  fields = dataclasses.fields(cls)
  leaves = tuple(f.name for f in fields if not f.metadata.get("static"))
  statics = tuple(f.name for f in fields if f.metadata.get("static"))
  construct = cls.__init__

  @functools.wraps(construct)
  def __init__(self, *args, **kwargs):
    construct(self, *args, **kwargs)
    for name in leaves:
      value = getattr(self, name)
      if isinstance(value, int | float) and not isinstance(value, bool):
        self.set_fields(**{name: np.asarray(value, np.float32)})

  cls.__init__ = __init__

  def flatten_with_keys(e):
    children = tuple((jax.tree_util.GetAttrKey(n), getattr(e, n)) for n in leaves)
    return children, tuple(getattr(e, n) for n in statics)

  def flatten(e):
    return tuple(getattr(e, n) for n in leaves), tuple(getattr(e, n) for n in statics)

  def unflatten(aux, children):
    e = object.__new__(cls)
    e.set_fields(**dict(zip(leaves + statics, (*children, *aux), strict=True)))
    return e

  jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
  return cls


class Each(NamedTuple):
  """Positions of a chain whose members do not share them: one entry a member."""

  members: tuple


@encoding
class Encoding:
  """Base of every encoding: all hooks are identities. See the module's table.

  ``Encoding()`` itself is "no position encoding".

  Attributes:
    relative: whether a common shift of all positions leaves the attention output unchanged; the
      contract tests the claim.
    trailing: number of axes after T in the positions that the hooks receive: 0 for ``[..., T]``,
      1 for several position axes ``[..., T, P]`` or driven positions of each head ``[..., T, N]``.
  """

  relative = False
  trailing = 0

  def has(self, hook: str) -> bool:
    """Whether this encoding answers ``hook``: a fact of its type, so dispatch is static."""
    if hook == "distance_bias":
      return hasattr(type(self), "distance_bias")
    if hook == "bias" and hasattr(type(self), "distance_bias"):
      return True
    return getattr(type(self), hook) is not getattr(Encoding, hook)

  def replace(self, **changes: Any) -> "Encoding":
    """A copy with some fields changed; the constructor's checks and conversions do not run."""
    unknown = set(changes) - {f.name for f in dataclasses.fields(self)}
    if unknown:
      raise _errors.value_error("replace", sorted(unknown), f"fields of {type(self).__name__}",
                                f"It has {[f.name for f in dataclasses.fields(self)]}")
    new = object.__new__(type(self))
    new.set_fields(**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)} | changes)
    return new

  def set_fields(self, **values: Any) -> None:
    """For constructors only: stores fields of the frozen dataclass."""
    for name, value in values.items():
      object.__setattr__(self, name, value)

  def align(self, positions: Any, batch: int, length: int, argument: str = "positions") -> Any:
    """Checks positions and gives them ``batch`` leading axes, adding axes of size 1 in front.

    After this, T is axis ``batch`` of every array in ``positions``, whatever its trailing axes.
    """
    return align_array(positions, batch, length, self.trailing, argument)

  def positions(self, positions, *, key=None):
    """Maps token positions ``[..., T]`` to the positions all layers use; once per model call."""
    del key
    return positions

  def inputs(self, x, positions):
    """Adds to the embeddings x ``[..., T, D]``; once per model call."""
    del positions
    return x

  def drive(self, x, positions, *, carry=None, segments=None):
    """Positions that a layer's input x ``[..., T, D]`` drives: ``(positions, carry)``.

    What it returns takes the place of positions in this layer's other hooks and is cached beside
    the keys; ``carry`` is what the next chunk of the same sequence continues from, and a carry of
    zeros, like None, is the start. It receives the tokens' own positions, before any trailing axes
    that this encoding adds.
    """
    del x, segments
    return positions, carry

  def qk(self, q, k, q_positions, k_positions):
    """Transforms q ``[..., T, N, H]`` and k ``[..., S, K, H]``; a cache holds the returned k.

    What becomes of k must not depend on q: keys are written once and read by later queries.
    """
    del q_positions, k_positions
    return q, k

  def values(self, v, k_positions):
    """Transforms v ``[..., S, K, H]``; a cache holds what it returns."""
    del k_positions
    return v

  def expand(self, q, k, q_positions, k_positions):
    """Widens q and k, both to the same width, just before the dot product; never cached."""
    del q_positions, k_positions
    return q, k

  def bias(self, q, k, q_positions, k_positions):
    """Adds to the scaled scores: None or ``[..., N, T, S]``, for any rows and keys.

    An encoding whose bias depends only on the distance q - k defines ``distance_bias(d)`` with
    ``d [...] -> [N, ...]`` instead, and this follows from it.
    """
    del q, k
    if not hasattr(self, "distance_bias"):
      return None
    distance = q_positions[..., :, None] - k_positions[..., None, :]
    return jax.numpy.moveaxis(self.distance_bias(distance), 0, -3)

  def low_rank(self, q_positions, k_positions):
    """The bias as columns (a ``[..., T or 1, N or 1, R]``, b ``[..., S, N or 1, R]``), or None.

    What comes as NumPy is known, and no gradient is computed for it.

    sum_r a_mr b_nr is the bias of every key n that is not later than query m, up to a term that is
    constant along each row. Kernels that take no bias get it as extra columns of q and k.
    """
    del q_positions, k_positions
    return None

  def scores(self, scores, q, k, q_positions, k_positions, mask):
    """Maps the scaled, biased scores ``[..., N, T, S]`` of whole key rows; mask is broadcastable.

    q and k are what ``expand`` returned. Masked pairs are masked again after this hook.
    """
    del q, k, q_positions, k_positions, mask
    return scores

  def mix(self, weights, q_positions, k_positions):
    """Adds to the output: None or ``[..., T, N, H]`` from the weights ``[..., N, T, S]``."""
    del weights, q_positions, k_positions
    return None

  def outputs(self, out, q_positions):
    """Transforms the attention output ``[..., T, N, H]``."""
    del q_positions
    return out


def align_array(positions, batch: int, length: int, trailing: int, argument: str):
  """``Encoding.align`` for one array of positions ``[..., T, *trailing]``."""
  if not hasattr(positions, "dtype"):
    positions = np.asarray(positions)
  kind = jax.numpy.dtype(positions.dtype)
  if jax.numpy.issubdtype(kind, jax.numpy.floating):
    if kind.itemsize < 4:
      raise _errors.type_error(
          argument, kind.name, "int32, or float32 for real-valued positions",
          f"{kind.name} cannot hold every integer above "
          f"{256 if kind.name == 'bfloat16' else 2048}; pass int32 positions")
  elif not jax.numpy.issubdtype(kind, jax.numpy.integer):
    raise _errors.type_error(argument, kind.name, "int32, or float32 for real-valued positions",
                             "Convert with .astype(jnp.int32)")
  shape = positions.shape
  wanted = "[..., T]" if trailing == 0 else "[..., T, P]"
  if not trailing + 1 <= len(shape) <= batch + 1 + trailing:
    raise _errors.value_error(
        argument, f"shape {shape}", f"{wanted} with at most {batch} leading batch axes",
        f"Give one position for each of the {length} tokens")
  if shape[len(shape) - 1 - trailing] != length:
    raise _errors.value_error(
        argument, f"shape {shape}", f"{wanted} with {length} positions",
        "Positions belong to the tokens of this call: slice them as the tokens were sliced")
  missing = batch + 1 + trailing - len(shape)
  return positions.reshape((1,) * missing + shape) if missing else positions


def _each(positions, count: int) -> tuple:
  if isinstance(positions, Each):
    return positions.members
  return (positions,) * count


@encoding
class Chain(Encoding):
  """Several encodings, one after the other; biases add. Build it with ``chain(a, b)``."""

  members: tuple

  @property
  def relative(self) -> bool:
    return all(m.relative for m in self.members)

  @property
  def trailing(self) -> int:
    return max((m.trailing for m in self.members), default=0)

  def has(self, hook):
    if hook in ("distance_bias", "low_rank"):
      biased = [m for m in self.members if m.has("bias")]
      return bool(biased) and all(m.has(hook) for m in biased)
    return any(m.has(hook) for m in self.members)

  def distance_bias(self, distance):
    return sum(m.distance_bias(distance) for m in self.members if m.has("distance_bias"))

  def align(self, positions, batch, length, argument="positions"):
    if isinstance(positions, Each):
      pairs = zip(self.members, positions.members, strict=True)
      return Each(tuple(m.align(p, batch, length, argument) for m, p in pairs))
    aligned = tuple(m.align(positions, batch, length, argument) for m in self.members)
    return Each(aligned) if len({m.trailing for m in self.members}) > 1 else aligned[0]

  def positions(self, positions, *, key=None):
    for i, m in enumerate(self.members):
      positions = m.positions(positions, key=None if key is None else jax.random.fold_in(key, i))
    return positions

  def inputs(self, x, positions):
    for m, p in zip(self.members, _each(positions, len(self.members)), strict=True):
      x = m.inputs(x, p)
    return x

  def drive(self, x, positions, *, carry=None, segments=None):
    if not self.has("drive"):
      return positions, carry
    count = len(self.members)
    triples = zip(self.members, _each(positions, count), carry or (None,) * count, strict=True)
    driven = [m.drive(x, p, carry=c, segments=segments) for m, p, c in triples]
    return Each(tuple(p for p, _ in driven)), tuple(c for _, c in driven)

  def qk(self, q, k, q_positions, k_positions):
    for m, a, b in self._with(q_positions, k_positions):
      q, k = m.qk(q, k, a, b)
    return q, k

  def values(self, v, k_positions):
    for m, b, _ in self._with(k_positions, k_positions):
      v = m.values(v, b)
    return v

  def expand(self, q, k, q_positions, k_positions):
    for m, a, b in self._with(q_positions, k_positions):
      q, k = m.expand(q, k, a, b)
    return q, k

  def bias(self, q, k, q_positions, k_positions):
    total = None
    for m, a, b in self._with(q_positions, k_positions):
      bias = m.bias(q, k, a, b) if m.has("bias") else None
      if bias is not None:
        total = bias if total is None else total + bias.astype(total.dtype)
    return total

  def low_rank(self, q_positions, k_positions):
    found = [m.low_rank(a, b) for m, a, b in self._with(q_positions, k_positions) if m.has("bias")]
    return tuple(_join_columns(side) for side in zip(*found, strict=True))

  def scores(self, scores, q, k, q_positions, k_positions, mask):
    for m, a, b in self._with(q_positions, k_positions):
      scores = m.scores(scores, q, k, a, b, mask)
    return scores

  def mix(self, weights, q_positions, k_positions):
    total = None
    for m, a, b in self._with(q_positions, k_positions):
      extra = m.mix(weights, a, b)
      if extra is not None:
        total = extra if total is None else total + extra
    return total

  def outputs(self, out, q_positions):
    for m, a, _ in reversed(self._with(q_positions, q_positions)):
      out = m.outputs(out, a)
    return out

  def _with(self, q_positions, k_positions):
    count = len(self.members)
    return list(zip(self.members, _each(q_positions, count), _each(k_positions, count),
                    strict=True))


def _join_columns(parts):
  """Several ``[.., R]`` as one with R summed; other axes broadcast, dtypes are promoted."""
  if len(parts) == 1:
    return parts[0]
  lead = np.broadcast_shapes(*(p.shape[:-1] for p in parts))
  dtype = functools.reduce(jax.numpy.promote_types, (p.dtype for p in parts))
  whole = [jax.numpy.broadcast_to(p, (*lead, p.shape[-1])).astype(dtype) for p in parts]
  return jax.numpy.concatenate(whole, axis=-1)


def chain(*encodings: Encoding) -> Encoding:
  """Composes encodings; hooks run in the given order (outputs in reverse), biases add.

  Args:
    *encodings: encodings; none of them may be None. A chain of one is that one.

  Returns:
    An encoding.

  Raises:
    TypeError: a member is not an encoding.

  Example:
    >>> from posenc_jax import Alibi, Rotary, chain
    >>> chain(Rotary(8), Alibi(2)).relative
    True
  """
  for i, e in enumerate(encodings):
    if not isinstance(e, Encoding):
      raise _errors.type_error(f"chain argument {i}", type(e).__name__, "an encoding",
                               "Leave out members that are None")
  if len(encodings) == 1:
    return encodings[0]
  return Chain(tuple(encodings))
