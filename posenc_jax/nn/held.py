# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings inside modules: every leaf becomes a variable, trained or not as the encoding says.

NNX treats an attribute of a module that is no array as static, without a warning: a Python float
inside an encoding could then be neither swept nor learned. So a module stores a ``HeldEncoding``,
whose leaves are ``nnx.Param`` (the optimizer moves them) or ``Hyper`` (it does not). After
``nnx.split(model, nnx.Param, Hyper, ...)`` either kind can be swept, frozen or learned alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from posenc_jax import _errors
from posenc_jax._kinds import freeze, is_parameter, never_train
from posenc_jax._kinds import learn as learn_fields
from posenc_jax.base import Encoding
from posenc_jax.nn.draws import next_key
from posenc_jax.nn.tokens import token_positions


class Hyper(nnx.Variable):
  """A variable that the optimizer does not move: fixed slopes, a rotary base, an active width."""


never_train(Hyper)


class HeldEncoding(nnx.Module):
  """An encoding whose leaves are variables of a module.

  Args:
    encoding: any encoding.
    learn: which leaves are ``nnx.Param``; all others are ``Hyper``. None: those that
      ``posenc_jax.is_parameter`` names, so T5's table is learned and ALiBi's slopes are not. True:
      all float leaves. False: none. Names of fields, as in ``learn=("slopes",)``: these alone.

  Raises:
    TypeError: not an encoding.
    ValueError: ``learn`` names a field that is not there or holds no floats.

  Example:
    >>> import posenc_jax as px
    >>> held = HeldEncoding(px.Alibi(2), learn=True)
    >>> nnx.state(held, nnx.Param)["slopes"][...].tolist()
    [0.0625, 0.00390625]
    >>> held.encoding.relative
    True
  """

  def __init__(self, encoding: Encoding, *, learn: bool | str | Sequence[str] | None = None):
    if not isinstance(encoding, Encoding):
      raise _errors.type_error("encoding", _errors.describe(encoding), "an encoding",
                               "Build one, such as posenc_jax.Rotary(head_dim)")
    encoding = _decide(encoding, learn)
    paths, self._treedef = jax.tree_util.tree_flatten_with_path(encoding)
    marks = jax.tree.leaves(is_parameter(encoding))
    names = [_name(path) for path, _ in paths]
    # A field must not hide a method of the module.
    self._names = tuple(n + "_" if hasattr(nnx.Module, n) or n == "encoding" else n for n in names)
    for name, (_, leaf), learned in zip(self._names, paths, marks, strict=True):
      setattr(self, name, (nnx.Param if learned else Hyper)(jnp.asarray(leaf)))

  @property
  def encoding(self) -> Encoding:
    """The encoding with the variables' present values."""
    return jax.tree.unflatten(self._treedef, [getattr(self, n)[...] for n in self._names])


def _name(path) -> str:
  parts = [str(getattr(k, "name", getattr(k, "idx", getattr(k, "key", k)))) for k in path]
  return "_".join(parts)


def _decide(encoding, learn) -> Encoding:
  """The encoding whose fields are parameters as ``learn`` says."""
  if learn is None:
    return encoding
  if isinstance(learn, bool):
    return learn_fields(encoding) if learn else freeze(encoding)
  if not isinstance(learn, str | list | tuple | set | frozenset):
    raise _errors.type_error("learn", _errors.describe(learn), "None, a bool or names of fields",
                             "learn=('slopes',) trains that field alone")
  names = (learn,) if isinstance(learn, str) else tuple(learn)
  return learn_fields(freeze(encoding), *names) if names else freeze(encoding)


EncodingLike = (Encoding | HeldEncoding | None
                | Sequence[Encoding | HeldEncoding | None]
                | Callable[[int, jax.Array], Encoding | HeldEncoding | None])


