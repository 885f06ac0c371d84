# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The one abstraction: an encoding is a small PyTree that answers a few questions.

A class under ``@encoding`` is a frozen dataclass and a PyTree. A field is ``static()`` (it shapes
the program), ``parameter()`` (a model learns it) or plain (a hyperparameter, swept by ``vmap``).
Each hook has a default that changes nothing, and receives positions, never lengths, so decoding,
packing, padding, tiles and shards need no special case:

===============  ======================  =========================================================
hook             asked                   answers
===============  ======================  =========================================================
``positions``    once per model call     randomized, shifted, interpolated positions
``inputs``       once, on embeddings     sinusoidal, learned
``layer``        every layer, on its     FoX (positions that content drives, cached with keys),
                 input                   short convolutions, LaPE (they change the input)
``qk``           every layer, on write   RoPE, xPos, temperatures (its keys are what a cache holds)
``values``       every layer, on write   VO-RoPE
``expand``       every layer, on read    PoPE: the wide form of a short cached key
``visible``      on any rectangle        Hard-ALiBi, chunked layers: who may see whom
``bias``         on any rectangle        ALiBi, T5, FIRE, FoX, Shaw, Transformer-XL
``scores``       on whole key rows       CoPE, DAPE, SSMax: need scores of all heads and the mask
``weights``      on whole key rows       learned sinks, stick-breaking: in place of the softmax
``value_bias``   on whole key rows       Shaw's values: adds to the output from the weights
``outputs``      every layer             VO-RoPE
===============  ======================  =========================================================

A rectangle is some queries by some keys; a ``Tile`` holds what they may know of each other. Two
claims say more of a bias, so that attention can be faster: ``distance_bias`` (it depends on q - k
alone) and ``bias_columns`` (under a causal mask it is a product of few columns).
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp

from posenc_jax import _align, _definition, _errors, _guard, _heads, _numerics, _tree
from posenc_jax._tree import parameter as parameter
from posenc_jax._tree import static as static

HOOKS = ("positions", "inputs", "layer", "qk", "values", "expand", "visible", "bias", "scores",
         "weights", "value_bias", "outputs")
CLAIMS = ("distance_bias", "bias_columns")
# Hooks that attention does not run: a model does, and says so by ``applied``.
MODEL_HOOKS = ("positions", "inputs", "layer")
PREPARED = ("qk", "values")  # what ``prepare`` runs
# Hooks that need all the keys of a row at once.
WHOLE_ROWS = ("scores", "weights", "value_bias")
# Hooks that read q and k after ``expand``.
READS_WIDENED = ("visible", "bias", "scores", "weights")
_RENAMED = {"drive": "layer", "mix": "value_bias", "low_rank": "bias_columns",
            "trailing": "position_axes"}

_T = TypeVar("_T")


class Each(NamedTuple):
  """Positions of a chain whose members do not share them: one entry a member."""

  members: tuple


class Tile(NamedTuple):
  """Some queries and some keys, and what they may know of each other.

  Attributes:
    q: ``[..., T, N, H]`` and k: ``[..., S, K, H]``, as ``expand`` returned them.
    q_positions: ``[..., T]`` and k_positions: ``[..., S]``, with the axes of the encoding after
      that; batch axes of size 1 are shared.
    scale: multiplies q k^T.
    mask: None, or bool ``[..., 1 or N, T, S]``, True where visible, known to ``scores``,
      ``weights`` and ``value_bias``, which get whole rows; None for the other hooks.

  Example:
    >>> Tile(q_positions=jnp.array([5]), k_positions=jnp.array([3, 5])).distance().tolist()
    [[2, 0]]
  """

  q: Any = None
  k: Any = None
  q_positions: Any = ()
  k_positions: Any = ()
  scale: Any = None
  mask: Any = None

  def distance(self, axes: int = 0) -> jax.Array:
    """q - k, positive in the past: ``[..., T, S]``, or ``[..., T, S, P]`` of P position axes."""
    # Unknown to XLA, which would else compute while it compiles what becomes of each pair: indices
    # of a table's gradient took it seconds at T 2048, and 8 T S bytes of the program.
    q = _numerics.unknown(_align.numbers(self.q_positions, "q_positions", real=True))
    k = _numerics.unknown(_align.numbers(self.k_positions, "k_positions", real=True))
    if axes:
      return q[..., :, None, :] - k[..., None, :, :]
    return q[..., :, None] - k[..., None, :]


