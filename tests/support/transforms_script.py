# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention on 8 devices, by hand and on explicit meshes, for tests/attention/test_transforms.py.

    JAX_NUM_CPU_DEVICES=8 python -W error -m tests.support.transforms_script [every]

prints one JSON object, from the name of each case to its error: the largest difference to one
device, relative to the largest value; null where JAX cannot do it for a mask, whoever asks. Without
"every", only of what is long enough for tiles.
"""

import functools
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from tests.support import transforms

BATCH = 4
TOKENS = PartitionSpec("batch", None, "heads")


def value_and_gradients(f, x):
  return jax.value_and_grad(lambda x: jnp.sum(jnp.sin(f(x))))(x)


def derivative(f, x):
  """Of the output, along a direction."""
  return jax.jvp(f, (x,), (jax.tree.map(jnp.cos, x),))[1]


def by_hand(f, x):
  """Gradients through ``jax.shard_map``; each device knows one example, and all leaves."""
  return value_and_gradients(_over_batch(f), x)


def inside(f, x):
  """Gradients taken by each device, in which JAX sums those of what is shared."""
  def local(x):
    total, gradients = value_and_gradients(f, x)
    return jax.lax.psum(total, "batch"), gradients

  each = PartitionSpec("batch")
  specs = (each, each, each, PartitionSpec())
  return jax.shard_map(local, mesh=_line(), in_specs=(specs,),
                       out_specs=(PartitionSpec(), specs))(x)


def forward_by_hand(f, x):
  """Forward mode through ``jax.shard_map``."""
  return derivative(_over_batch(f), x)


def twice_by_hand(f, x):
  """Reverse over reverse through ``jax.shard_map``."""
  return transforms.TRANSFORMS["reverse over reverse"](_over_batch(f), x)


def explicit(f, x, *, wrap=lambda f: f, ask=value_and_gradients):
  """On what ``jax.make_mesh`` makes in newer releases, batch and heads cut."""
  mesh = jax.make_mesh((4, 2), ("batch", "heads"), axis_types=(AxisType.Explicit,) * 2)
  with jax.set_mesh(mesh):
    put = lambda spec: lambda y: jax.device_put(y, NamedSharding(mesh, spec))
    x = (*map(put(TOKENS), x[:3]), [put(PartitionSpec())(y) for y in x[3]])
    out = jax.typeof(wrap(f)(x)).sharding.spec
    assert out == PartitionSpec("batch", None, "heads", None), out
    return wrap(functools.partial(ask, f))(x)


def _line():
  return jax.sharding.Mesh(np.array(jax.devices()[:BATCH]), ("batch",))


def _over_batch(f):
  each = PartitionSpec("batch")
  return jax.shard_map(f, mesh=_line(), in_specs=((each, each, each, PartitionSpec()),),
                       out_specs=each)


# Name: how sharded, and what of one device it equals.
KINDS = {
  "shard_map": (by_hand, value_and_gradients),
  "gradients inside shard_map": (inside, value_and_gradients),
  "explicit axes": (functools.partial(explicit, wrap=jax.jit), value_and_gradients),
  "jvp in shard_map": (forward_by_hand, derivative),
  "reverse over reverse in shard_map": (twice_by_hand,
                                        transforms.TRANSFORMS["reverse over reverse"]),
  "jvp under explicit axes": (functools.partial(explicit, ask=derivative, wrap=jax.jit),
                              derivative),
  "reverse over reverse under explicit axes": (
      functools.partial(explicit, wrap=jax.jit, ask=transforms.TRANSFORMS["reverse over reverse"]),
      transforms.TRANSFORMS["reverse over reverse"]),
  "explicit axes without jit": (explicit, value_and_gradients),
}
DAILY = ("gradients inside shard_map", "explicit axes"), ("alibi", "t5 traced")


def error(kind, name, implementation, length):
  run, alone = KINDS[kind]
  make, traced = transforms.ENCODINGS[name]
  encoding = make()
  x = transforms.numbers(length, encoding, BATCH)
  got = run(transforms.call(encoding, traced, implementation), x)
  wanted = alone(transforms.call(encoding, traced, "reference"), x)
  errors = [float(np.abs(np.asarray(a) - b).max() / (1 + np.abs(b).max())) for a, b in zip(
      jax.tree.leaves(got), map(np.asarray, jax.tree.leaves(wanted)), strict=True)]
  return max(errors)


@functools.cache
def can_differentiate_twice() -> bool:
  """Whether JAX takes reverse over reverse of a mask in shard_map: 0.7 does not."""
  masked = _over_batch(lambda x: jnp.where(x[0] > 0, x[0], 0.0) ** 2)
  x = (jnp.arange(4.0),) * 3 + ([],)
  try:
    transforms.TRANSFORMS["reverse over reverse"](masked, x)
  except TypeError:
    return False
  return True


def cases(every):
  """(kind, encoding, implementation, length) of each case."""
  for kind in KINDS:
    for name in transforms.ENCODINGS:
      for implementation in ("reference", "rows", "auto"):
        for length in (8, 64):
          daily = kind in DAILY[0] and name in DAILY[1]
          if every or daily and (implementation, length) == ("rows", 64):
            yield kind, name, implementation, length


def main():
  jax.config.update("jax_numpy_dtype_promotion", "strict")
  jax.config.update("jax_numpy_rank_promotion", "raise")
  found = {}
  for case in cases(sys.argv[1:] == ["every"]):
    label = ", ".join(map(str, case))
    if case[0] == "reverse over reverse in shard_map" and not can_differentiate_twice():
      found[label] = None
      continue
    try:
      found[label] = error(*case)
    except Exception as e:  # of all cases, not only the first that fails
      found[label] = f"{type(e).__name__}: {str(e)[:500]}"
  print(json.dumps(found))


if __name__ == "__main__":
  main()
