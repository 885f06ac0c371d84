# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the functions and constructors of encodings ask of their arguments."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics

_MAY_BE_EMPTY = ("T", "S")  # tokens: a sequence may have none


def floats(argument: str, x: Any, letters: str, mend: str, *, sizes: dict[str, int] | None = None,
           stacked: bool = False, empty: tuple[str, ...] = _MAY_BE_EMPTY) -> Any:
  """``x`` if it is a float array of that shape; lists and Python numbers become NumPy float32.

  Args:
    argument: its name.
    x: what came; tracers and shapes without values pass.
    letters: the shape, such as "[num_buckets, N]" or "[..., T, N, H]".
    mend: how to build it.
    sizes: letters whose size is known.
    stacked: whether axes of lanes, to be taken by vmap, may stand in front (in constructors).
    empty: letters whose size may be 0.

  Returns:
    The array.

  Raises:
    TypeError: no array of floats.
    ValueError: another shape.
  """
  given = x
  if isinstance(x, list | tuple) or type(x) in (int, float):
    x = _as_array(x)
  kind = getattr(x, "dtype", None)
  if kind is None or not hasattr(x, "shape"):
    raise _errors.type_error(argument, _errors.describe(x), f"a float array {letters}", mend)
  names = letters.strip("[]").split(", ") if letters != "[]" else []
  lead, names = names[:1] == ["..."], [n for n in names if n != "..."]
  shape = tuple(x.shape)
  fits = len(shape) >= len(names) if lead or stacked else len(shape) == len(names)
  tail = shape[len(shape) - len(names):]
  if not fits or any((sizes or {}).get(n, m) != m for n, m in zip(names, tail, strict=False)):
    wanted = letters + "".join(f", {n} = {m}" for n, m in (sizes or {}).items())
    extra = len(shape) > len(names) and not lead
    came = f"shape {shape}" if shape else _errors.describe(given)
    raise _errors.value_error(
        argument, came, wanted,
        "An encoding with stacked leaves needs jax.vmap over the encoding" if extra else mend)
  if any(not m and n not in empty for n, m in zip(names, tail, strict=True)):
    raise _errors.value_error(argument, f"shape {shape}", f"{letters}, none of them 0", mend)
  if not _numerics.is_float(x) or np.dtype(kind).kind == "c":
    raise _errors.type_error(argument, _errors.describe(x), f"a float array {letters}", mend)
  return x


def _as_array(x):
  try:
    array = np.asarray(x)
  except ValueError:  # ragged lists
    return x
  return array.astype(np.float32) if array.dtype.kind in "iuf" else array


def key(value: Any) -> Any:
  """One PRNG key, typed or raw; an error for a seed, and for several keys in an array."""
  kind, shape = getattr(value, "dtype", None), tuple(getattr(value, "shape", ()))
  typed = kind is not None and jnp.issubdtype(kind, jax.dtypes.prng_key)
  raw = kind == np.uint32 and len(shape) >= 1
  if not typed and not raw:
    seed = value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
    raise _errors.type_error("key", _errors.describe(value), "a PRNG key",
                             f"Make one: jax.random.key({seed})")
  if several := shape if typed else shape[:-1]:
    raise _errors.value_error("key", f"an array of keys, shape {several}", "one PRNG key",
                              "Pass one of them, as keys[0], or take the function by jax.vmap")
  if raw and shape != (words := jax.eval_shape(jax.random.PRNGKey, 0).shape):
    raise _errors.value_error("key", _errors.describe(value), f"uint32{list(words)}, the words of "
                              "a key of JAX's default kind", "Make one: jax.random.key(0)")
  return value


def size(argument: str, value: Any, mend: str, *, least: int = 1) -> int:
  """A static size as an int, at least ``least``."""
  return _errors.check_int(argument, value, f"an int, at least {least}", mend, least=least)


def mask(value: Any, argument: str = "mask") -> Any:
  """None, or a mask of bools: numbers would be read as visible where they are not zero."""
  if value is not None and getattr(value, "dtype", None) != np.bool_:
    raise _errors.type_error(argument, _errors.describe(value), "bool, True where visible",
                             "Write mask != 0, or mask == 0 for one that adds -inf")
  return value


def positions(value: Any, argument: str = "positions", *, real: bool = False) -> Any:
  """Positions ``[...]``, but no plain Python int, which is a length more often than a position."""
  if isinstance(value, int) and not isinstance(value, bool | np.generic):
    raise _errors.type_error(argument, value, "positions, an array",
                             f"A length is no position: jnp.arange({value}) counts the tokens; "
                             f"for position {value} alone pass jnp.array({value})")
  return _align.numbers(value, argument, real=real)


def factor(argument: str, value: Any, mend: str) -> Any:
  """A number: a Python or NumPy number, or an array without axes."""
  shape = np.shape(value) if not hasattr(value, "shape") else tuple(value.shape)
  if shape:
    raise _errors.value_error(argument, f"shape {shape}", "a number", mend)
  return value


def fits(x: jax.Array, pairs: int, name: str) -> None:
  """Raises, in terms of the constructor's argument, if more dims would turn than a head has."""
  if 2 * pairs > x.shape[-1]:
    raise _errors.value_error(name, f"{2 * pairs} dims that turn",
                              f"at most the {x.shape[-1]} dims of a head",
                              f"Build it with {name} of the head dim H, not of the model width D")


def compat(value: Any) -> str:
  """What to follow where the two differ: "paper" or "released-code"."""
  _errors.check_choice("compat", value, ("paper", "released-code"))
  return value
