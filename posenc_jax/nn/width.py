# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Active width: a narrow model is a wide one whose surplus parameters are zero.

``d_model`` is how many columns a model has, its active width how many of them are in use. A model
built with ``d_model=64, active_width=32`` computes what a model with ``d_model=32`` computes: the
surplus of each parameter is zero, initial draws are scaled by the active fan-in, norms and
embeddings divide by active counts, and surplus heads, hidden units and columns stay exactly zero in
training, as their gradients are zero. The active width may be traced, so models of several widths
train in one vmap.

The active block of the wide model holds the very numbers that the narrow model draws: see
``draws``.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.attention import attend
from posenc_jax.base import MODEL_HOOKS, WHOLE_ROWS, Encoding
from posenc_jax.nn.draws import draw as draw
from posenc_jax.nn.draws import keep as keep
from posenc_jax.nn.draws import together as together


def stack_encodings(encodings: dict[int, Any], *, head_dim: int | None = None) -> Any:
  """Encodings for several active widths as one, to pick from inside a trace: ``pick_encoding``.

  Every leaf is padded with zeros to its shape in the widest encoding, and the leaves are stacked.

  Args:
    encodings: for each active width what a model of that ``d_model`` would be given: an encoding,
      None, or a list with one entry a layer. ``{32: Sinusoidal(32), 64: Sinusoidal(64)}``.
    head_dim: H, needed for encodings that see all heads at once (``scores``, ``weights``,
      ``value_bias``, ``visible``, a ``bias`` of q and k), to check that what they do to the first
      heads does not depend on how many follow.

  Returns:
    The widest of them with leaves ``[number of widths, ...]``, in ascending order of widths.

  Raises:
    ValueError: no encodings; encodings of different kinds; one that does otherwise to the first
      columns and heads when more follow (``Sinusoidal(layout="halves")``, ``TransformerXL``,
      ``Dape`` with an inner bias); a missing head_dim.

  Example:
    >>> import posenc_jax as px
    >>> stacked = stack_encodings({2: px.Alibi(2), 4: px.Alibi(4)})
    >>> stacked.slopes.round(4).tolist()
    [[0.0625, 0.0039, 0.0, 0.0], [0.25, 0.0625, 0.0156, 0.0039]]
  """
  if not encodings:
    raise _errors.value_error("encodings", "none", "one for each active width",
                              "Pass {width: encoding, ..}")
  widths = sorted(encodings)
  widest = encodings[widths[-1]]
  if isinstance(widest, list | tuple):
    return [stack_encodings({w: encodings[w][i] for w in widths}, head_dim=head_dim)
            for i in range(len(widest))]
  largest, treedef = jax.tree.flatten(widest)
  rows = []
  for w in widths:
    leaves = jax.tree.leaves(encodings[w])
    _check_kind(encodings[w], leaves, widest, largest, w)
    rows.append([_pad(x, y.shape) for x, y in zip(leaves, largest, strict=True)])
    if widest is not None and w != widths[-1]:
      _check_prefix(encodings[w], widest, w, widths[-1], head_dim)
  stack = lambda xs: (np if all(isinstance(x, np.ndarray) for x in xs) else jnp).stack(xs)
  return treedef.unflatten([stack(xs) for xs in zip(*rows, strict=True)])


def pick_encoding(stacked: Any, widths, active_width) -> Any:
  """The encoding for the widest of several models when it runs at one of their widths.

  What depends on the width (frequencies, slopes, initial tables) is that of the narrow model.

  Args:
    stacked: from ``stack_encodings``.
    widths: the same active widths, known on the host, in any order.
    active_width: one of them, may be traced. A traced one that is not among them gives NaN.

  Returns:
    An encoding, None, or a list, for a model built with ``d_model=max(widths)``.

  Raises:
    ValueError: a known active width that is none of the widths.

  Example:
    >>> import posenc_jax as px
    >>> stacked = stack_encodings({2: px.Alibi(2), 4: px.Alibi(4)})
    >>> pick_encoding(stacked, (2, 4), jnp.int32(2)).slopes.round(4).tolist()
    [0.0625, 0.0039, 0.0, 0.0]
  """
  known = _numerics.known(active_width)
  if known is not None and int(known) not in widths:
    raise _errors.value_error("active_width", int(known), f"one of {sorted(widths)}",
                              "Give an encoding for this width, too")
  ascending = jnp.asarray(sorted(widths), jnp.int32)
  active_width = jnp.asarray(active_width, jnp.int32)
  index = jnp.searchsorted(ascending, active_width)
  found = jnp.take(ascending, index, mode="clip") == active_width

  def pick(rows):
    x = jnp.take(jnp.asarray(rows), index, axis=0, mode="clip")
    return jnp.where(found, x, math.nan) if _numerics.is_float(x) else x

  return jax.tree.map(pick, stacked)


