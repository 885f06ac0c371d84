# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What independent packages computed: small npz files, and the scripts that made them."""

import pathlib

import numpy as np


def load(name):
  """The arrays of one file as a dict; `versions` and `seed` tell how they were made."""
  with np.load(pathlib.Path(__file__).parent / f"{name}.npz", allow_pickle=False) as archive:
    return dict(archive)
