# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is off by default: JAX's persistent compile cache, a profile, TensorBoard events.

A user who can write to a compile cache can run code in the process that reads it. So a directory
that other users may write to is not used as a cache, and a warning says so.
"""

import contextlib
import os
import pathlib
import re
import stat
import warnings
from collections.abc import Iterator, Sequence

import jax
from jax.experimental.compilation_cache import compilation_cache

from posenc_jax._errors import explain_fault
from posenc_jax.sweeps import files
from posenc_jax.sweeps.errors import SweepWarning, warn
from posenc_jax.sweeps.records import Record, axis_values

# JAX's own limit needs one more package (filelock); without a limit a cache grows for ever.
CACHE_BYTES = 2 * 2**30

_SETTINGS = {
  "jax_persistent_cache_min_compile_time_secs": 0.0,
  "jax_persistent_cache_min_entry_size_bytes": -1,
}
_DAMAGED = re.compile(r"Error reading persistent compilation cache entry for '([\w.-]+)'")


def safe_cache(path: pathlib.Path) -> str | None:
  """None if a cache directory is this user's alone, else why not; makes it (0700) if missing."""
  files.make_directory(path)
  about = path.stat()
  if hasattr(os, "getuid") and about.st_uid not in (os.getuid(), 0):
    return f"it belongs to user {about.st_uid}"
  if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
    return f"others may write to it (mode {stat.S_IMODE(about.st_mode):04o}); chmod go-w it"
  return None


def prune_cache(directory: pathlib.Path, limit: int) -> None:
  """Removes the entries that were used longest ago until ``limit`` bytes are left."""
  entries = sorted((max(p.stat().st_mtime, p.stat().st_atime), p.stat().st_size, p)
                   for p in directory.glob("*-cache"))
  total = sum(size for _, size, _ in entries)
  for _, size, path in entries:
    if total <= limit:
      return
    path.unlink(missing_ok=True)
    total -= size


@contextlib.contextmanager
def _replacing_damaged(directory: pathlib.Path) -> Iterator[None]:
  """Deletes an entry that JAX warns it cannot read, so that JAX writes a new one.

  Without this, JAX compiles again each time and never replaces the entry. Its warning comes before
  the compile and names the program, so the entry is deleted when the warning is shown.
  """
  with warnings.catch_warnings():
    warnings.filterwarnings("always", message="Error reading persistent compilation cache entry")
    show = warnings.showwarning

    def mend(message, category, filename, lineno, file=None, line=None):
      found = _DAMAGED.match(str(message))
      if not found:
        return show(message, category, filename, lineno, file, line)
      for path in directory.glob(f"{found[1]}-*-cache"):
        path.unlink(missing_ok=True)
      text = f"{directory}: the entry of {found[1]} was damaged and is written again"
      return show(SweepWarning(text), SweepWarning, filename, lineno, file, line)

    warnings.showwarning = mend
    yield


@contextlib.contextmanager
def compile_cache(directory: str | None) -> Iterator[None]:
  """Uses JAX's persistent compile cache while the context lasts; None leaves all as it is."""
  if directory is None:
    yield
    return
  path = pathlib.Path(directory).expanduser()
  why = safe_cache(path)
  if why:
    warn(f"{path}: not used as compile cache: {why}")
    yield
    return
  settings = {**_SETTINGS, "jax_compilation_cache_dir": str(path)}
  before = {name: getattr(jax.config, name) for name in settings}
  try:
    for name, value in settings.items():
      jax.config.update(name, value)
    prune_cache(path, CACHE_BYTES)
    compilation_cache.reset_cache()  # JAX looks at the directory once, at its first compile.
    with _replacing_damaged(path):
      yield
  finally:
    for name, value in before.items():
      jax.config.update(name, value)
    compilation_cache.reset_cache()


def profile(directory: str | None) -> contextlib.AbstractContextManager:
  """A context whose device work is profiled into the directory, or one that does nothing."""
  return contextlib.nullcontext() if directory is None else jax.profiler.trace(directory)


def check_tensorboard() -> None:
  """Raises ImportError with the cure if tensorboardX is missing."""
  try:
    import tensorboardX
  except ImportError as error:
    raise ImportError(explain_fault(
      "options: tensorboard", "True without tensorboardX", "an environment that has it",
      "Run: pip install tensorboardX")) from error
  del tensorboardX


def write_events(directory: pathlib.Path, records: Sequence[Record]) -> None:
  """Writes each record's curves and metrics as TensorBoard events in events/ID of a directory."""
  import tensorboardX

  for record in records:
    with tensorboardX.SummaryWriter(str(directory / "events" / record["id"])) as writer:
      writer.add_text("cell", "\n".join(f"    {k}: {v}" for k, v in record["cell"].items()))
      for name, values in record["series"].items():
        for at, value in zip(axis_values(record, name), values, strict=False):
          if value is not None:
            writer.add_scalar(name, value, int(at))
      for name, value in record["metrics"].items():
        if value is not None:
          writer.add_scalar(f"result/{name}", value, 0)
