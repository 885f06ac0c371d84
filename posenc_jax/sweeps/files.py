# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writing files that a kill, a full disk or a symbolic link cannot spoil.

A whole file is written beside its name, synced, and moved over it: readers see the old or the new
one. A log only grows, by one write and one sync; if the write fails, what it left is cut off.
Files are made for their owner alone (0600, directories 0700) and never through a symbolic link at
the end of the path.
"""

import errno
import os
import pathlib
import re
import shutil

from posenc_jax._errors import explain_fault, value_error
from posenc_jax.sweeps.errors import CannotWrite, StorageFull

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
# Windows has no such flag for links, but one that keeps newlines as they are.
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_GROWING = (".jsonl", ".lock")
MOST_BYTES = 4 << 30  # of a file that is read at once
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG, errno.EIO}


def check_name(name: str) -> str:
  """Returns a run's name if it is safe as one component of a path.

  Raises:
    ValueError: it has other characters than letters, digits, ``.``, ``_`` and ``-``, starts with
      ``.`` or ``-``, is empty or longer than 100.

  Example:
    >>> check_name("rope-vs-alibi_2")
    'rope-vs-alibi_2'
  """
  if not isinstance(name, str) or not _NAME.fullmatch(name):
    raise value_error("run: name", repr(name), "1 to 100 of A-Z a-z 0-9 . _ -, not starting with "
                      ". or -", "Rename the run")
  return name


def read(path: pathlib.Path, most: int = MOST_BYTES) -> bytes:
  """A file's bytes, never more than ``most``: it may come from somebody else.

  Raises:
    OSError: it cannot be read, or is longer, and then it is not read.
  """
  with open(path, "rb") as file:
    size = os.fstat(file.fileno()).st_size
    if size > most:
      raise OSError(errno.EFBIG, f"it has {size} bytes, more than the {most} that are read")
    return file.read(most)


def _explain(error: OSError, path: os.PathLike | str, size: int) -> OSError:
  came = f"a write of {size} bytes that failed: {error.strerror or error}"
  if error.errno in _FULL:
    return StorageFull(explain_fault(
      f"{path}", came, "room for them",
      "Free some space and run the same command again: all finished cells are safe"))
  return CannotWrite(explain_fault(f"{path}", came, "a file that can be written",
                                   "Give another output directory or correct its permissions"))


def make_directory(path: pathlib.Path) -> None:
  """Makes a directory with its parents and checks that files can be written in it.

  Raises:
    CannotWrite: it cannot be made, is no directory, or is read-only.
  """
  check_directory(path)
  try:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
  except OSError as error:
    raise CannotWrite(explain_fault(
      f"{path}", f"an output directory that cannot be made: {error.strerror}", "one that can",
      "Give another output directory")) from error


def nearest(path: pathlib.Path) -> pathlib.Path:
  """The path, or the closest above it that is there: a directory, a file or a link."""
  return next(p for p in (path, *path.absolute().parents) if os.path.lexists(p))


def writable(directory: pathlib.Path) -> bool:
  """Whether this process may make files in a directory."""
  effective = os.access in os.supports_effective_ids
  return os.access(directory, os.W_OK | os.X_OK, effective_ids=effective)


def check_directory(path: pathlib.Path) -> None:
  """Checks that a directory can be made, or is there and can be written in; makes nothing.

  Raises:
    CannotWrite: something else than a directory is there, a link to nowhere, what is read-only, or
      a directory with links in place of the files that grow.
  """
  there = nearest(path)
  if not there.is_dir():
    what = "a symbolic link to nothing" if there.is_symlink() and not there.exists() else "a file"
    raise CannotWrite(explain_fault(
      f"{path}", f"an output directory that cannot be made: {there} is {what}",
      "a directory, or nothing yet", "Give another output directory"))
  if not writable(there):
    where = "" if there == path else f" in {there}, which"
    raise CannotWrite(explain_fault(
      f"{path}", f"an output directory{where or ' that'} is not writable", "one that is",
      "Give another output directory or correct its permissions"))
  links = sorted(p.name for p in path.glob("*") if p.is_symlink() and p.suffix in _GROWING)
  if links:
    raise CannotWrite(explain_fault(
      f"{path}", f"symbolic links where a sweep writes: {', '.join(links)}",
      "files, or nothing yet", "Give another output directory, or put the files there"))


def check_space(path: pathlib.Path, needed: int) -> None:
  """Raises StorageFull if the disk has less than ``needed`` bytes free."""
  free = shutil.disk_usage(path).free
  if free < needed:
    raise StorageFull(explain_fault(f"{path}", f"a disk with {free} bytes free", f"about {needed}",
                                    "Free some space or give another output directory"))


def sync_directory(path: pathlib.Path) -> None:
  """Makes a new name in a directory durable, where the file system can."""
  try:
    handle = os.open(path, os.O_RDONLY)
  except OSError:
    return
  try:
    os.fsync(handle)
  except OSError:
    pass  # Some network file systems refuse to sync directories; the data itself is synced.
  finally:
    os.close(handle)


def _write_all(handle: int, data: bytes) -> None:
  view = memoryview(data)
  while view:
    view = view[os.write(handle, view):]


def write_atomic(path: pathlib.Path, data: bytes) -> None:
  """Replaces a file's content at once: temporary file, sync, rename, sync of the directory.

  Raises:
    StorageFull, CannotWrite: nothing was changed.
  """
  temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
  try:
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NOFOLLOW, 0o600)
    try:
      _write_all(handle, data)
      os.fsync(handle)
    finally:
      os.close(handle)
    os.replace(temporary, path)
  except OSError as error:
    temporary.unlink(missing_ok=True)
    raise _explain(error, path, len(data)) from error
  sync_directory(path.parent)


def append(path: pathlib.Path, data: bytes) -> None:
  """Adds bytes to the end of a file and syncs it; on failure the old end is restored if possible.

  Raises:
    StorageFull, CannotWrite: the file is as it was, or ends in a torn line if it cannot be cut.
  """
  fresh = not path.exists()
  try:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | NOFOLLOW, 0o600)
  except OSError as error:
    raise _explain(error, path, len(data)) from error
  try:
    end = os.fstat(handle).st_size
    try:
      _write_all(handle, data)
      os.fsync(handle)
    except OSError as error:
      try:
        os.ftruncate(handle, end)
      except OSError:
        pass  # The torn line is cut off when the file is next opened.
      raise _explain(error, path, len(data)) from error
  finally:
    os.close(handle)
  if fresh:
    sync_directory(path.parent)


def truncate(path: pathlib.Path, size: int) -> None:
  """Cuts a file to ``size`` bytes and syncs it, which works on a full disk too.

  Raises:
    StorageFull, CannotWrite: it cannot be cut.
  """
  try:
    handle = os.open(path, os.O_WRONLY | NOFOLLOW)
    try:
      os.ftruncate(handle, size)
      os.fsync(handle)
    finally:
      os.close(handle)
  except OSError as error:
    raise _explain(error, path, size) from error