class LayerEncodings(nnx.Module):
  """The encodings of a stack of layers; one that several layers use is held once.

  Args:
    encoding: None; one encoding for all layers, its parameters shared (as T5 does); a list with
      one entry a layer, where the same object twice is shared and None is no encoding; or a
      factory ``(layer, key) -> encoding`` for parameters of each layer's own.
    num_layers: how many layers.
    rngs: keys for a factory, stream ``params``.

  Raises:
    TypeError: an entry is neither an encoding nor None.
    ValueError: a list of another length; several different encodings that act on the embeddings.

  Example:
    >>> import posenc_jax as px
    >>> e = LayerEncodings([px.Alibi(2), None], 2, rngs=nnx.Rngs(0))
    >>> [type(x).__name__ for x in e.by_layer(e.encodings())]
    ['Alibi', 'NoneType']
  """

  def __init__(self, encoding: EncodingLike, num_layers: int, *, rngs: nnx.Rngs):
    entries = _entries(encoding, num_layers, rngs)
    distinct: list[Any] = []
    for e in entries:
      if e is not None and not any(e is d for d in distinct):
        distinct.append(e)
    index = [None if e is None else next(i for i, d in enumerate(distinct) if d is e)
             for e in entries]
    # A held encoding is copied: NNX wants no module in two places of a model.
    held = [nnx.clone(d) if isinstance(d, HeldEncoding) else HeldEncoding(d) for d in distinct]
    self.layers = tuple(index)
    self.held = module_list(held)
    absolute = [h.encoding for h in held if h.encoding.has("inputs")]
    if len(absolute) > 1:
      raise _errors.value_error(
          "encoding", f"{len(absolute)} encodings that act on the embeddings", "at most one",
          "Embeddings exist once, before all layers: put it into one layer's chain, or pass the "
          "same object for every layer")

  def encodings(self) -> list[Encoding]:
    """The distinct encodings, in the order of the layers that use them first."""
    return [h.encoding for h in self.held]

  def check_both_ways(self) -> None:
    """Refuses encodings to which all later keys look alike, for layers that see both ways.

    Raises:
      ValueError: such an encoding.
    """
    for e in self.encodings():
      for part, _, _ in e.parts():
        if part.one_way:
          while isinstance(getattr(part, "inner", None), Encoding):  # a combinator is not at fault
            part = part.inner
          raise _errors.value_error(
              "encoding", f"{type(part).__name__} for one direction, in layers that see both",
              "an encoding that tells the tokens after the query apart",
              "Build it with bidirectional=True; a decoder may have another, by decoder_encoding")

  def by_layer(self, entries: list) -> list:
    """Entries of distinct encodings, one for each layer."""
    return [None if i is None else entries[i] for i in self.layers]

  def enter(self, x: jax.Array, positions, *, mask: jax.Array | None = None,
            key: jax.Array | None = None):
    """The two hooks of a whole model call: ``positions`` and then ``inputs``.

    Args:
      x: ``[..., T, D]`` embeddings.
      positions: of the tokens, ``[..., T]`` or ``[..., T, P]`` as the encodings take them.
      mask: None or bool ``[..., T]``, all axes. Padding gets position 0 in place of what was
        given, as a learned table has no row -1.
      key: one key, which every encoding's ``positions`` gets. That hook sees positions of every
        row, so that what it draws for a row is the same in a full forward and in decoding.

    Returns:
      (x, layers): x after ``inputs``, and for each layer None or (encoding, positions); the
      positions of an encoding that reads none are ().
    """
    entered = []
    for e in self.encodings():
      mapped = token_positions(e, positions, x.ndim - 2, x.shape[-2])
      if e.has("positions"):
        mapped = e.positions(_every_row(mapped, x.shape[:-1]), key=key)
        mapped = token_positions(e, mapped, x.ndim - 2, x.shape[-2])
      if mask is not None:
        mapped = jax.tree.map(lambda p: _zero_padding(jnp.asarray(p), mask), mapped)
      if e.has("inputs"):
        x = e.inputs(x, mapped)
      entered.append((e, mapped))
    return x, self.by_layer(entered)


def _every_row(positions, shape):
  def repeat(p):
    xp = np if isinstance(p, np.ndarray) else jnp
    return xp.broadcast_to(p, (*shape, *p.shape[len(shape):]))

  return jax.tree.map(repeat, positions)


def _zero_padding(positions, mask):
  mask = mask.reshape(mask.shape + (1,) * (positions.ndim - mask.ndim))
  return jnp.where(mask, positions, jnp.zeros((), positions.dtype))


def _entries(encoding, num_layers, rngs) -> list:
  if callable(encoding) and not isinstance(encoding, Encoding | HeldEncoding):
    entries = [encoding(i, next_key(rngs, "params")) for i in range(num_layers)]
  elif isinstance(encoding, list | tuple):
    entries = list(encoding)
    if len(entries) != num_layers:
      raise _errors.value_error("encoding", f"a list of {len(entries)}",
                                f"one entry for each of the {num_layers} layers",
                                "Write None for layers without an encoding")
  else:
    entries = [encoding] * num_layers
  for e in entries:
    if e is not None and not isinstance(e, Encoding | HeldEncoding):
      raise _errors.type_error(
          "encoding", _errors.describe(e),
          "an encoding, None, a list of them, or a factory (layer, key) -> encoding",
          "Build one, such as posenc_jax.Rotary(head_dim)")
  return entries


def module_list(modules: list) -> Any:
  """A list of modules as NNX wants it: ``nnx.List`` where there is one (flax 0.12)."""
  return nnx.List(modules) if hasattr(nnx, "List") else modules
