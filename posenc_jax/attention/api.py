# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``attend``: checks its arguments, asks the encoding, runs what ``explain`` says."""

from collections.abc import Collection
from typing import Any

import jax

from posenc_jax import _errors
from posenc_jax.attention import answers, arguments, dispatch, semantics
from posenc_jax.attention.call import Call
from posenc_jax.attention.hiding import check_window
from posenc_jax.attention.visibility import Rule
from posenc_jax.base import Encoding, check_encoding_argument

RENAMED = {"prepared": "applied=posenc_jax.PREPARED, the hooks that prepare ran",
            "bias": "an encoding that answers bias", "is_causal": "causal"}


def attend(q: jax.Array, k: jax.Array, v: jax.Array, encoding: Encoding | None = None, *,
           q_positions: Any = None, k_positions: Any = None, q_order: Any = None,
           k_order: Any = None, causal: bool = False,
           window: int | tuple[int, int] | None = None, segments: Any = None,
           lengths: Any = None, prefix: Any = None, mask: Any = None,
           scale: float | jax.Array | None = None, applied: str | Collection[str] = (),
           implementation: str = "auto", tile: int | None = None, **unknown: Any) -> jax.Array:
  """softmax(scale * q k^T + bias) v, with everything the encoding adds.

  Args:
    q: ``[..., T, N, H]``; any number of batch axes.
    k: ``[..., S, K, H]``, N a multiple of K (grouped heads: query head n uses key head n // (N/K)).
    v: ``[..., S, K, H']``.
    encoding: any encoding, or None.
    q_positions, k_positions: integers or float32 ``[..., T]`` and ``[..., S]`` (``[..., T, P]`` for
      encodings of P axes; what ``encoding.layer`` returned if it drives positions). Missing batch
      axes broadcast. None means 0, 1, .. and is taken only when T = S.
    q_order, k_order: integers ``[..., T]`` and ``[..., S]`` that ``causal`` and ``window`` compare.
      None takes the positions where they are one number a token, else 0, 1, .. when T = S. NumPy
      arrays let work that no query can see be left out. Give them where two tokens may share a
      position, or positions do not follow the order of tokens.
    causal: hide keys later in order than the query.
    window: None, w or (left, right): hide keys more than ``left`` behind or ``right`` ahead in
      order; w means (w, w). The token itself is always inside.
    segments: int ids ``[..., T]`` or a pair ``([..., T], [..., S])``: other documents are hidden.
    lengths: int ``[...]`` or a pair of them: so many tokens of each right-padded example (of q and
      of k) are real. Padded keys are hidden, rows of padded queries are zero.
    prefix: int ``[...]``: the first so many keys in order are visible to every query, whatever
      ``causal`` and ``window`` say (a prefix-LM); padding and other documents stay hidden. Keys of
      one order count as one.
    mask: bool ``[..., 1 or N, T, S]``, True where visible; combined with all of the above.
    scale: a number that multiplies q k^T; None is 1 / sqrt(H).
    applied: hooks that the caller has run: of "positions", "inputs", "layer" (a model's affair,
      which attention cannot run) and "qk", "values" (what ``prepare`` ran: ``PREPARED``).
    implementation: "reference" (dense, the semantics of record), "rows" (tiles of query rows),
      "cudnn" (NVIDIA GPUs), "splash" or "strip" (TPUs), or "auto", the fastest that can serve the
      call; see ``explain``.
    tile: rows a tile of "rows"; None chooses.

  Returns:
    ``[..., T, N, H']`` of q's dtype. A row that sees no key is zero, with finite gradients.

  Raises:
    ValueError: shapes, heads, lengths, positions, segments or masks that do not fit; missing
      positions where T and S differ; an encoding whose hooks nobody ran; an unknown
      implementation, or one that cannot serve this call.
    TypeError: positions in a 16-bit float, masks that are not bool, mixed dtypes of q, k, v.

  Example:
    >>> import jax.numpy as jnp, posenc_jax as px
    >>> q = jnp.ones((2, 4, 8)); k = v = jnp.ones((4, 1, 8))
    >>> px.attend(q, k, v, q_positions=jnp.array([2, 3]), k_positions=jnp.arange(4),
    ...           encoding=px.Alibi(4), causal=True).shape
    (2, 4, 8)

  References:
    Vaswani et al. 2017, arXiv 1706.03762, equation 1; Raffel et al. 2019, arXiv 1910.10683, section
    3.2.1, for the prefix.
  """
  _errors.refuse_unknown("attend", unknown, _OPTIONS, RENAMED)
  call = make_call(q, k, v, encoding, q_positions=q_positions, k_positions=k_positions,
                   q_order=q_order, k_order=k_order, causal=causal, window=window,
                   segments=segments, lengths=lengths, prefix=prefix, mask=mask, scale=scale,
                   applied=applied, tile=tile)
  out = dispatch.run(dispatch.decide(call, implementation).chosen, call)
  return finish(call, out)


