# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Numbers that name tokens (positions, orders, segments, lengths), in whatever container they come.

Everything leaves this file as int32 or as float32/float64, so no later code subtracts unsigned or
narrow integers. What is known on the host and does not fit is refused; what is known only inside a
trace is cast.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics

_LEAST, _MOST = -(2**31), 2**31 - 1


def numbers(x: Any, argument: str, *, real: bool = False) -> Any:
  """An array of int32 (or, if ``real``, of float32/float64) from any container and integer dtype.

  Args:
    x: an array, a number, a list, a tuple or a range.
    argument: its name, for errors.
    real: whether floats are allowed.

  Returns:
    NumPy if NumPy or a container came, else a ``jax.Array``.

  Raises:
    TypeError: bools, text, complex numbers, 16-bit floats, floats where integers are wanted.
    ValueError: a known value outside int32; NaN or infinity.
  """
  wanted = "int32, or float32 for real-valued positions" if real else "integers"
  if not hasattr(x, "dtype") or not hasattr(x, "shape"):
    x = _from_container(x, argument, wanted)
  if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
    raise _errors.type_error(argument, "a PRNG key", wanted, "Pass positions here, the key as key=")
  kind = jnp.dtype(x.dtype)
  if jnp.issubdtype(kind, jnp.integer):
    return _int32(x, argument)
  if not jnp.issubdtype(kind, jnp.floating) or not real:
    raise _errors.type_error(argument, kind.name, wanted, "Convert with .astype(jnp.int32)")
  if kind.itemsize < 4:
    raise _errors.type_error(
        argument, kind.name, wanted, f"{kind.name} cannot hold every integer above "
        f"{256 if kind.name == 'bfloat16' else 2048}; pass int32 positions")
  return _real(x, argument)


def _from_container(x, argument, wanted):
  try:
    array = np.asarray(x)
  except Exception:  # ragged lists, or lists of tracers
    array = None
  if array is None or array.dtype.kind not in "iuf":
    if array is not None and array.size and all(type(n) is int for n in array.flat):
      raise _outside(argument, max(array.flat, key=abs))
    came = _errors.describe(x)
    if array is not None and isinstance(x, list | tuple):
      came = f"{type(x).__name__} of {array.dtype.name}"
    raise _errors.type_error(argument, came, f"an array of {wanted}",
                             "Convert with jnp.asarray(.., jnp.int32)")
  return array.astype(np.int32) if array.size == 0 else array


def _int32(x, argument):
  if np.dtype(x.dtype) == np.int32:
    return x
  if np.dtype(x.dtype).itemsize >= 4:
    value = _numerics.known(x)
    if value is not None and value.size:
      low, high = int(value.min()), int(value.max())
      if low < _LEAST or high > _MOST:
        raise _outside(argument, low if low < _LEAST else high)
  return x.astype(np.int32)


def _outside(argument, value):
  return _errors.value_error(argument, value, "numbers of int32, -2^31 to 2^31 - 1",
                             "Subtract a common origin, as only differences are compared")


def _real(x, argument):
  value = _numerics.known(x)
  if value is not None and value.size:
    if not np.isfinite(value).all():
      raise _errors.value_error(argument, "NaN or infinity", "finite positions",
                                "Give padding any finite position and mask it out")
    if np.abs(value).max() >= 2.0**31:
      raise _errors.value_error(argument, float(value.flat[np.abs(value).argmax()]),
                                "positions below 2^31 in size",
                                "Subtract a common origin, or count in a larger unit")
    if isinstance(x, np.ndarray | np.generic) and value.dtype == np.float64:
      return _single(value, argument)
  return x


def _single(value, argument):
  """float64 NumPy positions, as what JAX will make of them."""
  config: Any = jax.config  # gets its attributes while JAX is imported
  if config.jax_enable_x64:
    return value
  single = value.astype(np.float32)
  if np.abs(single.astype(np.float64) - value).max() > 1e-3:
    raise _errors.value_error(
        argument, "float64 positions that float32 moves by more than 0.001",
        "positions that float32 holds",
        "Subtract a common origin before the call, or enable 64-bit JAX (jax_enable_x64)")
  return single


def align_array(positions: Any, batch: int, length: int, axes: int, argument: str, *,
                sizes: tuple[int | None, ...] = (), real: bool = True) -> Any:
  """Checks positions ``[..., T, *axes]`` and gives them all ``batch`` leading axes.

  Args:
    positions: see ``numbers``; missing batch axes are added with size 1.
    batch: how many axes stand before T.
    length: T.
    axes: how many axes stand after T.
    argument: its name, for errors.
    sizes: of the axes after T, None where any size will do.
    real: whether floats are allowed.

  Returns:
    The array; T is its axis ``batch``.

  Raises:
    TypeError, ValueError: as ``numbers``; a shape that does not fit.
  """
  positions = numbers(positions, argument, real=real)
  shape, after = tuple(positions.shape), len(tuple(positions.shape)) - axes
  letters = "".join(f", {'P' if n is None else n}" for n in sizes or (None,) * axes)
  wanted = f"[..., T{letters}] with T = {length} and at most {batch} batch axes in front"
  fits = (1 <= after <= batch + 1 and shape[after - 1] == length
          and all(n in (None, m) for n, m in zip(sizes, shape[after:], strict=False)))
  if not fits:
    raise _errors.value_error(argument, f"shape {shape}", wanted,
                              _mend(shape, batch, length, axes, sizes))
  missing = batch + 1 - after
  return positions.reshape((1,) * missing + shape) if missing else positions


def _mend(shape, batch, length, axes, sizes):
  """How to make such a shape fit."""
  count = sizes[0] if len(sizes) == 1 else None
  if axes == 1:
    if len(shape) >= 2 and shape[-1] == length and shape[0] == count:
      return "The ids of the axes come last: jnp.moveaxis(positions, 0, -1)"
    if shape and shape[-1] == length and len(shape) <= batch + 1:
      return (f"Stack the ids of the {count or 'P'} axes, equal ones for text: "
              f"jnp.stack([p] * {count or 'P'}, axis=-1)")
    if count and len(shape) >= 2 and shape[-2] == length:
      return f"The encoding reads {count} numbers a token; leave the other axes out"
  if axes == 0 and len(shape) >= 2 and shape[-2] == length:
    return "To read one of several axes, wrap the encoding: px.along(axis, encoding)"
  if not shape:
    return f"A length is no position: jnp.arange({length}) counts the tokens from 0"
  return "Positions belong to the tokens of this call: slice them as the tokens were sliced"
