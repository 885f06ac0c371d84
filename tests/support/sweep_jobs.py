# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts sweep_toy.py as processes that a test may kill, hundreds of times.

Importing JAX takes longer than such a sweep. So one server process imports it once, touches no
device, and forks for each job: a job is a process of its own with all its life ahead.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def serve():
  """Forks a job for each line of arguments; answers with its pid, then with its exit status."""
  from tests.support import sweep_toy

  for request in sys.stdin:
    log, argv = json.loads(request)
    pid = os.fork()
    if pid == 0:
      handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
      for stream in (1, 2):
        os.dup2(handle, stream)
      os.setsid()
      # A process that a shell starts in the background ignores Ctrl-C, and so would its jobs.
      signal.signal(signal.SIGINT, signal.default_int_handler)
      code = 1
      try:
        sweep_toy.main(argv)
      except SystemExit as stop:
        code = stop.code or 0
      finally:
        sys.stderr.flush()
        os._exit(code)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)


class Jobs:
  """A server of jobs, one at a time; use it as a context, and say where they print."""

  def __init__(self, **environment):
    self.log = None
    self._environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}

  def __enter__(self):
    self._server = subprocess.Popen(
      [sys.executable, "-m", "tests.support.sweep_jobs"], stdin=subprocess.PIPE,
      stdout=subprocess.PIPE, text=True, cwd=ROOT, env=self._environment)
    return self

  def __exit__(self, *error):
    self._server.stdin.close()
    self._server.stdout.close()
    self._server.kill()
    self._server.wait()

  def into(self, directory):
    """Lets the jobs print into a directory's jobs.log from here on."""
    self.log = pathlib.Path(directory) / "jobs.log"
    return self

  def start(self, *argv):
    """Starts a job; returns its pid."""
    print(json.dumps([str(self.log), [str(a) for a in argv]]), file=self._server.stdin, flush=True)
    return int(self._server.stdout.readline())

  def wait(self):
    """The exit status of the job that was started: minus the signal's number if one killed it."""
    return int(self._server.stdout.readline())

  def run(self, *argv):
    """Runs a job to its end; returns its exit status."""
    self.start(*argv)
    return self.wait()

  def text(self):
    """All that the jobs have printed."""
    return self.log.read_text() if self.log.exists() else ""


def until(condition, seconds=60.0):
  """Waits for a condition; False if it does not come."""
  end = time.monotonic() + seconds
  while time.monotonic() < end:
    if condition():
      return True
    time.sleep(0.005)
  return False


if __name__ == "__main__":
  serve()
