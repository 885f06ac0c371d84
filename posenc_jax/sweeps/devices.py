# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Spreading lanes over the local devices, and what a machine is expected to do.

Lanes do not communicate, so each device maps over its own share by ``shard_map``: the partitioner
has nothing to decide, and hand-written kernels work unchanged. One device needs no mesh.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from posenc_jax._errors import value_error

Device = Any  # A jax.Device, which JAX makes at import, where no type checker sees it.

# Floating-point operations a second that small models reach, far below the data sheets; they only
# weigh padding against compiling and give the first guess of the time.
_FLOPS = {"cpu": 5e10, "gpu": 2e13, "tpu": 2e13}


def local_devices(count: int | None = None) -> list[Device]:
  """This process's first ``count`` devices, or all.

  Raises:
    ValueError: there are fewer.
  """
  found = jax.local_devices()
  if count is not None and count > len(found):
    raise value_error("options: devices", count, f"at most {len(found)}, which this process has",
                      "Leave it out to use all")
  return found[:count]


def flops_per_second(devices: Sequence[Device]) -> float:
  """A rough guess of what these devices reach, for the planner."""
  platform = devices[0].platform
  # Virtual CPU devices share the one machine.
  return _FLOPS.get(platform, 2e13) * (1 if platform == "cpu" else len(devices))


def memory_limit(devices: Sequence[Device]) -> float:
  """Bytes that lanes may fill: 80 percent of the devices' memory, or half of the host's free."""
  stats = [d.memory_stats() if d.platform != "cpu" else None for d in devices]
  limits = [s["bytes_limit"] for s in stats if s and "bytes_limit" in s]
  if len(limits) == len(stats):
    return 0.8 * sum(limits)
  try:
    return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
  except (ValueError, OSError, AttributeError):
    return 4e9


def out_of_memory(error: BaseException) -> bool:
  """Whether an error says that the host or a device has no memory left."""
  text = str(error).lower()
  return isinstance(error, MemoryError) or "resource_exhausted" in text or "out of memory" in text


class Lanes:
  """Maps functions of one lane over all lanes of a group, on all its devices.

  Args:
    width: how many lanes there are.
    devices: where they go; the count of lanes is padded to a multiple of theirs.
  """

  def __init__(self, width: int, devices: Sequence[Device]):
    each = -(-width // min(len(devices), width))
    count = -(-width // each)  # Six lanes on four devices are two on each of three.
    self.devices = list(devices)[:count]
    self.padded = each * count
    self.width = width
    self.mesh = Mesh(np.array(self.devices), ("lanes",)) if count > 1 else None

  def map(self, function: Callable, name: str, shared: int = 0) -> Callable:
    """``function`` over a leading axis of lanes; all lanes share its last ``shared`` arguments.

    Profiles and the compile cache show the name.
    """

    def call(*args: Any) -> Any:
      mapped = len(args) - shared
      over = jax.vmap(function, in_axes=(0,) * mapped + (None,) * shared)
      if self.mesh is None:
        return over(*args)
      lanes, same = PartitionSpec("lanes"), PartitionSpec()
      return jax.shard_map(over, mesh=self.mesh, in_specs=(lanes,) * mapped + (same,) * shared,
                           out_specs=lanes, check_vma=False)(*args)

    call.__name__ = name
    return call

  @property
  def _where(self) -> Any:
    return (self.devices[0] if self.mesh is None
            else NamedSharding(self.mesh, PartitionSpec("lanes")))

  def struct(self, about: Any) -> jax.ShapeDtypeStruct:
    """Stands for an array [lanes, ...] on the devices."""
    where = SingleDeviceSharding(self._where) if self.mesh is None else self._where
    return jax.ShapeDtypeStruct(about.shape, about.dtype, sharding=where)

  def put(self, tree: Any) -> Any:
    """Puts host arrays [width, ...] onto the devices; padding lanes repeat lane 0."""
    def pad(x: np.ndarray) -> np.ndarray:
      extra = self.padded - self.width
      return x if not extra else np.concatenate([x, np.repeat(x[:1], extra, axis=0)])

    return jax.tree.map(lambda x: jax.device_put(pad(np.asarray(x)), self._where), tree)

  def get(self, tree: Any) -> Any:
    """Device arrays [lanes, ...] as host arrays [width, ...], without the padding."""
    jax.block_until_ready(tree)  # Unlike the copy, this wait lets Ctrl-C through.
    return jax.tree.map(lambda x: np.asarray(x)[:self.width], tree)
