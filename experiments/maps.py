# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention maps of kept models: who looks at whom, one picture an encoding, for the report.

  python -m experiments.compare --preset=quick --keep=weights

keeps the models and makes the maps; the report shows them.
"""

import pathlib
import re
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import nnx

from experiments import figures, training
from experiments.training import Trained
from posenc_jax import nn, sweeps
from posenc_jax.sweeps.show import attached

if TYPE_CHECKING:
  from matplotlib.figure import Figure

MOST = 24  # maps of one run; a run of 80 methods has more than anyone looks at


def model_of(results: sweeps.Results, cell: Any, experiment: Trained) -> Any:
  """The trained model of a cell, from its kept state.

  Raises:
    KeyError: no state was kept.
  """
  state = results.restore(cell, experiment)
  return nnx.merge(state["graph"], state["params"], state["rest"])


def chosen(results: sweeps.Results) -> list[sweeps.Cell]:
  """For each encoding the cell of least loss at the largest sizes."""
  def rank(record: Any) -> Any:
    cell = record["cell"]
    return cell["d_model"], cell["seq_len"], -record["metrics"]["loss"], -cell["seed"]

  found: dict[str, Any] = {}
  for record in results:
    if record["status"] == "ok" and "state" in record:
      best = found.setdefault(record["cell"]["encoding"], record)
      if rank(record) > rank(best):
        found[record["cell"]["encoding"]] = record
  return [sweeps.Cell(record["cell"]) for record in found.values()]


def maps_of(model: Any, tokens: np.ndarray, seed: int, *, draws: bool = True) -> list[np.ndarray]:
  """The weights of each layer, ``[N, T, T]``, for tokens int ``[T]``.

  ``draws`` says whether positions are drawn, with the key that the evaluation has.
  """
  key = training.evaluation_key({"seed": seed}) if draws else None
  read = jax.jit(lambda tokens: nn.attention_maps(
    model, tokens, rngs=training.position_streams(key)))
  return [np.asarray(weights) for weights in read(tokens)]


def draw(maps: list[np.ndarray], cell: sweeps.Cell) -> "Figure":
  """A panel for each layer and head of a causal model; lines mark the training length.

  The shade is the square root of the weight, so that a weight of 1/100 is still seen.
  """
  from matplotlib.figure import Figure

  heads = maps[0].shape[0]
  figure = Figure(figsize=(1.2 + 1.9 * heads, 1.1 + 2.0 * len(maps)), layout="constrained")
  axes = figure.subplots(len(maps), heads, squeeze=False, sharex=True, sharey=True)
  trained = cell["seq_len"]
  for layer, weights in enumerate(maps):
    for head in range(heads):
      ax = axes[layer, head]
      seen = np.tri(*weights.shape[1:], dtype=bool)
      image = ax.imshow(np.ma.array(np.sqrt(weights[head]), mask=~seen), vmin=0, vmax=1,
                        cmap="magma_r", interpolation="nearest")
      if trained < weights.shape[-1]:
        ax.axhline(trained - 0.5, color="tab:blue", linewidth=0.8)
        ax.axvline(trained - 0.5, color="tab:blue", linewidth=0.8)
      ax.set_title(f"layer {layer + 1}, head {head + 1}", fontsize=8)
      ax.tick_params(labelsize=7)
  figure.supxlabel("key", fontsize=9)
  figure.supylabel("query", fontsize=9)
  figure.suptitle(f"{cell['encoding']}, d_model {cell['d_model']}, trained at {trained} (lines), "
                  f"seed {cell['seed']}", fontsize=9)
  bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=np.sqrt([0, 0.01, 0.1, 0.3, 1]))
  bar.ax.set_yticklabels(["0", "0.01", "0.1", "0.3", "1"], fontsize=7)
  bar.set_label("weight", fontsize=8)
  return figure


def attach(results: sweeps.Results, experiment: Trained, tokens: np.ndarray) -> list[pathlib.Path]:
  """Writes the maps of ``chosen`` cells into the run's folder attached/, which the report shows.

  ``sweeps.write_report(results, results.directory)`` writes a report again that was there before.

  Args:
    results: of a run with ``keep=("weights",)`` in a directory.
    experiment: that made them.
    tokens: int ``[T]``, what the models read; of each twice its training length is used.

  Returns:
    The pictures; none without kept states or directory.
  """
  cells = chosen(results)[:MOST] if results.directory is not None else []
  paths = []
  for cell in cells:
    model = model_of(results, cell, experiment)
    draws = training.draws_always(experiment.task, experiment.split(cell)[0])
    maps = maps_of(model, tokens[:2 * cell["seq_len"]], cell["seed"], draws=draws)
    name = re.sub(r"[^A-Za-z0-9]+", "-", str(cell["encoding"])).strip("-")
    paths += figures.save(draw(maps, cell), results.directory / attached.FOLDER,
                          f"attention-{name}", kinds=("png",))
  return paths
