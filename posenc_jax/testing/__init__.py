# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The parity contract: what every encoding must do, as functions for users' own encodings too.

``check_encoding(encoding)`` puts the encoding into a tiny attention layer and compares the ways in
which the same tokens can be run, and the forms that ``attend`` chooses by itself. Each property is
a function in ``CHECKS``; the first that does not hold raises an AssertionError that names it.
"""

import time
from typing import Any, NamedTuple

import jax

from posenc_jax import _errors
from posenc_jax._kinds import is_parameter
from posenc_jax.base import Encoding
from posenc_jax.testing import checks, paths
from posenc_jax.testing.case import Case as Case
from posenc_jax.testing.case import embed as embed
from posenc_jax.testing.case import layer as layer
from posenc_jax.testing.case import project as project

CHECKS = {
    "jit": checks.check_jit, "vmap": checks.check_vmap, "gradients": checks.check_gradients,
    "rows": checks.check_rows, "decode": checks.check_decode, "packed": checks.check_packed,
    "left_padding": checks.check_left_padding, "groups": checks.check_groups,
    "cross_lengths": checks.check_cross_lengths, "future": checks.check_future,
    "dtypes": checks.check_dtypes, "shift": checks.check_shift, "auto": paths.check_auto,
    "claims": paths.check_claims, "precision": paths.check_precision,
    "integers": paths.check_integers, "heads": paths.check_heads, "chains": paths.check_chains,
}


class Report(NamedTuple):
  """What ``check_encoding`` found; ``str`` of it is a table.

  Attributes:
    encoding: its repr.
    seconds: of every check that ran, by name.
    parameters: names of the leaves that a model trains.
    others: names of the other leaves.
  """

  encoding: str
  seconds: dict[str, float]
  parameters: tuple[str, ...]
  others: tuple[str, ...]

  def __str__(self) -> str:
    lines = [f"{self.encoding}: {_errors.counted(len(self.seconds), 'check')} passed",
             f"  trained      {', '.join(self.parameters) or 'nothing'}",
             f"  not trained  {', '.join(self.others) or 'nothing'}"]
    return "\n".join([*lines, *(f"  {n:13}{s:6.2f} s" for n, s in self.seconds.items())])


def check_encoding(encoding: Encoding | Case, *, only: str | tuple[str, ...] | None = None,
                   **sizes: Any) -> Report:
  """Runs the parity contract on an encoding.

  Args:
    encoding: an encoding built for 4 query heads of 8 dims and embeddings of 16 columns, or for the
      given sizes; or a ``Case``.
    only: the name of one check in ``CHECKS``, or several; None runs all.
    **sizes: fields of ``Case``, such as ``heads=2``, ``key=jax.random.key(0)`` or, for an encoding
      of several position axes, ``make_positions=lambda p: jnp.stack([p, p], axis=-1)``.

  Returns:
    A ``Report``.

  Raises:
    AssertionError: names the first property that does not hold.
    ValueError: an unknown check; several position axes without ``make_positions``.

  Example:
    >>> import posenc_jax as px
    >>> report = check_encoding(px.Alibi(4), only="decode")
    >>> report.others, report.parameters
    (('slopes',), ())
  """
  case = encoding if isinstance(encoding, Case) else Case(encoding, **sizes)
  names = tuple(CHECKS) if only is None else (only,) if isinstance(only, str) else tuple(only)
  for name in names:
    _errors.check_choice("only", name, tuple(CHECKS))
  axes = case.encoding.position_axes
  if axes and case.make_positions is Case.make_positions:
    raise _errors.value_error(
        "make_positions", "positions of one number a token",
        f"a function from [..., T] to the encoding's positions [..., T, {axes}]",
        f"Pass make_positions=lambda p: jnp.stack([p] * {axes}, axis=-1), or other ids")
  seconds = {}
  for name in names:
    start = time.perf_counter()
    CHECKS[name](case)
    seconds[name] = time.perf_counter() - start
  return Report(repr(case.encoding), seconds, *_leaf_names(case.encoding))


def _leaf_names(encoding):
  """Names of (parameters, other leaves)."""
  marks, _ = jax.tree_util.tree_flatten_with_path(is_parameter(encoding))
  name = lambda path: jax.tree_util.keystr(path).lstrip(".")
  return tuple(tuple(name(path) for path, mark in marks if mark is kind) for kind in (True, False))
