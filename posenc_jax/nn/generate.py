# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writing on: a language model continues prompts, token by token, in one compiled loop."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.experimental import io_callback

from posenc_jax import _errors, _numerics
from posenc_jax.nn import tokens as tokens_lib
from posenc_jax.nn.lm import TransformerLM
from posenc_jax.nn.sampling import check_sampling, sample


class Generated(NamedTuple):
  """What ``generate`` wrote.

  Attributes:
    tokens: int32 ``[..., steps]``; after the end of a row ``padding``; -1 where logits are NaN, as
      for ids that are in no table or rows without a token, which only a traced prompt can have.
    lengths: int32 ``[...]``, how many of them belong to the row, its stop token included.
  """

  tokens: jax.Array
  lengths: jax.Array


class _Plan(NamedTuple):
  """What the compiled loop is made for; hashable."""

  steps: int
  greedy: bool
  top_k: int | None
  stop: tuple[int, ...]
  padding: int
  callback: Callable[[np.ndarray], Any] | None
  cache_dtype: Any


def generate(model: TransformerLM, prompt: jax.Array, steps: int, *, mask: jax.Array | None = None,
             positions: Any = None, prefix: Any = None, key: jax.Array | None = None,
             temperature: Any = 1.0, top_k: int | None = None, top_p: Any = None,
             stop: int | Sequence[int] = (), padding: int = 0,
             callback: Callable[[np.ndarray], Any] | None = None, cache_dtype: Any = None
             ) -> Generated:
  """Continues prompts; the prompts are read once, then each token with a cache.

  The loop ends early when all rows have stopped. It is compiled once for each shape, number of
  steps and callback; dropout is off.

  Args:
    model: a language model, with any encoding. It stays as it is.
    prompt: int ``[..., T]``.
    steps: the most tokens to write.
    mask: bool ``[..., T]``, True on the real tokens of prompts of different lengths. Padding may
      stand on either side; every row has a real token.
    positions: of the prompt, as the model takes them, for encodings of several axes or other
      positions than 0, 1, ..; the tokens that follow get, on every axis, one more than the largest
      before them (as M-RoPE continues text after a picture).
    prefix: as in ``TransformerLM``: how many first tokens of a prompt see each other both ways;
      the length of the prompt for all of it.
    key: a PRNG key: for the draws, and for encodings that draw positions (the same at every step).
      None only at temperature 0.
    temperature, top_k, top_p: see ``sample``; temperature 0 takes the likeliest token.
    stop: token ids that end a row.
    padding: the id that stands after the end of a row.
    callback: called with NumPy int32 ``[...]``, the next token of every row, as they are written.
      Pass the same function again: another one is another program.
    cache_dtype: of the cached keys and values; None takes the model's dtype.

  Returns:
    ``Generated``.

  Raises:
    TypeError: another kind of model; tokens, masks or choices of another type.
    ValueError: shapes that do not fit, a row without a real token, ids outside of the vocabulary,
      choices out of range or of no effect, a missing key; what the model raises.

  Example:
    >>> import posenc_jax as px
    >>> from posenc_jax import nn
    >>> model = nn.TransformerLM(11, 16, 1, 2, encoding=px.Rotary(8), rngs=nnx.Rngs(0))
    >>> prompt = jnp.array([[1, 2, 3], [4, 5, 0]])
    >>> written = generate(model, prompt, 4, mask=prompt != 0, temperature=0)
    >>> written.tokens.shape, written.lengths.tolist()
    ((2, 4), [4, 4])
    >>> bool((generate(model, jnp.array([[4, 5]]), 4, temperature=0).tokens[0]
    ...       == written.tokens[1]).all())
    True
  """
  if not isinstance(model, TransformerLM):
    raise _errors.type_error("model", _errors.describe(model), "a TransformerLM",
                             "Decode another model with its cache; sample() draws its tokens")
  vocabulary = model.embedding.table.shape[0]
  steps = _errors.check_int("steps", steps, "an int, at least 1", "It is the most tokens to write",
                            least=1)
  stop = _check_ids("stop", stop if isinstance(stop, Sequence) else (stop,), vocabulary)
  (padding,) = _check_ids("padding", (padding,), vocabulary)
  greedy = check_sampling(key, temperature, top_k, top_p, vocabulary)
  if callback is not None and not callable(callback):
    raise _errors.type_error("callback", _errors.describe(callback), "a function of the tokens",
                             "callback=lambda tokens: print(tokens)")
  mask = _check_prompt(prompt, mask, vocabulary)
  if positions is not None:
    positions = _check_positions(model, positions, prompt.shape)
  if prefix is not None:
    prefix = _check_prefix(prompt.shape, prefix, mask)
  dtype = None if cache_dtype is None else jnp.dtype(cache_dtype)
  plan = _Plan(steps, greedy, top_k, stop, padding, callback, dtype)
  graphdef, state = nnx.split(model)
  heat = None if greedy else jnp.asarray(temperature, jnp.float32)
  return _run(graphdef, plan, state, jnp.asarray(prompt), mask, positions, prefix, key, heat,
              top_p)


