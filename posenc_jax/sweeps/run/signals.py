# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM: the first asks, the second stops at once.

Inside a `listening` context the first signal is only noted; the run looks at it after each chunk
(about a second), saves its state and stops. At the same time the handlers of before are put back,
so a second Ctrl-C is an ordinary KeyboardInterrupt, in a notebook too, and a second SIGTERM kills.
Within a compile Python hears nothing at all; the first look is right after it. And a process may
end only when its device has finished what it is at.

Python lets only the main thread set handlers; elsewhere nothing is changed.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Listener:
  """What has been heard so far: `signum` is None or the first signal's number."""

  def __init__(self):
    self.signum: int | None = None
    self._before = {}

  def __call__(self, signum: int, frame: object) -> None:
    del frame
    self.signum = signum
    self.restore()

  def listen(self) -> None:
    """Takes the place of the handlers, but for signals that whoever started us has switched off."""
    for each in SIGNALS:
      if signal.getsignal(each) != signal.SIG_IGN:
        self._before[each] = signal.signal(each, self)

  def restore(self) -> None:
    """Puts back the handlers of before."""
    while self._before:
      each, handler = self._before.popitem()
      # None: a handler that C code has set, which Python cannot set again.
      signal.signal(each, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
  """Notes the first SIGINT or SIGTERM instead of dying of it; restores the handlers at the end."""
  listener = Listener()
  if threading.current_thread() is not threading.main_thread():
    yield listener
    return
  try:
    listener.listen()
    yield listener
  finally:
    listener.restore()
