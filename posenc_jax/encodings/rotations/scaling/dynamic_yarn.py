# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dynamic YaRN: the factor is what the present length needs (hook ``expand`` of RotaryOnRead).

Peng et al. 2023, "YaRN", arXiv 2309.00071, section 3.3: s = max(1, L / L0).
``compat="released-code"``: the factor is L / L0, below 1 too. The cache holds raw keys, all of
which are turned on read for one length.
"""

from typing import Any

from posenc_jax import _errors
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.scaling import _host
from posenc_jax.encodings.rotations.scaling.yarn import yarn_attention_scaling, yarn_frequencies


def dynamic_yarn_factor(length: int, original: int, *, compat: str = "paper") -> float:
  """max(1, L / L0); L / L0 with ``compat="released-code"``.

  Args:
    length: L; original: L0; both positive.
    compat: "paper" or "released-code".

  Returns:
    s, a float.

  Example:
    >>> dynamic_yarn_factor(512, 1024), dynamic_yarn_factor(512, 1024, compat="released-code")
    (1.0, 0.5)

  References:
    Peng et al. 2023, arXiv 2309.00071, section 3.3.
  """
  _errors.check_positive("length", length, "Pass the length of the sequence so far")
  _host.check_original(original)
  factor = length / original
  return factor if _checks.compat(compat) == "released-code" else max(1.0, factor)


def dynamic_yarn_rotary(dim: int, *, length: int, original: int, compat: str = "paper",
                        pairing: str = "half", base: Any = 10_000.0, **settings: Any
                        ) -> RotaryOnRead:
  """Dynamic YaRN for sequences of one length; at another length, build it again.

  Args:
    dim, base, pairing: as in ``Rotary``.
    length, original, compat: as in ``dynamic_yarn_factor``.
    **settings: beta_fast, beta_slow, truncate and ramp of ``yarn_frequencies``.

  Returns:
    A ``RotaryOnRead``: two lengths differ in its leaves alone.

  Example:
    >>> dynamic_yarn_rotary(8, length=512, original=1024)
    RotaryOnRead(dim=8, base=10000.0)
  """
  _errors.refuse_unknown("dynamic_yarn_rotary", settings,
                         ("beta_fast", "beta_slow", "truncate", "ramp"))
  factor = dynamic_yarn_factor(length, original, compat=compat)
  frequencies = yarn_frequencies(dim, factor=factor, original=original, base=base,
                                 allow_shrink=compat == "released-code", **settings)
  return RotaryOnRead.from_frequencies(
      frequencies, attention_scaling=yarn_attention_scaling(factor), pairing=pairing)
