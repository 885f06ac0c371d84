# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which layer gets which encoding: lists with one entry a layer, as ``nn`` models take them.

Models differ less in their encodings than in where they stand: none on every fourth layer
(SmolLM3, Llama 4's iRoPE, RNoPE-SWA), two bases (Gemma 3). The entries are ordinary encodings, and
None is no encoding.
"""

from collections.abc import Sequence
from typing import Any

from posenc_jax import _errors
from posenc_jax.base import Encoding, check_encoding_argument
from posenc_jax.chain import chain
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases.local_chunks import LocalChunks
from posenc_jax.encodings.biases.local_window import LocalWindow
from posenc_jax.encodings.rotations.rotary import Rotary
from posenc_jax.encodings.rotations.scaling.linear import linear_frequencies

Layers = list[Encoding | None]


def layer_pattern(num_layers: int, pattern: Sequence[Encoding | None]) -> Layers:
  """The pattern from the first layer on, repeated to the last; it need not end there.

  Args:
    num_layers: how many layers.
    pattern: the encodings of successive layers.

  Returns:
    A list for the ``encoding`` of a model in ``posenc_jax.nn``.

  Raises:
    TypeError: an entry that is no encoding.
    ValueError: no layers, an empty pattern.

  Example:
    >>> layer_pattern(3, [Rotary(4), None])
    [Rotary(dim=4, base=10000.0), None, Rotary(dim=4, base=10000.0)]
  """
  num_layers = _checks.size("num_layers", num_layers, "Pass the layers of the model")
  if not pattern:
    raise _errors.value_error("pattern", "no entries", "at least one", "Pass [encoding]")
  for i, entry in enumerate(pattern):
    check_encoding_argument(entry, f"pattern[{i}]")
  return [pattern[i % len(pattern)] for i in range(num_layers)]


def nope_layers(num_layers: int, encoding: Encoding, *, every: int = 4) -> Layers:
  """``encoding`` on all layers but each ``every``-th, which has none (SmolLM3: every fourth).

  Args:
    num_layers: how many layers.
    encoding: of the others.
    every: counted from 1.

  Returns:
    A list for the ``encoding`` of a model in ``posenc_jax.nn``.

  Example:
    >>> nope_layers(5, Rotary(4)).index(None)
    3
  """
  return layer_pattern(num_layers, [encoding] * (_every(every) - 1) + [None])


def rnope_swa_layers(num_layers: int, encoding: Encoding, *, window: int, every: int = 4) -> Layers:
  """RNoPE-SWA: ``encoding`` in a sliding window, and on each ``every``-th layer none and no window.

  Args:
    num_layers: how many layers.
    encoding: of the layers with a window.
    window: a query sees the keys at distances below it.
    every: counted from 1.

  Returns:
    A list for the ``encoding`` of a model in ``posenc_jax.nn``.

  References:
    Yang et al. 2025, arXiv 2501.18795.

  Example:
    >>> rnope_swa_layers(4, Rotary(4), window=8)[2:]
    [Chain(Rotary(dim=4, base=10000.0), LocalWindow(window=8)), None]
  """
  return nope_layers(num_layers, chain(encoding, LocalWindow(window)), every=every)


def irope_layers(num_layers: int, encoding: Encoding, *, chunk: int = 8192, every: int = 4,
                 norm: Encoding | None = None, temperature: Encoding | None = None) -> Layers:
  """iRoPE of Llama 4: ``encoding`` in chunks, and on each ``every``-th layer none and no chunks.

  Args:
    num_layers, encoding: of the rotary layers.
    chunk: positions that see each other there.
    every: 4 in Llama 4.
    norm: acts on q and k after the rotation, on the rotary layers.
    temperature: of the layers without rotation.

  Returns:
    A list for the ``encoding`` of a model in ``posenc_jax.nn``.

  Example:
    >>> irope_layers(4, Rotary(4, pairing="interleaved"))[3] is None
    True
  """
  rotary = chain(*(e for e in (encoding, norm, LocalChunks(chunk)) if e is not None))
  check_encoding_argument(temperature, "temperature")
  return layer_pattern(num_layers, [rotary] * (_every(every) - 1) + [temperature])


def two_base_layers(num_layers: int, dim: int, *, window: int = 1024, local_base: Any = 10_000.0,
                    base: Any = 1_000_000.0, factor: float = 8.0, every: int = 6,
                    pairing: str = "half") -> Layers:
  """Gemma 3: a small base in a window, and a large one, interpolated, on each ``every``-th layer.

  Args:
    num_layers, dim: of the model and of its heads.
    window: of the local layers (Gemma 3: 1024, in its smallest models 512).
    local_base, base: B of the local and of the other layers.
    factor: s of the position interpolation of the other layers (1 in the smallest model).
    every: 6 in Gemma 3.
    pairing: as in ``Rotary``.

  Returns:
    A list for the ``encoding`` of a model in ``posenc_jax.nn``.

  Example:
    >>> two_base_layers(6, 4)[5]
    Rotary(frequencies=Frequencies([0.125, 0.000125]))
  """
  local = chain(Rotary(dim, base=local_base, pairing=pairing), LocalWindow(window))
  far = Rotary.from_frequencies(linear_frequencies(dim, factor, base=base), pairing=pairing)
  return layer_pattern(num_layers, [local] * (_every(every) - 1) + [far])


def _every(every):
  return _checks.size("every", every, "Llama 4 and SmolLM3 have 4, Gemma 3 has 6", least=2)
