# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of mistakes: a row is a call that must raise, and what each part of its message holds."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

import posenc_jax as px

B, T, N, K, H = 3, 6, 4, 2, 8
Q, KV = np.ones((B, T, N, H), np.float32), np.ones((B, T, K, H), np.float32)
# Options that context_attend does not have.
_OF_ATTEND = {"lengths", "implementation"}


def _context(*args, **kwargs):
  mesh = Mesh(jax.devices()[:1], ("tokens",))
  return px.context_attend(*args, mesh=mesh, axis="tokens", **kwargs)


FUNCTIONS = {"attend": px.attend, "explain": px.explain, "context_attend": _context}


def refused(rows):
  """Parametrises a test by (function, call, error, message).

  Args:
    rows: (name, call, error, message). `call` holds the keywords, and q, k, v and e (the encoding)
      where they are not the usual ones; `message` is (argument, came, wanted, mend): how the text
      begins, and what its other two parts hold.
  """
  cases = []
  for name, call, error, message in rows:
    for function in FUNCTIONS:
      if function != "context_attend" or not _OF_ATTEND & set(call):
        cases.append(pytest.param(function, call, error, message, id=f"{name}-{function}"))
  return pytest.mark.parametrize("function, call, error, message", cases)


def check(function, call, error, message):
  """The call raises `argument: got .., wanted ... Mend.`"""
  call = {"q": Q, "k": KV, "v": KV, "e": None} | call
  args = [call.pop(name) for name in ("q", "k", "v", "e")]
  with pytest.raises(error) as found:
    FUNCTIONS[function](*args, **call)
  text, (argument, came, wanted, mend) = str(found.value), message
  assert text.startswith(f"{argument}: got {came}"), text
  rest = text.partition(", wanted ")[2]
  assert wanted in rest and mend in rest.partition(wanted)[2], text
  assert text.endswith((".", "?")) and not text.endswith(("..", "?.")), text
