# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a family of released models says: settings, encodings, and where each tensor goes."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from posenc_jax import _errors
from posenc_jax.interop.layouts import split_qkv

Path = tuple[Any, ...]


class Tensor(NamedTuple):
  """One tensor of a file.

  Attributes:
    name: in the file.
    shape: that it must have.
    targets: for each parameter that it fills, what makes the one of the other.
    others: further names, of files written by other versions.
  """

  name: str
  shape: tuple[int, ...]
  targets: Mapping[Path, Callable[[np.ndarray], np.ndarray]]
  others: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Plan:
  """A model and the tensors that fill it.

  Args:
    vocabulary: V.
    options: arguments of ``TransformerLM`` from d_model on.
    encoding: builds the encodings of the layers.
    tensors: builds every tensor that the file must have, one after the other.
    spare: ends of names of tensors that no parameter needs, such as stored masks.
    head: the name of the output table.
    table: the name of the embedding table.
    prefix: of names, absent in files of the bare model.
    copies: further names that the embedding table may have in a file.
    decoder_encoding: of an encoder-decoder.
    model: "lm", "both" (an encoder-decoder) or "masked".
  """

  vocabulary: int
  options: Mapping[str, Any]
  encoding: Callable[[], Any]
  tensors: Callable[[], Iterator[Tensor]]
  spare: tuple[str, ...] = ()
  head: str = "lm_head.weight"
  table: str = "model.embed_tokens.weight"
  prefix: str = "model."
  copies: tuple[str, ...] = ()
  decoder_encoding: Callable[[], Any] | None = None
  model: str = "lm"


class Sizes(NamedTuple):
  """D, N, K, H and F."""

  d: int
  n: int
  k: int
  h: int
  f: int


def same(x: np.ndarray) -> np.ndarray:
  """x itself."""
  return x


def turned(*shape: int) -> Callable[[np.ndarray], np.ndarray]:
  """A weight [outputs, inputs] as [inputs, outputs], in the given shape."""
  return lambda x: np.ascontiguousarray(x.T).reshape(shape)


def shaped(*shape: int) -> Callable[[np.ndarray], np.ndarray]:
  """A bias in the given shape."""
  return lambda x: x.reshape(shape)


def table(name: str, vocabulary: int, d: int) -> Tensor:
  """The embedding table."""
  return Tensor(name, (vocabulary, d), {("embedding", "table"): same})


def head(name: str, vocabulary: int, d: int, *others: str) -> Tensor:
  """An output table of its own."""
  return Tensor(name, (vocabulary, d), {("head", "kernel"): turned(d, vocabulary)}, others)


def norm(name: str, path: Path, d: int, bias: bool = False) -> Iterator[Tensor]:
  """The gain, and the bias, of a norm."""
  yield Tensor(f"{name}.weight", (d,), {(*path, "scale"): same})
  if bias:
    yield Tensor(f"{name}.bias", (d,), {(*path, "bias"): same})


def projection(name: str, path: Path, d: int, heads: int, h: int, bias: bool) -> Iterator[Tensor]:
  """A projection to heads: path ends with query, key or value."""
  yield Tensor(f"{name}.weight", (heads * h, d), {path: turned(d, heads, h)})
  if bias:
    yield Tensor(f"{name}.bias", (heads * h,), {_biased(path): shaped(heads, h)})


def joining(name: str, path: Path, s: Sizes, bias: bool) -> Iterator[Tensor]:
  """The projection from heads: path is that of the attention."""
  yield Tensor(f"{name}.weight", (s.d, s.n * s.h), {(*path, "out"): turned(s.n, s.h, s.d)})
  if bias:
    yield Tensor(f"{name}.bias", (s.d,), {(*path, "out_bias"): same})


def fused(name: str, path: Path, s: Sizes, layout: str, bias: bool, inputs_first: bool = False
          ) -> Iterator[Tensor]:
  """q, k and v in one tensor, in a layout of ``split_qkv``."""
  rows = (s.n + 2 * s.k) * s.h

  def part(i, heads, flat):
    def cut(x):
      x = x.T if inputs_first and not flat else x
      x = split_qkv(x, heads=s.n, kv_heads=s.k, layout=layout)[i]
      return x.reshape(heads, s.h) if flat else turned(s.d, heads, s.h)(x)

    return cut

  parts = [("query", s.n), ("key", s.k), ("value", s.k)]
  shape = (s.d, rows) if inputs_first else (rows, s.d)
  yield Tensor(f"{name}.weight", shape, {(*path, p): part(i, heads, False)
                                         for i, (p, heads) in enumerate(parts)})
  if bias:
    yield Tensor(f"{name}.bias", (rows,), {(*path, f"{p}_bias"): part(i, heads, True)
                                           for i, (p, heads) in enumerate(parts)})


def dense(name: str, path: Path, inputs: int, outputs: int, bias: bool, inputs_first: bool = False
          ) -> Iterator[Tensor]:
  """A matrix of the feed-forward: path ends with up, gate or down."""
  shape = (inputs, outputs) if inputs_first else (outputs, inputs)
  yield Tensor(f"{name}.weight", shape, {path: same if inputs_first else turned(inputs, outputs)})
  if bias:
    yield Tensor(f"{name}.bias", (outputs,), {_biased(path): same})


def _biased(path: Path) -> Path:
  return (*path[:-1], f"{path[-1]}_bias")


_ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu": "gelu_exact", "gelu_new": "gelu",
                "gelu_pytorch_tanh": "gelu", "gelu_fast": "gelu", "relu": "relu",
                "relu2": "relu2"}


def activation(settings: Mapping, name: str, default: str) -> str:
  """The activation of the settings under the name that ``Settings`` has for it."""
  found = settings.get(name, default)
  _errors.check_choice(name, found, tuple(_ACTIVATIONS))
  return _ACTIVATIONS[found]


def flag(settings: Mapping, name: str, default: bool) -> bool:
  """A bool of the settings."""
  return _errors.check_bool(name, settings.get(name, default), "JSON writes true or false")


def refuse(settings: Mapping, **wanted: Any) -> None:
  """Raises if a setting is there and is not what is wanted.

  Raises:
    ValueError: names the setting; what it switches on is not built.
  """
  for name, value in wanted.items():
    if settings.get(name, value) != value:
      raise _errors.value_error("config", f"{name}={settings[name]!r}", f"{value!r}",
                                "What it switches on is not built here")
