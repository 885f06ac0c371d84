# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Scripts that compare position encodings; each runs as ``python -m experiments.NAME``."""

import sys

from posenc_jax import _errors

try:
  _errors.check_installed("experiments", ["flax", "optax"], "pip install -e '.[experiments]'")
except ModuleNotFoundError as error:
  if sys.argv[:1] != ["-m"]:
    raise
  print(f"error: {error}", file=sys.stderr)  # python -m, which is looking for the script
  sys.exit(2)
