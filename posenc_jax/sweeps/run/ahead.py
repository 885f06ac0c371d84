# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The next group's program, compiled in a thread while the device trains the present group.

XLA compiles without Python's lock, and small models leave a processor's cores idle, so the compile
costs little beside the training. Tracing and lowering stay in the main thread: they run the
experiment's code under the caller's settings of JAX, which belong to a thread.

A mistake in the next group must not strike the present one: an error is dropped here, and meets the
group again in its own turn.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from posenc_jax.sweeps.run.program import Lowered


class Ahead:
  """A program that is being compiled.

  Args:
    wanted: says which program it is.
    lower: traces and lowers it, at once; returns it with whatever belongs to it.

  Attributes:
    seconds: what lowering took.
  """

  def __init__(self, wanted: Any, lower: Callable[[], tuple[Lowered, Any]]):
    self.wanted = wanted
    start = time.monotonic()
    self._lowered, self._about = lower()
    self.seconds = time.monotonic() - start
    self._thread = threading.Thread(target=self._compile, name="sweeps compile ahead")
    self._thread.start()

  def _compile(self) -> None:
    with contextlib.suppress(Exception):
      self._lowered.compile()

  @property
  def running(self) -> bool:
    """Whether the compiler is at work."""
    return self._thread.is_alive()

  def wait(self) -> None:
    """Returns when the compiler has ended."""
    self._thread.join()

  def result(self) -> tuple[Lowered, Any]:
    """The compiled stages and what came with them."""
    self.wait()
    return self._lowered, self._about
