# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What an encoding says when a picture asks it, and which picture fits it."""

from collections.abc import Callable
from typing import Any, NoReturn

import jax
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import MODEL_HOOKS, Encoding, Tile
from posenc_jax.plots import _limits

_ATTENTION = ("qk", "values", "expand", "visible", "bias", "scores", "weights", "value_bias",
              "outputs")


class ReadsContent(Exception):
  """An encoding asked for queries or keys where a picture has none."""


def checked(e: Any) -> Encoding:
  """The encoding; a TypeError for anything else, None and what has no values included."""
  if e is None:
    raise _errors.type_error("e", "None", "an encoding", "Encoding() is no position encoding")
  if not isinstance(e, Encoding):
    raise _errors.type_error("e", _errors.describe(e), "an encoding",
                             "Build one, such as posenc_jax.Rotary(head_dim)")
  for leaf in jax.tree.leaves(e):
    if _numerics.known(leaf) is None:
      raise _errors.type_error("e", f"{type(e).__name__} with {_errors.describe(leaf)} whose "
                               "numbers are not known", "an encoding of known numbers",
                               "Draw outside of jax.jit and jax.vmap, and no jax.eval_shape of it")
  return e


def hooks(e: Encoding) -> tuple[str, ...]:
  """The hooks that an encoding or a part of it answers."""
  names = (*MODEL_HOOKS, *_ATTENTION)
  return tuple(name for name in names if any(part.has(name) for part, *_ in e.parts()))


def answers(*names: str) -> Callable[[Encoding], bool]:
  """Whether a part answers one of these hooks, as a function of the part."""
  return lambda part: any(part.has(name) for name in names)


def names_of(e: Encoding, acts: Callable[[Encoding], bool]) -> tuple[str, str]:
  """What a picture calls an encoding: the classes that act in it, and "without" the others.

  Args:
    e: an encoding.
    acts: whether a part of it acts in this picture.
  """
  every = {type(part).__name__: None for part, *_ in e.parts()}
  acting = {type(part).__name__: None for part, *_ in e.parts() if acts(part)}
  others = [name for name in every if name not in acting]
  if not acting and not hooks(e):
    return " + ".join(every), ""
  return " + ".join(acting) or "no encoding", f"without {' and '.join(others)}" if others else ""


def is_driven(e: Encoding) -> bool:
  """Whether content makes the positions of a part."""
  return any(part.layer_axes is not None for part, *_ in e.parts())


def bias_at(e: Encoding, q_positions: np.ndarray, k_positions: np.ndarray) -> np.ndarray | None:
  """The bias ``[N, T, S]`` of positions ``[T]``, ``[S]``; None if there is none.

  Raises:
    ReadsContent: it depends on q or k.
  """
  found = _of_positions(e.bias, q_positions, k_positions)
  return None if found is None else np.asarray(found, np.float64)


def hidden_at(e: Encoding, q_positions: np.ndarray, k_positions: np.ndarray) -> np.ndarray | None:
  """True where a query sees no key, ``[1 or N, T, S]``, of positions; None if nothing is hidden.

  Raises:
    ReadsContent: it depends on q or k.
  """
  found = _of_positions(e.visible, q_positions, k_positions)
  return None if found is None or found.all() else ~found


def _of_positions(hook: Callable[[Tile], Any], q_positions: np.ndarray, k_positions: np.ndarray
                  ) -> np.ndarray | None:
  try:
    found = hook(Tile(None, None, q_positions, k_positions, 1.0))
  except (TypeError, AttributeError) as error:
    if "None" not in str(error):
      raise
    raise ReadsContent(str(error)) from error
  if found is None:
    return None
  found = np.asarray(found)
  return found.reshape(-1, *found.shape[-2:])


def keeps_frequencies(part: Encoding) -> bool:
  """Whether a part has a field of frequencies."""
  kept = getattr(part, "frequencies", None)
  return kept is not None and not callable(kept)


