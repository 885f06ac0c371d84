# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What encodings that are added to the embeddings ask of x and of positions."""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _align, _errors


def check_width(x: jax.Array, width: int, name: str) -> None:
  """Raises unless x ``[..., T, D]`` has the encoding's width."""
  if x.shape[-1] != width:
    raise _errors.value_error("x", f"width {x.shape[-1]}", f"the width {width} of the encoding",
                              f"Build {name} for the model's width")


def aligned(x: jax.Array, positions: Any, axes: int = 0, *, real: bool = True) -> jax.Array:
  """Positions ``[..., T]``, or ``[..., T, P]``, with the batch axes of x ``[..., T, D]``."""
  sizes = (axes,) if axes else ()
  return jnp.asarray(_align.align_array(positions, x.ndim - 2, x.shape[-2], 1 if axes else 0,
                                        "positions", sizes=sizes, real=real))