_MOST_KNOWN_PAIRS = 2**24  # of a query and a key whose distance the host computes, 64 MiB
_OPTIONS = ("q_positions", "k_positions", "q_order", "k_order", "causal", "window", "segments",
            "lengths", "prefix", "mask", "scale", "applied", "implementation", "tile")


def attention_weights(q: jax.Array, k: jax.Array, encoding: Encoding | None = None,
                      **options: Any) -> jax.Array:
  """What ``attend`` multiplies the values by: who looks at whom, dense, for pictures and tests.

  Args:
    q: ``[..., T, N, H]``.
    k: ``[..., S, K, H]``.
    encoding: any encoding, or None.
    **options: as in ``attend``, but for ``implementation`` and ``tile``: weights exist as a whole
      only in the dense way.

  Returns:
    ``[..., N, T, S]``, float32 at least. Rows sum to 1 where the encoding leaves softmax as it is;
    a row that sees no key is zero.

  Raises:
    ValueError, TypeError: as ``attend``.

  Example:
    >>> import jax.numpy as jnp
    >>> q = k = jnp.zeros((3, 2, 4))
    >>> attention_weights(q, k, causal=True)[0].round(2).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.33, 0.33, 0.33]]
  """
  known = [name for name in _OPTIONS if name not in ("implementation", "tile")]
  _errors.refuse_unknown("attention_weights", options, known, RENAMED)
  return semantics.weights_whole(make_call(q, k, k, encoding, **options))[0]


def explain(q, k, v, encoding: Encoding | None = None, *, implementation: str = "auto",
            platform: str | None = None, **options: Any) -> dispatch.Explanation:
  """Which implementation ``attend`` would run for the same arguments, and why not the others.

  Nothing is computed, so any array may be a ``jax.ShapeDtypeStruct``. What is known on the host
  matters (see ``q_order``): pass it as it will be passed.

  Args:
    q, k, v, encoding, implementation, **options: as in ``attend``.
    platform: "cpu", "gpu" or "tpu"; None is that of ``config``, or of the default device.

  Returns:
    An ``Explanation``: chosen, why, obstacles, and the hooks that are not run; ``str`` of it is
    readable.

  Raises:
    ValueError, TypeError: as ``attend``; a platform that is none of the three.

  Example:
    >>> x = jax.ShapeDtypeStruct((1, 512, 8, 64), "bfloat16")
    >>> explain(x, x, x, causal=True, platform="gpu").chosen
    'cudnn'
    >>> explain(x, x, x, causal=True, platform="cpu").obstacles["cudnn"]
    'it runs on NVIDIA GPUs, and this is a cpu'
  """
  _errors.refuse_unknown("explain", options, _OPTIONS, RENAMED)
  if platform is not None:
    _errors.check_choice("platform", platform, ("cpu", "gpu", "tpu"))
  leaves, tree = jax.tree.flatten((q, k, v, encoding, options))
  at = [i for i, x in enumerate(leaves) if isinstance(x, jax.ShapeDtypeStruct)]
  found = []

  def trace(*arrays):
    new = list(leaves)
    for i, x in zip(at, arrays, strict=True):
      new[i] = x
    q, k, v, encoding, options = jax.tree.unflatten(tree, new)
    call = make_call(q, k, v, encoding, **options)
    applied = arguments.check_applied(call.encoding, options.get("applied", ()))
    found.append(dispatch.decide(call, implementation, platform)._replace(
        not_run=tuple(hook for hook in applied if call.encoding.has(hook)), notes=_notes(call)))
    _ask_hooks(call)

  jax.eval_shape(trace, *(leaves[i] for i in at))
  return found[0]


def _notes(call: Call) -> tuple[str, ...]:
  """What is allowed and seldom meant: a table of the past for keys of the future."""
  past = [type(part).__name__ for part, *_ in call.encoding.parts() if part.one_way]
  if call.rule.causal or call.sizes[0] < 2:
    return ()
  return tuple(f"to {name} all keys after the query look alike; unless the mask hides them, pass "
               "causal=True, or build it for both directions" for name in past)


