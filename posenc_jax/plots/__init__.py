# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of encodings and of results: each function returns a matplotlib Figure.

  table                what is added to the embeddings, position by column
  bias                 what is added to the scores by distance, a line a head
  wavelengths          tokens in a full turn of each rotated pair
  similarity           the score of a vector with its copy, by distance
  pattern              attention weights under random queries and keys
  receptive_field      the share of attention that the nearest tokens get
  attention            attention weights that a model gave
  loss_against_length  what a sweep found beyond the training length

``fitting`` says which of them an encoding has. A notebook shows a Figure that a cell ends with;
``figure.savefig("name.png")`` writes it. Nothing global is changed: there is no pyplot in it.

Needs matplotlib: ``pip install 'posenc_jax[plots]'``.

Example:
  >>> import posenc_jax as px
  >>> from posenc_jax import plots
  >>> plots.fitting(px.Alibi(8))
  ('bias', 'pattern', 'receptive_field')
  >>> plots.bias(px.Alibi(8)).axes[0].get_xlabel()
  'distance to the key, in tokens'
"""

from posenc_jax.plots._ask import fitting
from posenc_jax.plots.biases import bias
from posenc_jax.plots.lengths import loss_against_length
from posenc_jax.plots.rotations import similarity, wavelengths
from posenc_jax.plots.tables import table
from posenc_jax.plots.weights import attention, pattern, receptive_field

__all__ = ["attention", "bias", "fitting", "loss_against_length", "pattern", "receptive_field",
           "similarity", "table", "wavelengths"]