def frequencies_of(e: Encoding) -> list[tuple[str, np.ndarray]]:
  """(class, radians per position ``[pairs]`` or ``[P, K, pairs]``) of parts that keep frequencies.

  Raises:
    ValueError: more axes, which are of several encodings.
  """
  found = []
  for part in (part for part, *_ in e.parts() if keeps_frequencies(part)):
    kept: Any = getattr(part, "frequencies")  # noqa: B009, as no class of parts declares it
    radians = np.asarray(getattr(kept, "radians", kept), np.float64)
    if radians.ndim != 1 and (radians.ndim, radians.shape[0]) != (3, part.position_axes or 1):
      raise _errors.value_error(
        "frequencies", f"shape {radians.shape}", "those of one encoding", "An encoding with "
        "stacked leaves is several: draw one, as jax.tree.map(lambda x: x[0], e)")
    found.append((type(part).__name__, radians))
  return found


def _has_bias(e: Encoding) -> bool:
  """Whether some bias of positions alone can be drawn by distance."""
  if is_driven(e) or "bias" not in hooks(e) or (e.position_axes or 0) not in (0, 2):
    return False
  at = np.zeros((1, 2) if e.position_axes == 2 else 1, np.int32)
  try:
    return bias_at(e, at, at) is not None and (not e.position_axes or e.has("distance_bias"))
  except ReadsContent:
    return False


def fitting(e: Encoding) -> tuple[str, ...]:
  """Which functions of ``posenc_jax.plots`` draw an encoding, the most telling first.

  Args:
    e: any encoding.

  Returns:
    Names. One whose hooks a model must run has "attention" alone: draw the model's weights.

  Raises:
    TypeError: no encoding.

  Example:
    >>> import jax, posenc_jax as px
    >>> fitting(px.Learned.init(jax.random.key(0), 4, 8)), fitting(px.Rotary(8))[:2]
    (('table',), ('wavelengths', 'similarity'))
  """
  e, names = checked(e), []
  found = hooks(e)
  if "inputs" in found and "layer" not in found:
    names.append("table")
  if _has_bias(e):
    names.append("bias")
  if frequencies_of(e):
    names.append("wavelengths")
  if not is_driven(e) and not e.position_axes and any(
      part.position_axes == 0 and (part.has("qk") or part.has("expand")) for part, *_ in e.parts()):
    names.append("similarity")
  if not set(MODEL_HOOKS) & set(found):
    names += ["pattern"] if e.position_axes else ["pattern", "receptive_field"]
  return tuple(names) or ("attention",)


def refuse(plot: str, e: Encoding, wanted: str) -> NoReturn:
  """A ValueError that names the pictures which fit."""
  names = [f"plots.{name}" for name in fitting(e) if name != plot]
  told = ", ".join(hooks(e)) or "no hook"
  mend = "Use " + " or ".join(names) if names else "There is no picture of it"
  if names == ["plots.attention"]:
    mend += " with the weights of a model, posenc_jax.nn.attention_maps(model, tokens)"
  raise _errors.value_error(f"plots.{plot}: e", f"{type(e).__name__}, which answers {told}",
                            wanted, mend)


def positions_of(e: Encoding, length: Any, positions: Any, default: int, most: int
                 ) -> tuple[Any, int]:
  """The positions given, or 0, 1, .. ``[T]``, and T.

  Args:
    e: an encoding; one of several axes needs positions given.
    length: T; None is that of the positions, or ``default``.
    positions: ``[T]`` or ``[T, P]``, or None.
    default: T where neither is told.
    most: the largest T.

  Raises:
    ValueError: none for several axes, no position at all, too many, or as many as ``length`` does
      not say.
    TypeError: a length that is no int.
  """
  if length is not None:
    length = _limits.size("length", length, most)
  if positions is None:
    if e.position_axes:
      raise _errors.value_error("positions", "None", f"[T, {e.position_axes}], as "
                                f"{type(e).__name__} reads several axes",
                                "Pass them, as from px.positions.grid")
    length = default if length is None else length
    return np.arange(length, dtype=np.int32), length
  shape = np.shape(positions)
  if not shape or 0 in shape:
    raise _errors.value_error("positions", f"shape {shape}", "[T] or [T, P] with T at least 1",
                              "Leave them out for 0, 1, ..")
  _limits.check_count("positions", shape[0], most, "Draw a part")
  if length not in (None, shape[0]):
    raise _errors.value_error("length", f"{length} beside {shape[0]} positions", f"{shape[0]}",
                              "Leave length out where you give positions")
  return positions, shape[0]