def _ask_hooks(call: Call) -> None:
  """Runs the reference, in which hooks refuse what does not fit them, inside of an ``eval_shape``.

  What is known on the host is computed there, and for many tokens that would fill the memory: then
  the hooks see no values, only shapes.
  """
  def run(queries, keys):
    told = call._replace(queries=queries, keys=keys)
    return finish(told, dispatch.run("reference", told))

  if call.sizes[0] * call.sizes[1] <= _MOST_KNOWN_PAIRS:
    run(call.queries, call.keys)
  else:
    jax.eval_shape(run, call.queries, call.keys)


def make_call(q, k, v, encoding, *, q_positions=None, k_positions=None, q_order=None, k_order=None,
              causal=False, window=None, segments=None, lengths=None, prefix=None, mask=None,
              scale=None, applied=(), tile=None, sorts_keys=False) -> Call:
  """A checked and prepared call; arguments as in ``attend``, and whether the caller sorts keys."""
  encoding = check_encoding_argument(encoding)
  applied = arguments.check_applied(encoding, applied)
  q, k, v = arguments.check_qkv(q, k, v)
  tile = arguments.check_tile(tile)
  rule = Rule(_errors.check_bool("causal", causal, "It shapes the program: pass a Python bool"),
              check_window(window))
  queries, keys = arguments.positions_and_order(encoding, rule, q, k, q_positions, k_positions,
                                                q_order, k_order)
  queries, keys, lengths, kind = arguments.hide(queries, keys, rule, q, k, segments, lengths,
                                                 prefix)
  mask = arguments.check_mask(mask, q, k)
  if not sorts_keys:
    arguments.check_key_order(encoding, keys, mask)
  scale = arguments.check_scale(scale, q)
  if "qk" not in applied:
    q, k, v = _written(q, k, v, encoding, queries.positions, keys.positions)
  q, k = _expanded(q, k, encoding, queries.positions, keys.positions)
  return Call(queries._replace(x=q), keys._replace(x=k), v, rule, mask, scale, encoding, lengths,
              kind, tile)


def finish(call: Call, out: jax.Array) -> jax.Array:
  """What ``encoding.outputs`` makes of the attention's output."""
  if not call.encoding.has("outputs"):
    return out
  new = call.encoding.outputs(out, call.queries.positions)
  return answers.kept(call.encoding, "outputs", new, out)


def prepare(q, k, v, encoding: Encoding, q_positions, k_positions):
  """The write stage: what ``encoding.qk`` and ``encoding.values`` make of new q, k and v.

  A decoder calls it on new tokens, appends the k and v it returns to its cache, and calls
  ``attend(.., applied=PREPARED)`` with the whole cache.

  Args:
    q: ``[..., T, N, H]``; k: ``[..., S, K, H]``; v: ``[..., S, K, H']``.
    encoding: an encoding.
    q_positions, k_positions: positions of q and of k.

  Returns:
    (q, k, v).

  Raises:
    TypeError: not an encoding; q, k or v that are no floats of one dtype.
    ValueError: shapes or positions that do not fit.

  Example:
    >>> import jax.numpy as jnp, posenc_jax as px
    >>> x = jnp.ones((1, 2, 4)); at = jnp.array([7])
    >>> [y.shape for y in prepare(x, x, x, px.Rotary(4), at, at)]
    [(1, 2, 4), (1, 2, 4), (1, 2, 4)]
  """
  encoding = check_encoding_argument(encoding)
  q, k, v = arguments.check_qkv(q, k, v)
  batch = q.ndim - 3
  q_positions = encoding.align(q_positions, batch, q.shape[-3], "q_positions")
  k_positions = encoding.align(k_positions, batch, k.shape[-3], "k_positions")
  if encoding.position_axes is not None:
    arguments.check_lead(q_positions, q.shape[:-3], "q_positions")
    arguments.check_lead(k_positions, k.shape[:-3], "k_positions")
  return _written(q, k, v, encoding, q_positions, k_positions)


def _written(q, k, v, encoding, q_positions, k_positions):
  dtype = q.dtype
  if encoding.has("qk"):
    q, k = answers.pair(encoding, "qk", encoding.qk(q, k, q_positions, k_positions), q, k)
  if encoding.has("values"):
    v = answers.kept(encoding, "values", encoding.values(v, k_positions), v)
  return q.astype(dtype), k.astype(dtype), v.astype(dtype)


def _expanded(q, k, encoding, q_positions, k_positions):
  if not encoding.has("expand"):
    return q, k
  return answers.pair(encoding, "expand", encoding.expand(q, k, q_positions, k_positions), q, k)
