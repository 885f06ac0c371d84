# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The next group's program, compiled in a thread while the device trains the present group.

XLA compiles without Python's lock, and small models leave a processor's cores idle, so the compile
costs little beside the training. Tracing and lowering stay in the main thread: they run the
experiment's code under the caller's settings of JAX, which belong to a thread.

A mistake in the next group must not strike the present one: an error while lowering is dropped, and
meets the group again in its own turn; an error of the compiler is kept until then.
"""

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
    self._error: BaseException | None = None
    start = time.monotonic()
    self._lowered, self._about = lower()
    self.seconds = time.monotonic() - start
    self._thread = threading.Thread(target=self._compile, name="sweeps compile ahead")
    self._thread.start()

  def _compile(self) -> None:
    try:
      self._lowered.compile()
    except BaseException as error:  # Raised in the main thread, where somebody hears of it.
      self._error = error

  @property
  def running(self) -> bool:
    """Whether the compiler is at work."""
    return self._thread.is_alive()

  def wait(self) -> None:
    """Returns when the compiler has ended."""
    self._thread.join()

  def result(self) -> tuple[Lowered, Any]:
    """The compiled stages and what came with them; raises what the compiler raised."""
    self.wait()
    if self._error is not None:
      raise self._error
    return self._lowered, self._about
