# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The task of ``experiments.forecast``: an encoder that forecasts, its batches and its error."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from experiments import series, training
from experiments.training import Shape
from posenc_jax import nn

CLOCKS = ("index", "time")


class Forecaster(nnx.Module):
  """Values ``[B, C]`` and positions ``[B, C + 1]`` to forecasts ``[B]``.

  Args:
    d_model, layers, head_dim, encoding, dropout, rngs: of the encoder.
  """

  def __init__(self, d_model: int, layers: int, head_dim: int, *, encoding: Any, dropout: Any,
               rngs: nnx.Rngs):
    draw = lambda *shape: nnx.Param(jax.random.normal(rngs.params(), shape))
    self.slope, self.asked = draw(d_model), draw(d_model)
    self.encoder = nn.TransformerEncoder(None, d_model, layers, head_dim=head_dim,
                                         encoding=encoding, dropout=dropout, rngs=rngs)
    self.out = nnx.Param(jnp.zeros((d_model,)))

  def __call__(self, values: jax.Array, positions: jax.Array, **how: Any) -> jax.Array:
    known = values[..., None] * self.slope[...].reshape(1, 1, -1)
    asked = jnp.broadcast_to(self.asked[...].reshape(1, 1, -1), (*known.shape[:1], 1,
                                                                 known.shape[-1]))
    states = self.encoder(jnp.concatenate([known, asked], axis=1), positions, **how)
    return jnp.sum(states[:, -1] * self.out[...][None], axis=-1)


class Forecast:
  """A later value of a series with gaps; a ``training.Task``.

  The seed of a lane decides which observations are dropped, so that lanes of one seed meet the same
  gaps and those of different seeds meet others.

  Args:
    found: the series.
    clock: "index" or "time".
    context, ahead: of its windows.
    dropped: share of the observations that is dropped.
  """

  def __init__(self, found: series.Series, clock: str, context: int, ahead: int, dropped: float):
    self.found, self.clock, self.dropped = found, clock, dropped
    self.context, self.ahead = context, ahead
    self.name = f"forecast {found.name} by {clock}"
    self.data: str | None = found.sha256
    self.axes: Mapping[str, tuple[str, Sequence[float]]] = {}
    self.settings: Mapping[str, Any] = {"ahead": ahead, "clock": clock, "dropped": dropped}

  def longest(self, length: int) -> int:
    """The window and the token for what is asked."""
    return length + 1

  def model(self, shape: Shape, encoding: Any, *, width: Any, dropout: Any, rngs: Any) -> Any:
    """A Forecaster; there is one width."""
    assert width is None, "Config has one width"
    return Forecaster(shape.d_model, shape.layers, shape.head_dim, encoding=encoding,
                      dropout=dropout, rngs=rngs)

  def together(self, lengths: Any) -> bool:
    """Windows of other lengths have other targets."""
    return len(lengths) == 1

  def parts(self, seed: Any) -> tuple[series.Windows, series.Windows]:
    """(windows of training, windows of evaluation) with the seed's gaps; it may be traced."""
    observed = series.observe(self.found, self.dropped, seed)
    return series.parts(self.found, observed, self.context, self.ahead)

  def _positions(self, windows: series.Windows) -> jax.Array:
    return series.positions_of(self.clock, windows.times)

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> Any:
    """(values ``[B, C]``, positions ``[B, C + 1]``, targets ``[B]``)."""
    observed = series.observe(self.found, self.dropped, traced["seed"])
    count = series.counts(observed, self.context, self.ahead)[0]
    starts = jax.random.randint(key, (shape.batch_size,), 0, count)
    windows = series.windows_at(observed, starts, self.context, self.ahead, self.found.period)
    return windows.values, self._positions(windows), windows.targets

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The mean squared error, in variances of the change that is asked for."""
    values, at, targets = batch
    streams = {"positions": key}
    if shape.dropout:
      streams["dropout"] = jax.random.fold_in(key, 1)
    guess = model(values, at, deterministic=not shape.dropout, rngs=nnx.Rngs(**streams))
    return jnp.mean((guess - targets) ** 2), {}

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """The error on windows after those of training, and skill against both baselines."""
    train, valid = self.parts(traced["seed"])
    known = series.baselines(train, valid)
    always = training.draws_always(self, shape)
    key = training.evaluation_key(traced) if always else None
    guess = model(valid.values, self._positions(valid), rngs=training.position_streams(key))
    error = series.mean_of(valid, (guess - valid.targets) ** 2)
    return {"loss": error, "skill_seasonal": 1 - error / known["seasonal-naive"],
            "skill_linear": 1 - error / known["linear"]}