@dataclass_transform(field_specifiers=(static, parameter), frozen_default=True)
def encoding(cls: type[_T]) -> type[_T]:
  """Makes a subclass of ``Encoding`` a frozen dataclass and a PyTree; see the module's text.

  Python numbers in leaf fields become float32 arrays. Unflattening runs no constructor, so
  ``__init__`` and ``__post_init__`` may check values.

  Args:
    cls: a class that answers at least one hook.

  Returns:
    The class.

  Raises:
    TypeError: no hook is answered, a name is the misspelling or the former name of one, a hook
      takes other arguments than the base's, or a field is named like a hook.

  Example:
    >>> @encoding
    ... class Slope(Encoding):
    ...   slope: float
    ...   def distance_bias(self, distance):
    ...     return -self.slope * abs(distance)[None]
    >>> Slope(0.5)
    Slope(slope=0.5)
  """
  if not isinstance(cls, type) or not issubclass(cls, _Base):
    raise _errors.type_error("cls", _errors.describe(cls), "a subclass of px.Encoding",
                             "Write @px.encoding above class Mine(px.Encoding)")
  if cls.__name__ != "Encoding" or cls.__module__ != __name__:
    _definition.check_class(cls, Encoding, HOOKS + CLAIMS, _RENAMED)
    _guard.guard_hooks(cls, HOOKS + CLAIMS)
  made: Any = _tree.register(cls)
  made._fields_have_kinds = True
  made._made_by = made
  return made


class _Base(_tree.Tree):
  """What the decorator and the instance checks need before ``Encoding`` exists."""

  _fields_have_kinds: ClassVar[bool] = False
  _made_by: ClassVar[Any] = None

  def __init_subclass__(cls, **kwargs):
    super().__init_subclass__(**kwargs)
    stated = any("position_axes" in c.__dict__ for c in cls.__mro__ if c.__name__ != "Encoding"
                 and c is not _Base)
    if not stated and cls.__name__ != "Encoding":
      cls.position_axes = 0  # type: ignore[attr-defined]

  def __new__(cls, *args, **kwargs):
    del args, kwargs
    if cls._made_by is not cls:
      raise _errors.type_error(f"class {cls.__name__}", "no decorator", "@posenc_jax.encoding",
                               "Write it above the class, so that it becomes a PyTree")
    return super().__new__(cls)