def _check_prefix(shape: tuple[int, ...], prefix: Any, mask: Any) -> jax.Array:
  """Lengths of prefixes; an error where one is known to be longer than its prompt."""
  prefix = tokens_lib.check_prefix(shape, prefix, None)
  real = np.int32(shape[-1]) if mask is None else jnp.sum(mask, axis=-1)
  known = _numerics.known(prefix <= real)
  if known is not None and not known.all():
    raise _errors.value_error("prefix", prefix, f"at most the tokens of each prompt, {real}",
                              "What is written sees what came before it")
  return prefix


def _check_ids(name: str, ids: Sequence[Any], vocabulary: int) -> tuple[int, ...]:
  """Token ids as ints; an error unless they are in the vocabulary."""
  mend = "Pass ids of tokens, not their text"
  ids = tuple(_errors.check_int(name, i, f"ids in [0, {vocabulary})", mend, least=0) for i in ids)
  if ids and max(ids) >= vocabulary:
    raise _errors.value_error(name, max(ids), f"ids in [0, {vocabulary})", mend)
  return ids


def _check_prompt(prompt, mask, vocabulary: int):
  """The mask, None or of the prompt's shape; an error unless every row has a token."""
  shape = tokens_lib.token_shape(prompt, "prompt")
  if not jnp.issubdtype(prompt.dtype, jnp.integer):
    raise _errors.type_error("prompt", _errors.describe(prompt), "ids, int [..., T]",
                             "Encode the text first")
  if not shape[-1]:
    raise _errors.value_error("prompt", f"shape {shape}", "at least one token a row",
                              "Begin with a start symbol")
  known = _numerics.known(prompt)
  if known is not None and known.size and not 0 <= known.min() <= known.max() < vocabulary:
    raise _errors.value_error("prompt", f"ids {known.min()} to {known.max()}",
                              f"ids in [0, {vocabulary})", "Padding needs an id of the table, too")
  _, mask = tokens_lib.check_tokens(shape, None, mask)
  known = None if mask is None else _numerics.known(mask)
  if known is not None and not known.any(axis=-1).all():
    raise _errors.value_error("mask", "a row without a real token", "at least one token a row",
                              "Begin with a start symbol")
  return mask


