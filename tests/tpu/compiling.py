# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compiles a program for TPUs that are not there: the wheel ``libtpu`` is the whole compiler.

Nothing runs. What is proven is that layouts, operations and memory suit the chip.
"""

import functools
import importlib.util
import os
import time
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import posenc_jax as px

# What libtpu would ask a machine of a cloud for.
_ENVIRONMENT = {"TPU_SKIP_MDS_QUERY": "1", "TPU_ACCELERATOR_TYPE": "v5litepod-4",
                "TPU_WORKER_HOSTNAMES": "localhost", "TPU_MIN_LOG_LEVEL": "3",
                "TPU_LOG_DIR": "disabled",
                # The compiler holds no chip, so two processes may load it.
                "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}


class Compiled(NamedTuple):
  """What the compiler says of a program.

  Attributes:
    seconds: of the processor, all threads, to trace, lower and compile: other work on the machine
      does not count.
    memory_mib: temporary memory of a chip.
    code_kib: size of the program.
    text: the compiled program.
  """

  seconds: float
  memory_mib: float
  code_kib: float
  text: str


def missing() -> str | None:
  """Why nothing can be compiled here, or None."""
  if importlib.util.find_spec("libtpu") is None:
    return "there is no libtpu: pip install 'jax[tpu]'"
  return None


@functools.cache
def devices(chip: str) -> tuple[Any, ...]:
  """The devices of a topology, such as "v5e:2x2"."""
  os.environ.update(_ENVIRONMENT)
  return tuple(topologies.get_topology_desc(topology_name=chip, platform="tpu").devices)


def mesh(chip: str, axis: str) -> Mesh:
  """All chips of a topology along one axis."""
  return Mesh(np.asarray(devices(chip)), (axis,))


def shapes(tree: Any, sharding: Any) -> Any:
  """A tree of arrays or shapes as shapes that live where ``sharding`` says."""
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree)


def on_one(tree: Any, chip: str) -> Any:
  """A tree of shapes on the first chip."""
  return shapes(tree, jax.sharding.SingleDeviceSharding(devices(chip)[0]))


def along(tree: Any, over: Mesh, *spec: str | None) -> Any:
  """A tree of shapes cut along the axes of a mesh."""
  return shapes(tree, NamedSharding(over, PartitionSpec(*spec)))


def compile_for_tpu(function, *args: Any) -> Compiled:
  """Traces, lowers and compiles; shapes carry the chips."""
  start = time.process_time()
  with px.config(platform="tpu"):
    compiled = jax.jit(function).lower(*args).compile()
  seconds = time.process_time() - start
  memory = compiled.memory_analysis()
  return Compiled(seconds, memory.temp_size_in_bytes / 2**20,
                  memory.generated_code_size_in_bytes / 2**10, compiled.as_text())
