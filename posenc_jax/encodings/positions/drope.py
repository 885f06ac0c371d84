# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""DroPE: a model trained with a rotation goes on without one for the last steps.

"DroPE", arXiv 2512.12167. The schedule is a pure function of the training step, which may be
traced; its temperature at lengths beyond the training is a row of its own.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics
from posenc_jax.encodings.rotations.rotary import Rotary


def drope_rotates(step: Any, *, steps: Any, share: Any = 0.875) -> jax.Array:
  """Whether training step ``step`` still rotates: step < share * steps.

  Args:
    step: int ``[...]``, counted from 0; may be traced.
    steps: how many there are.
    share: of the steps with a rotation; the paper drops it at 14 000 of 16 000.

  Returns:
    bool ``[...]``.

  Raises:
    ValueError: steps or share that are not positive, a known share above 1.

  Example:
    >>> drope_rotates(jnp.array([0, 13_999, 14_000]), steps=16_000).tolist()
    [True, True, False]

  References:
    arXiv 2512.12167.
  """
  _errors.check_positive("steps", steps, "Pass the steps of the whole training")
  _errors.check_positive("share", share, "The paper has 0.875")
  known = _numerics.known(share)
  if known is not None and (known > 1).any():
    raise _errors.value_error("share", share, "at most 1", "It is a share of the steps")
  limit = jnp.asarray(share, jnp.float32) * jnp.asarray(steps).astype(jnp.float32)
  return jnp.asarray(step).astype(jnp.float32) < limit


def drope(rotary: Rotary, rotates: Any) -> Rotary:
  """The rotation while ``rotates``, then one of all frequencies 0, which is none.

  Args:
    rotary: the rotation.
    rotates: a bool, which may be traced: one program trains both parts.

  Returns:
    A ``Rotary``; after the end of training, leave it out of the model.

  Example:
    >>> drope(Rotary(4), drope_rotates(15_000, steps=16_000)).frequencies.radians.tolist()
    [0.0, 0.0]
  """
  if not isinstance(rotary, Rotary):
    raise _errors.type_error("rotary", _errors.describe(rotary), "a Rotary",
                             "Drop it before it goes into a chain")
  keep = lambda leaf: jnp.where(jnp.asarray(rotates), leaf, jnp.zeros((), leaf.dtype))
  return rotary.replace(frequencies=jax.tree.map(keep, rotary.frequencies))
