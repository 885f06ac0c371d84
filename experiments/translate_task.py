# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The task of ``experiments.translate``: pairs of verses, greedy writing, chrF."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from experiments import encodings, pairs, training
from experiments.training import Shape
from posenc_jax import nn
from posenc_jax._errors import explain_fault
from posenc_jax.methods import Sizes

BINS = 4  # of source lengths
PADDING, END = 0, 3


def chrf(written: list[str], wanted: list[str]) -> float:
  """chrF of a corpus, 0 to 100.

  Raises:
    ImportError: sacrebleu is not installed.
  """
  try:
    import sacrebleu
  except ImportError as error:
    raise ImportError(explain_fault(
      "experiments.translate", "an environment without sacrebleu", "one with it, for chrF",
      "Run: pip install -e '.[tasks]'")) from error
  return float(sacrebleu.corpus_chrf(written, [wanted]).score)


def greedy(model: nn.Seq2SeqTransformer, sources: jax.Array, begin: int, length: int,
           rngs: nnx.Rngs) -> jax.Array:
  """The likeliest next token, ``length`` times: sources int ``[B, S]`` to int32 ``[B, length]``."""
  cache = model.init_cache(model.encode(sources, mask=sources != PADDING, rngs=rngs), length)

  def step(carry, _):
    token, cache = carry
    logits, cache = model.decode(token, cache=cache, rngs=rngs)
    token = jnp.argmax(logits, axis=-1).astype(jnp.int32)
    return (token, cache), token[:, 0]

  first = jnp.full((sources.shape[0], 1), begin, jnp.int32)
  return jax.lax.scan(step, (first, cache), None, length=length)[1].T


class Translate:
  """A verse in other words; a ``training.Task``.

  Args:
    found: the pairs.
    cross: encoding of the attention to the source, or "none".
    eval_rows, written_rows: pairs whose loss is taken, and that are written out.
  """

  def __init__(self, found: pairs.Pairs, cross: str, eval_rows: int, written_rows: int):
    self.found, self.cross, self.written_rows = found, cross, written_rows
    self.name = f"translate {found.name}, {cross} across"
    self.data: str | None = found.sha256
    order = np.random.default_rng(0).permutation(len(found.valid[0]))[:eval_rows]
    self.valid = tuple(x[order] for x in found.valid)
    self.length = found.train[0].shape[1]
    self.settings: Mapping[str, Any] = {
      "cross": cross, "eval_rows": len(order), "written_rows": written_rows, "longest": self.length}
    middles = [(i + 0.5) * self.length / BINS for i in range(BINS)]
    self.axes: Mapping[str, tuple[str, Sequence[float]]] = {
      "loss_by_length": ("characters of the source", middles)}

  def longest(self, length: int) -> int:
    """A target has its BEGIN and END too."""
    return length + 2

  def together(self, lengths: Any) -> bool:
    """Pairs of other lengths are other data."""
    return len(lengths) == 1

  def model(self, shape: Shape, encoding: Any, *, width: Any, dropout: Any, rngs: Any) -> Any:
    """The encoder-decoder, one table for both sides."""
    heads = shape.d_model // shape.head_dim
    sizes = Sizes(shape.d_model, heads, shape.head_dim, shape.length + 2, shape.length)
    across = None if self.cross == "none" else encodings.build(
      self.cross, sizes, jax.random.key(0))
    return nn.Seq2SeqTransformer(
      len(self.found.vocabulary), shape.d_model, shape.layers, head_dim=shape.head_dim,
      encoding=encoding, cross_encoding=across, active_width=width, dropout=dropout, rngs=rngs)

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> Any:
    """(sources ``[B, S]``, targets ``[B, S + 2]``)."""
    rows = jax.random.randint(key, (shape.batch_size,), 0, len(self.found.train[0]))
    return tuple(jnp.asarray(x)[rows] for x in self.found.train)

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats per character of the target, its END included."""
    streams = {"positions": key}
    if shape.dropout:
      streams["dropout"] = jax.random.fold_in(key, 1)
    each, counts = self._each(model, batch, not shape.dropout, nnx.Rngs(**streams))
    return jnp.sum(each) / jnp.sum(counts), {}

  def _each(self, model: Any, batch: Any, plain: bool, rngs: nnx.Rngs) -> tuple[jax.Array, ...]:
    """(nats of each row, its number of characters)."""
    sources, targets = batch
    logits = model(sources, targets[:, :-1], source_mask=sources != PADDING, deterministic=plain,
                   rngs=rngs)
    nats = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32),
                                                           targets[:, 1:])
    real = (targets[:, 1:] != PADDING).astype(jnp.float32)
    return jnp.sum(nats * real, axis=-1), jnp.sum(real, axis=-1)

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Nats per character in all and by the source's length, and what is written greedily."""
    key = training.evaluation_key(traced) if training.draws_always(self, shape) else None
    each, counts = jax.lax.map(
      lambda pair: self._each(model, pair, True, training.position_streams(key)),
      tuple(training.in_batches(x, shape.batch_size) for x in self.valid))
    each, counts = (x.reshape(-1)[:len(self.valid[0])] for x in (each, counts))
    sizes = (self.valid[0] != PADDING).sum(-1)
    bins = np.minimum((sizes - 1) * BINS // self.length, BINS - 1)
    member = jnp.asarray(bins[None] == np.arange(BINS)[:, None], jnp.float32)
    by_length = jnp.sum(member * each[None], -1) / jnp.sum(member * counts[None], -1)
    written = greedy(model, jnp.asarray(self.valid[0][:self.written_rows]),
                     self.found.vocabulary.index(pairs.BEGIN), self.length + 1,
                     training.position_streams(key))
    return {"loss": jnp.sum(each) / jnp.sum(counts), "loss_by_length": by_length,
            "written": written.reshape(-1).astype(jnp.float32)}

  def text_of(self, ids: np.ndarray) -> str:
    """The characters up to END, special ones left out."""
    known = np.asarray(ids, int).tolist()
    known = known[:known.index(END)] if END in known else known
    return "".join(self.found.vocabulary[i] for i in known if i > END)


def cross_fault(spec: encodings.Spec, width: int, head_dim: int, length: int) -> str | None:
  """Why an encoding cannot stand between decoder and encoder; None if it can.

  Nothing is computed: shapes of a small model are traced.
  """
  sizes = Sizes(width, width // head_dim, head_dim, length + 2, length)

  def across(key):
    e = spec.build(sizes, key)
    if any(part.one_way for part, _, _ in e.parts()):
      raise ValueError("all later tokens look alike to it, and a decoder sees the whole source. "
                       "Write for instance t5(bidirectional=True)")
    model = nn.Seq2SeqTransformer(4, width, 1, head_dim=head_dim, cross_encoding=e,
                                  rngs=nnx.Rngs(params=key))
    ids = jnp.ones((1, length), jnp.int32)
    return model(ids, ids, source_mask=ids > 0, rngs=nnx.Rngs(positions=key))

  try:
    jax.eval_shape(across, jax.random.key(0))
  except (ValueError, TypeError) as error:
    return explain_fault(
      "--cross", f"{spec.label!r}, which cannot be used there ({str(error).strip()})",
      "an encoding that acts on queries and keys alone, of both directions", "Choose another")
  return None