def _check_kind(encoding, leaves, widest, largest, width):
  """Raises unless the encoding is of the widest one's kind and no larger."""
  kind = lambda xs: [(x.ndim, x.dtype) for x in xs]
  if (type(encoding) is not type(widest) or kind(leaves) != kind(largest)
      or any(a > b for x, y in zip(leaves, largest, strict=True)
             for a, b in zip(x.shape, y.shape, strict=True))):
    raise _errors.value_error(f"encodings[{width}]", type(encoding).__name__,
                              f"the kind of the widest, {type(widest).__name__}, and no larger",
                              "Build all of them with the same constructor")


def _pad(x, shape):
  pairs = [(0, b - a) for a, b in zip(x.shape, shape, strict=True)]
  return (np if isinstance(x, np.ndarray) else jnp).pad(x, pairs) if pairs else x


def _check_prefix(narrow: Encoding, widest: Encoding, width: int, d_model: int, head_dim):
  """Raises unless the padded encoding does to the first columns and heads what the narrow one does.

  Only hooks that see all columns or all heads at once can depend on how many there are: those that
  act on embeddings or on a layer's input, on whole rows of scores, or on visibility, and a bias of
  q and k, which may be made of as many columns as the model has (Transformer-XL).
  """
  sees_heads = any(narrow.has(hook) for hook in (*WHOLE_ROWS, "visible")) or (
      narrow.has("bias") and not narrow.has("distance_bias"))
  if not sees_heads and not any(narrow.has(hook) for hook in ("inputs", "layer")):
    return
  if sees_heads and head_dim is None:
    raise _errors.value_error("head_dim", None, f"the head dim, as {type(narrow).__name__} could "
                              "mix heads", "Pass head_dim=")
  narrow = _with_known_floats(narrow)
  leaves, treedef = jax.tree.flatten(widest)
  padded = treedef.unflatten([_pad(x, y.shape) for x, y in
                              zip(jax.tree.leaves(narrow), leaves, strict=True)])
  # Compiled and run at once, even inside of a trace, and as one program each: compiling their
  # operations one by one takes twenty times as long.
  with jax.disable_jit(False):  # Where a user debugs without jit, nothing can be compiled first.
    ours, theirs = (jax.jit(functools.partial(_effect, e, width, columns, head_dim if sees_heads
                                              else None)).lower().compile()()
                    for e, columns in ((padded, d_model), (narrow, width)))
  if not all(np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(ours, theirs, strict=True)):
    raise _errors.value_error(
        f"encodings[{width}]", f"{type(narrow).__name__}, whose columns or heads change with "
        "the width", "an encoding whose first columns and heads are those of a narrower one",
        "Use the interleaved layout, or train each width in its own program")


def _with_known_floats(encoding: Encoding) -> Encoding:
  """The encoding with random floats, as learned leaves may be known inside a trace alone."""
  rng = np.random.default_rng(0)

  def known(x):
    if not _numerics.is_float(x) or (x.ndim == 0 and _numerics.known(x) is not None):
      return x
    return (rng.normal(size=x.shape) if x.ndim else np.asarray(1.5)).astype(x.dtype)

  return jax.tree.map(known, encoding)


def _effect(encoding: Encoding, width: int, d_model: int, head_dim) -> list[jax.Array]:
  """What an encoding makes of three tokens in a model of ``d_model``: its first columns and heads.

  Columns beyond ``width`` are zero, as in a model at that active width. Attention is run where
  ``head_dim`` is given.
  """
  rng = np.random.default_rng(0)
  order = np.arange(3, dtype=np.int32)
  axes = encoding.position_axes
  at = np.stack([order] * axes, axis=-1) if axes else () if axes is None else order
  wide = lambda x: jnp.pad(jnp.asarray(x, jnp.float32), [(0, 0), (0, d_model - width)])
  x = encoding.inputs(wide(rng.normal(size=(3, width))), at)
  x, driven, _ = encoding.layer(wide(x[:, :width]), at)
  out = [x[:, :width]]
  if head_dim:
    q, k, v = (wide(rng.normal(size=(3, width))).reshape(3, -1, head_dim) for _ in range(3))
    y = attend(q, k, v, encoding, q_positions=driven, k_positions=driven, q_order=order,
               k_order=order, causal=True, applied=MODEL_HOOKS)
    out.append(y[:, :width // head_dim])
  return out