def _check_positions(model: TransformerLM, positions, shape: tuple[int, ...]) -> jax.Array:
  """Positions of every token of the prompt, aligned as the encoding that reads them wants."""
  readers = [e for e in model.stack.encodings.encodings() if e.position_axes is not None]
  if not readers:
    raise _errors.value_error("positions", "positions", "None, as no encoding reads them",
                              "Leave them out")
  aligned = jnp.asarray(readers[0].align_tokens(positions, len(shape) - 1, shape[-1]))
  return jnp.broadcast_to(aligned, (*shape, *aligned.shape[len(shape):]))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _run(graphdef, plan: _Plan, state, prompt, mask, positions, prefix, key, temperature, top_p):
  """The compiled part: prompts are read at once, then a loop of a draw and a step."""
  prompt, mask, positions = _to_the_right(prompt, mask, positions)
  batch, length = prompt.shape[:-1], prompt.shape[-1]

  def read(tokens, cache, at, real):
    rngs = None if key is None else nnx.Rngs(positions=jax.random.fold_in(key, 0))
    return nnx.merge(graphdef, state)(tokens, at, mask=real, prefix=prefix, cache=cache,
                                      deterministic=True, rngs=rngs)

  def draw(logits, i):
    if plan.greedy:
      return sample(logits, temperature=0)
    return sample(logits, key=jax.random.fold_in(key, i + 1), temperature=temperature,
                  top_k=plan.top_k, top_p=top_p)

  one = None if positions is None else jax.tree.map(
      lambda p: jnp.zeros(p.shape[len(batch):], p.dtype)[:1], positions)
  cache = nnx.merge(graphdef, state).init_cache(batch, length + plan.steps - 1, plan.cache_dtype,
                                                positions=one)
  logits, cache = read(prompt, cache, positions, mask)
  if mask is not None:  # a row without a token is known as such only here, if it was traced
    logits = jnp.where(mask.any(axis=-1)[..., None, None], logits, jnp.nan)
  out = jnp.full((*batch, plan.steps), plan.padding, jnp.int32)
  at = None if positions is None else _next_positions(positions, mask, len(batch))

  def write(i, out, logits, ended):
    token = jnp.where(ended, jnp.int32(plan.padding), draw(logits, i))
    if plan.callback is not None:
      io_callback(functools.partial(_tell, plan.callback), None, token, ordered=True)
    out = jax.lax.dynamic_update_slice_in_dim(out, token[..., None], i, axis=len(batch))
    stops = jnp.zeros(batch, bool)
    for stop in plan.stop:
      stops = stops | (token == stop)
    return token, out, ended | stops

  def step(loop):
    i, token, out, ended, length, cache = loop
    here = None if at is None else at + i.astype(at.dtype) - 1
    logits, cache = read(token[..., None], cache, here, None)  # of ended rows nothing is used
    length = length + jnp.where(ended, 0, 1)
    token, out, ended = write(i, out, logits[..., -1, :], ended)
    return i + 1, token, out, ended, length, cache

  token, out, ended = write(jnp.int32(0), out, logits[..., -1, :], jnp.zeros(batch, bool))
  loop = jnp.int32(1), token, out, ended, jnp.ones(batch, jnp.int32), cache
  goes_on = lambda loop: (loop[0] < plan.steps) & ~jnp.all(loop[3])
  _, _, out, _, lengths, _ = jax.lax.while_loop(goes_on, step, loop)
  return Generated(out, lengths)


def _tell(callback, token) -> None:
  callback(np.asarray(token))  # whatever it returns is not ours


def _to_the_right(prompt, mask, positions):
  """Prompt, mask and positions with all padding on the left, so that no row has a gap."""
  if mask is None:
    return prompt, None, positions
  order = jnp.argsort(mask, axis=-1, stable=True)
  pick = lambda x: jnp.take_along_axis(
      x, order.reshape(order.shape + (1,) * (x.ndim - order.ndim)), axis=prompt.ndim - 1)
  return pick(prompt), pick(mask), None if positions is None else pick(positions)


def _next_positions(positions, mask, batch: int):
  """One more than the largest position of a row, on every axis: ``[..., 1, *]``."""
  axes = positions.shape[batch + 1:]
  if mask is not None:
    real = mask.reshape(mask.shape + (1,) * len(axes))
    positions = jnp.where(real, positions, jnp.min(positions))
  most = jnp.max(positions, axis=tuple(range(batch, positions.ndim)), keepdims=True)
  return jnp.broadcast_to(most + 1, (*positions.shape[:batch], 1, *axes))
