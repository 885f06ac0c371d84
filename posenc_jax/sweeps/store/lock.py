# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One writer a directory, by flock: the kernel releases it when a process dies, so none is stale.

The lock file's text (process, host, start) is for the message only. An unsharded run locks the
directory exclusively; shares lock it together, and each locks its own results file exclusively.
Where locks are not supported (some network drives) the run warns and goes on.
"""

import contextlib
import errno
import json
import os
import pathlib
import socket
import time
from collections.abc import Iterator

from posenc_jax._errors import explain_fault
from posenc_jax.sweeps.errors import CannotWrite, DirectoryInUse, warn
from posenc_jax.sweeps.files import NOFOLLOW

try:
  import fcntl
except ImportError:  # Windows has no flock.
  fcntl = None

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


def _holder(path: pathlib.Path) -> str:
  try:
    about = json.loads(path.read_text()[:1000])
    return f"process {about['pid']} on {about['host']} since {about['since']}"
  except (OSError, ValueError, KeyError, TypeError):
    return "another process"


@contextlib.contextmanager
def held(path: pathlib.Path, *, shared: bool = False, wait: bool = False) -> Iterator[bool]:
  """Holds a lock file while the context lasts.

  Args:
    path: the lock file; it stays when the lock is released.
    shared: several may hold it together.
    wait: wait for the holder instead of failing.

  Returns:
    A context that gives True, or False where locks are not supported.

  Raises:
    DirectoryInUse: another process holds it.
    CannotWrite: the file cannot be opened.
  """
  try:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW, 0o600)
  except OSError as error:
    raise CannotWrite(explain_fault(
      f"{path}", f"no lock file: {error.strerror}", "a file that can be opened for writing",
      "Correct its permissions or give another output directory")) from error
  try:
    yield _lock(handle, path, shared, wait)
  finally:
    os.close(handle)


def _lock(handle: int, path: pathlib.Path, shared: bool, wait: bool) -> bool:
  if fcntl is None:
    _warn(path, "this system has no flock")
    return False
  kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
  try:
    fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
  except BlockingIOError as error:
    raise DirectoryInUse(explain_fault(
      f"{path.parent}", f"a directory in use by {_holder(path)}", "one that no other run writes to",
      "Wait for it or give another output directory")) from error
  except OSError as error:
    if error.errno not in _UNSUPPORTED:
      raise
    _warn(path, str(error.strerror))
    return False
  if not wait:
    about = {"pid": os.getpid(), "host": socket.gethostname(),
             "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    with contextlib.suppress(OSError):  # The text is a courtesy; a full disk must not stop here.
      os.ftruncate(handle, 0)
      os.write(handle, json.dumps(about).encode())
  return True


def _warn(path: pathlib.Path, why: str) -> None:
  warn(f"{path.parent}: no lock is available here ({why}); make sure that no other run writes to "
       "this directory")
