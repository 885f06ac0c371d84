# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a caller says about a whole program: implementations that are off, the platform it is for.

Settings hold inside a ``with`` block of one thread and are part of the key of JAX's caches, so a
jitted function that is called under other settings is traced again. The environment variable
``POSENC_JAX_DISABLE`` switches off as well, for programs that cannot be edited; set it before the
program starts, as no cache looks at it.
"""

import contextlib
import os
import sys
from typing import Any, NamedTuple

import jax
import jax.core

from posenc_jax import _errors

# What can be switched off: "reference" serves where all of them are.
SWITCHES = ("rows", "cudnn", "splash", "strip")
PLATFORMS = ("cpu", "gpu", "tpu")
VARIABLE = "POSENC_JAX_DISABLE"


class Settings(NamedTuple):
  """What holds now.

  Attributes:
    disable: names of implementations, in the order in which they were switched off.
    platform: what programs are traced for; None is where arrays or the default device are.
  """

  disable: tuple[str, ...] = ()
  platform: str | None = None


_context: Any = jax.make_user_context(default_value=None)


def current() -> Settings:
  """The settings of the ``with`` blocks that this thread is in."""
  return _context.value or Settings()


def config(*, disable: str | tuple[str, ...] = (),
           platform: str | None = None) -> "Block":
  """Switches implementations of attention off, or says which platform programs are traced for.

  It holds inside its ``with`` block, in the thread that entered it, also for functions that were
  jitted outside: they are traced again. Blocks nest; an inner one keeps what it does not say.

  Args:
    disable: names out of "rows", "cudnn", "splash" and "strip", which ``attend`` then neither
      chooses nor takes. The environment variable ``POSENC_JAX_DISABLE=strip,splash`` does the same
      for a whole process.
    platform: "cpu", "gpu" (NVIDIA's) or "tpu": what the program will run on, where that is not the
      default device, as for ``jax.export`` and ahead-of-time compiling. JAX does not tell a
      function that it traces; export to several platforms one by one. None keeps what holds.

  Returns:
    What ``with`` takes, or a decorator of a function.

  Raises:
    ValueError: unknown names, at the call.
    TypeError: names that are no strings.

  Warns:
    UserWarning: the result went without any ``with``, so nothing was switched.

  Example:
    >>> import posenc_jax as px
    >>> x = jax.ShapeDtypeStruct((1, 512, 8, 64), "bfloat16")
    >>> with px.config(platform="tpu"):
    ...   px.explain(x, x, x, causal=True).chosen
    'splash'
    >>> with px.config(platform="tpu", disable="splash"):
    ...   px.explain(x, x, x, causal=True).obstacles["splash"]
    'it is switched off by px.config(disable=...)'
  """
  if platform is not None:
    _errors.check_choice("platform", platform, PLATFORMS)
  return Block(Settings(_names("disable", disable), platform))


class Block(contextlib.ContextDecorator):
  """The settings of one ``config`` call, which hold while a ``with`` of it is open."""

  def __init__(self, wanted: Settings):
    self._wanted, self._open, self._used = wanted, [], False

  def _recreate_cm(self) -> "Block":  # a decorated function may run in several threads at once
    return Block(self._wanted)

  def __call__(self, function: Any) -> Any:
    self._used = True
    return super().__call__(function)

  def __enter__(self) -> None:
    self._used, before = True, current()
    off = dict.fromkeys((*before.disable, *self._wanted.disable))
    self._open.append(_context(Settings(tuple(off), self._wanted.platform or before.platform)))
    self._open[-1].__enter__()

  def __exit__(self, *error: Any) -> Any:
    return self._open.pop().__exit__(*error)

  def __del__(self):
    if not self._used and not sys.is_finalizing():
      _errors.warn("px.config", "a call whose result was not used", "a block, in which it holds",
                   "Write with px.config(..): above the calls that it is for")


def traced_for(platform: str) -> contextlib.AbstractContextManager:
  """The same settings with a platform, which need not be one of ``PLATFORMS``."""
  if platform_of() == platform:  # a context of its own would be another key of every cache
    return contextlib.nullcontext()
  return _context(current()._replace(platform=platform))


def why_off(name: str) -> str | None:
  """Who switched an implementation off, or None."""
  if name in current().disable:
    return "it is switched off by px.config(disable=...)"
  text = os.environ.get(VARIABLE, "")
  if text and name in _names(VARIABLE, tuple(filter(None, text.split(",")))):
    return f"it is switched off by the environment variable {VARIABLE}"
  return None


def platform_of(x: Any = None) -> str:
  """What is traced for: what ``config`` says, or where x is, or where the default device is.

  Args:
    x: the queries, or None. Where a traced array will be is not known.

  Returns:
    A name; a GPU that is not NVIDIA's goes by its own.
  """
  told = current().platform
  if told is not None:
    return told
  if isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer):
    return _platform(next(iter(x.devices())))
  options: Any = jax.config
  device = options.jax_default_device  # of jax.default_device(..): a device, a name, or None
  if device is None or isinstance(device, str):
    device = jax.local_devices(backend=device)[0]
  return _platform(device)


def _platform(device) -> str:
  if device.platform == "gpu" and "cuda" not in device.client.platform_version:
    return "rocm"
  return device.platform


def _names(argument, given):
  if isinstance(given, str) and "," in given:
    names = tuple(part.strip() for part in given.split(","))
    raise _errors.value_error(argument, repr(given), "one name, or a tuple of names",
                              f"Write {argument}={names!r}")
  names = (given,) if isinstance(given, str) else given
  if not isinstance(names, tuple | list | set | frozenset):
    raise _errors.type_error(argument, _errors.describe(given), "a name or a tuple of names",
                             f"Pass some of {', '.join(SWITCHES)}")
  for name in names:
    _errors.check_choice(argument, name, SWITCHES)
  return tuple(names)