@encoding
class Encoding(_Base):
  """Base of every encoding: each hook changes nothing. See the module's table.

  ``Encoding()`` itself is "no position encoding".

  Attributes:
    relative: a claim that a common shift of all positions leaves the attention output unchanged;
      the contract tests it.
    position_axes: axes of the token positions that the hooks read: None for an encoding that reads
      none, so that it composes with anything; 0, the default of a class that says nothing, for
      ``[..., T]``; P for ``[..., T, P]``.
    layer_axes: axes after T of the positions that ``layer`` returns, if it puts others in the
      place of the tokens'; else None.
    shared_heads: a claim that a bias of one head is meant for all query heads.
    one_way: a claim that all keys after the query look alike to it, so that attention which sees
      both ways needs another setting or method.
    keys_in_order: a claim that keys must stand along S in the order of their tokens, as sums or
      convolutions over keys need; a call whose known order is another one is refused.
  """

  relative: ClassVar[bool] = False
  position_axes: ClassVar[int | None] = None
  layer_axes: ClassVar[int | None] = None
  shared_heads: ClassVar[bool] = False
  one_way: ClassVar[bool] = False
  keys_in_order: ClassVar[bool] = False

  def has(self, hook: str) -> bool:
    """Whether this encoding answers ``hook``: a fact of its type, so dispatch is static."""
    if hook not in HOOKS + CLAIMS:
      _errors.check_choice("hook", hook, HOOKS + CLAIMS)
    if hook == "bias" and self.has("distance_bias"):
      return True
    return getattr(type(self), hook) is not getattr(Encoding, hook)

  def parts(self, q_positions: Any = (), k_positions: Any = ()) -> Iterator[tuple]:
    """(encoding, its q_positions, its k_positions) of every encoding that acts here."""
    yield self, q_positions, k_positions

  def align(self, positions: Any, batch: int, length: int, argument: str = "positions") -> Any:
    """Checks the positions that hooks of attention get, and gives them ``batch`` leading axes.

    After this, T is axis ``batch`` of every array in ``positions``, whatever follows it. These are
    the tokens' positions, or what ``layer`` made of them; () where the hooks read none.
    """
    if self.layer_axes is None:
      if self.position_axes is None:
        return ()
      return self.align_tokens(positions, batch, length, argument)
    return _align.align_array(positions, batch, length, self.layer_axes, argument)

  def align_tokens(self, positions: Any, batch: int, length: int, argument: str = "positions"
                   ) -> Any:
    """The same for the tokens' positions, which ``positions``, ``inputs`` and ``layer`` get."""
    axes = self.position_axes
    if axes is None:
      return () if positions is None else positions
    sizes = (axes,) if axes else ()
    return _align.align_array(positions, batch, length, 1 if axes else 0, argument, sizes=sizes)

  def positions(self, positions, *, key=None):
    """Maps token positions ``[..., T]`` to the positions all layers use; once per model call."""
    del key
    return positions

  def inputs(self, x, positions):
    """Adds to the embeddings x ``[..., T, D]``; once per model call."""
    del positions
    return x

  def layer(self, x, positions, *, carry=None, segments=None):
    """Acts on a layer's input x ``[..., T, D]``: ``(x, positions, carry)``.

    The positions that it returns are those of this layer's other hooks and are cached beside the
    keys; an encoding that puts others in the place of the tokens' states ``layer_axes``. ``carry``
    is what the next chunk of the same sequence continues from, and a carry of zeros, like None, is
    the start. Negative ``segments`` mark padding.
    """
    del segments
    return x, positions, carry

  def qk(self, q, k, q_positions, k_positions):
    """Transforms q ``[..., T, N, H]`` and k ``[..., S, K, H]``; a cache holds the returned k.

    What becomes of k must not depend on q: keys are written once and read by later queries.
    """
    del q_positions, k_positions
    return q, k

  def values(self, v, k_positions):
    """Transforms v ``[..., S, K, H']``; a cache holds what it returns."""
    del k_positions
    return v

  def expand(self, q, k, q_positions, k_positions):
    """Widens q and k, both to the same width, just before the dot product; never cached."""
    del q_positions, k_positions
    return q, k

  def visible(self, tile: Tile) -> Any:
    """Which keys a query may see: None, or bool ``[..., 1 or N, T, S]``, for any rectangle.

    It joins the mask of the call, so that what counts keys does not count these and work on them
    can be skipped; a bias of -inf would do neither.
    """
    del tile
    return None

  def bias(self, tile: Tile) -> Any:
    """Adds to the scaled scores: None or ``[..., N, T, S]``, for any rectangle.

    An encoding whose bias depends only on the distance q - k defines ``distance_bias`` instead,
    and this follows from it.
    """
    if type(self).distance_bias is Encoding.distance_bias:
      return None
    axes = self.position_axes or 0
    distance = tile.distance(axes)
    found = _heads.check_distance_bias(self, self.distance_bias(distance), distance, axes)
    return jnp.moveaxis(found, 0, -3)

  def distance_bias(self, distance) -> Any:
    """The bias of distances q - k: d ``[...]`` (or ``[..., P]``) to ``[N, ...]``."""
    del distance
    return None

  def bias_columns(self, q_positions, k_positions) -> Any:
    """The bias as columns (a ``[..., T or 1, N or 1, R]``, b ``[..., S, N or 1, R]``), or None.

    sum_r a_mr b_nr is the bias of every key n that is not later than query m, up to a term that is
    constant along each row. Kernels that take no bias get it as extra columns of q and k. What
    comes as NumPy is known, and no gradient is computed for it.
    """
    del q_positions, k_positions
    return None

  def scores(self, scores, tile: Tile):
    """Maps the scaled, biased scores ``[..., N, T, S]`` of whole key rows; ``tile.mask`` is known.

    Masked pairs are masked again after this hook.
    """
    del tile
    return scores

  def weights(self, scores, tile: Tile):
    """Weights ``[..., N, T, S]`` from the scores of whole key rows; the softmax unless answered.

    Hidden keys (``tile.mask``) must get weight zero, and a row that sees nothing zeros.
    """
    return _numerics.masked_softmax(scores, tile.mask)

  def value_bias(self, weights, tile: Tile) -> Any:
    """Adds to the output: None or ``[..., T, N, H']`` from the weights ``[..., N, T, S]``."""
    del weights, tile
    return None

  def outputs(self, out, q_positions):
    """Transforms the attention output ``[..., T, N, H']``."""
    del q_positions
    return out


def check_encoding_argument(e: Any, argument: str = "encoding") -> Encoding:
  """``e``, or ``Encoding()`` for None; a TypeError for anything else."""
  if e is None:
    return Encoding()
  if not isinstance(e, Encoding):
    raise _errors.type_error(argument, _errors.describe(e), "an encoding or None",
                             "Build one, such as posenc_jax.Rotary(head_dim)")
  return e
