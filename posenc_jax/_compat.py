# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The few JAX names that moved between the oldest and the newest supported release."""

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

import jax


def enable_x64(enabled: bool = True) -> contextlib.AbstractContextManager:
  """Returns a context in which new arrays may be 64 bits wide (or, with False, may not).

  `jax.enable_x64` became public after JAX 0.7; `jax.experimental.enable_x64` was gone by 0.10.

  Args:
    enabled: whether 64-bit types are allowed inside the context.

  Returns:
    A context manager; leaving it restores the previous setting.

  Example:
    >>> import jax.numpy as jnp
    >>> with enable_x64():
    ...   print(jnp.float64(1.0).dtype)
    float64
  """
  if hasattr(jax, "enable_x64"):
    return jax.enable_x64(enabled)
  return importlib.import_module("jax.experimental").enable_x64(enabled)


def shard_map(f, *, mesh, axis: str, in_specs, out_specs):
  """`jax.shard_map` by hand over one axis of a mesh; the compiler keeps the other axes.

  The body is not checked for values that differ between devices, because JAX would then ask every
  encoding to mark them inside its loops. Jitted, as older releases take a part of the axes only so.
  The mesh's axes count as automatic: see `without_explicit_axes`.

  Args:
    f: the function of one device.
    mesh: a `jax.sharding.Mesh`.
    axis: the mesh axis that the specs name.
    in_specs, out_specs: as for `jax.shard_map`.

  Returns:
    A function of global arrays.

  Example:
    >>> import jax.numpy as jnp
    >>> from jax.sharding import Mesh, PartitionSpec
    >>> mesh = Mesh(jax.devices()[:1], ("x",))
    >>> double = shard_map(lambda x: 2 * x, mesh=mesh, axis="x", in_specs=PartitionSpec("x"),
    ...                    out_specs=PartitionSpec("x"))
    >>> double(jnp.arange(2)).tolist()
    [0, 2]
  """
  automatic = jax.sharding.Mesh(mesh.devices, mesh.axis_names)
  return jax.jit(jax.shard_map(f, mesh=automatic, in_specs=in_specs, out_specs=out_specs,
                               axis_names={axis}, check_vma=False))


def without_explicit_axes(f: Callable[..., Any], like: jax.Array,
                          cut: dict[int, str] | None = None, *, last: jax.Array | None = None
                          ) -> Callable[..., Any]:
  """Lets ``f`` run where no mesh axis is explicit, whatever mesh its arrays live on.

  `jax.make_mesh` makes explicit axes in newer releases and automatic ones in older releases. Under
  explicit axes every operation must say how its result is cut, which code for both cannot.

  Args:
    f: any function of PyTrees of arrays.
    like: the array that says which mesh is in use, and how the result is cut.
    cut: mesh axes of those dimensions of the result that are cut otherwise.
    last: an array whose last dimension is that of the result; None if ``like`` has it.

  Returns:
    ``f``, or ``f`` under `jax.sharding.auto_axes`.

  Example:
    >>> import jax.numpy as jnp
    >>> x = jnp.arange(2)
    >>> without_explicit_axes(lambda x: 2 * x, x)(x).tolist()
    [0, 2]
  """
  explicit = jax.sharding.AxisType.Explicit
  sharding = jax.typeof(like).sharding
  typed = explicit in getattr(sharding.mesh, "axis_types", ())
  mesh = sharding.mesh if typed else jax.sharding.get_abstract_mesh()
  if explicit not in mesh.axis_types:
    return f
  spec = dict(enumerate(sharding.spec if typed else (None,) * like.ndim)) | (cut or {})
  if typed and last is not None:
    *_, own = jax.typeof(last).sharding.spec
    others = [axis for i, axis in spec.items() if i < like.ndim - 1]
    spec[like.ndim - 1] = None if own in others else own
  return jax.sharding.auto_axes(
      f, out_sharding=jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*spec.values())))


def vary_as(x: jax.Array, like: jax.Array) -> jax.Array:
  """x as a value that may differ between the devices between which ``like`` may.

  Inside `jax.shard_map` a loop's carry must begin with the type with which it ends, and what is
  made of constants is taken to be the same on every device.

  Args:
    x, like: arrays.

  Returns:
    x.

  Example:
    >>> import jax.numpy as jnp
    >>> vary_as(jnp.zeros(2), jnp.ones(3)).tolist()
    [0.0, 0.0]
  """
  return _vary(x, _varying(like))


def vary_together(tree):
  """Arrays that may differ between the same devices: those between which any of them may.

  Args:
    tree: any PyTree of arrays.

  Returns:
    The same tree.

  Example:
    >>> import jax.numpy as jnp
    >>> [x.tolist() for x in vary_together((jnp.ones(1), jnp.ones(2)))]
    [[1.0], [1.0, 1.0]]
  """
  axes = frozenset().union(*map(_varying, jax.tree.leaves(tree)))
  return jax.tree.map(lambda x: _vary(x, axes), tree) if axes else tree


def _varying(x) -> frozenset:
  """Names of the mesh axes along which x may differ."""
  kind = jax.typeof(x)
  if hasattr(kind, "manual_axis_type"):  # `vma` until JAX 0.9
    return kind.manual_axis_type.varying
  return kind.vma


def _vary(x, axes):
  axes = tuple(sorted(axes - _varying(x)))
  if not axes:
    return x
  if hasattr(jax.lax, "pcast"):  # `pvary` until JAX 0.8
    return jax.lax.pcast(x, axes, to="varying")
  lax: Any = jax.lax
  return lax.pvary(x, axes)
