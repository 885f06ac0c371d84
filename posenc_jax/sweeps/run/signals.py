# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, SIGTERM, SIGHUP: the first stops a run after saving its state, the second at once.

Inside a ``listening`` context the first signal is only recorded; the run checks for it after each
chunk (about a second), saves its state and stops. The first signal also restores the old handlers,
so a second Ctrl-C is an ordinary KeyboardInterrupt, in a notebook too, and a second SIGTERM kills.
Python runs no handler during a compile, so the check comes right after it; and a process can end
only when its device has finished its work.

Only the main thread may set handlers in Python; in other threads nothing is changed.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator

# Closing a terminal sends SIGHUP, which Windows does not know.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP")
                if hasattr(signal, name))


class Listener:
  """Records the first signal: ``signum`` is its number, or None before it comes."""

  def __init__(self):
    self.signum: int | None = None
    self._before = {}

  def __call__(self, signum: int, frame: object) -> None:
    del frame
    self.signum = signum
    self.restore()

  def listen(self) -> None:
    """Replaces the handlers, except of signals that the parent process has set to be ignored."""
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
  """Records the first of SIGNALS, which then stops nothing; restores the handlers."""
  listener = Listener()
  if threading.current_thread() is not threading.main_thread():
    yield listener
    return
  try:
    listener.listen()
    yield listener
  finally:
    listener.restore()
