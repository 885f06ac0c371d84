# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the layers of a model share: sizes, norms, dropout and dtypes, checked once."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.attention import IMPLEMENTATIONS
from posenc_jax.attention.hiding import check_window as check_window
from posenc_jax.nn import keywords

ACTIVATIONS = {"gelu": jax.nn.gelu, "gelu_exact": functools.partial(jax.nn.gelu, approximate=False),
               "relu": jax.nn.relu, "relu2": lambda x: jnp.square(jax.nn.relu(x)),
               "silu": jax.nn.silu,
               "gelu_sigmoid": lambda x: x * jax.nn.sigmoid(jnp.asarray(1.702, x.dtype) * x)}
NORMS = ("pre", "post", "sandwich", "branch")
NORM_KINDS = ("layer", "rms", "rms_one")
BRANCHES = ("serial", "parallel", "shared")
BIASES = ("none", "qkv", "all")
QK_NORMS = ("none", "head", "width", "layer")
PLACES = ("before", "after")


class Active(NamedTuple):
  """How many columns, heads, key heads and hidden units are in use; ints, or traced."""

  d_model: Any
  num_heads: Any
  kv_heads: Any
  d_ff: Any


@keywords.checked()
@dataclasses.dataclass(frozen=True)
class Settings:
  """Sizes and choices shared by the layers of a model.

  Args:
    d_model: D.
    num_layers: how many blocks.
    num_heads: N; None takes D // head_dim.
    head_dim: H; None takes D // num_heads.
    kv_heads: K, of which N is a multiple; None takes N.
    d_ff: hidden units of the feed-forward; None takes 4 D.
    norm: "pre" (norms before each branch and at the end), "post" (after the residual sum; Vaswani
      et al. 2017), "sandwich" (before and after each branch, and at the end; Gemma 2) or "branch"
      (after each branch, before the sum, and at the end; OLMo 2).
    norm_kind: "layer", "rms" (Zhang and Sennrich 2019, arXiv 1910.07467) or "rms_one", which
      multiplies by 1 + w (Gemma).
    norm_bias: whether "layer" has a bias; Cohere's has none.
    norm_epsilon: added to the variance.
    embedding_norm: whether the embeddings pass a norm before the layers (BERT, BLOOM).
    activation: of the feed-forward: "gelu" (its tanh form), "gelu_exact", "relu" (as Vaswani et
      al.), "relu2" (its square; Primer), "silu" or "gelu_sigmoid", x sigmoid(1.702 x) (gpt-oss).
    gated: whether the activation multiplies a second projection (Shazeer 2020, arXiv 2002.05202):
      SwiGLU is "silu", GeGLU "gelu".
    gate_clip: None, or c of a gate whose input is cut off above c, while the other projection is
      cut to [-c, c] and 1 is added to it (gpt-oss).
    feed_forward_bias: whether the feed-forward, and the router of its experts, has biases.
    experts, experts_per_token: how many feed-forwards a layer has, and how many of them a token
      passes (see ``posenc_jax.nn.experts``); None for one.
    attention_bias: "none", "qkv" (Qwen2) or "all" (GPT-2).
    qk_norm: "none", "head" (a norm of each head's q and k; Qwen3) or "width" (of all heads at once;
      OLMo 2), RMS with a gain, of the settings' 1 + w where norm_kind is "rms_one"; or "layer", a
      LayerNorm of each head without bias, each head with a gain of its own (Command R+).
    qk_norm_place: "before" or "after" the encoding acts on q and k. After it, a gain that differs
      within a pair of dims makes rotary attention depend on more than the distance.
    soft_cap: None, or c of c tanh(scores / c) in every attention (Gemma 2).
    sinks: whether each self-attention has one learned sink a head (gpt-oss).
    branches: "serial", "parallel" (attention and feed-forward on the same x, a norm each; GPT-NeoX)
      or "shared" (the same on one norm; GPT-J, Cohere).
    embedding_scale: multiplies the embeddings; None is sqrt(D) (Vaswani et al., section 3.4).
    logit_scale: multiplies the logits (Cohere).
    logit_cap: None, or c of c tanh(logits / c) (Gemma 2).
    dropout: rate on the embeddings' sum and on every residual branch (Vaswani et al., section 5.4);
      may be traced.
    attention_dropout: rate on the weights of self-attention, which then runs in the dense way.
    window: None, w or (left, right): as in ``attend``, in every self-attention.
    windows: None, or one window a layer in place of ``window``, None for layers without.
    remat: whether layers are computed again in the backward pass in place of being kept.
    scan: whether the layers, which must be alike, are one loop of the compiled program: it compiles
      in the time of one layer, and each call copies their parameters (``posenc_jax.nn.scanned``).
    scale: multiplies q k^T; None is 1 / sqrt(H) (T5 uses 1.0).
    implementation: as in ``attend``.
    dtype: what is computed in; None takes param_dtype. Norms, softmax and logits use at least
      float32.
    param_dtype: of the parameters.

  Raises:
    ValueError: sizes that do not divide or are not positive, unknown names, a rate outside [0, 1).
    TypeError: sizes that are not ints, dtypes that are not floating.

  Example:
    >>> Settings(64, num_layers=2, head_dim=16).num_heads
    4
  """

  d_model: int
  num_layers: int
  # Ints after __post_init__.
  num_heads: int = None  # type: ignore[assignment]
  head_dim: int = None  # type: ignore[assignment]
  kv_heads: int = None  # type: ignore[assignment]
  d_ff: int = None  # type: ignore[assignment]
  norm: str = "pre"
  norm_kind: str = "layer"
  norm_bias: bool = True
  norm_epsilon: float = 1e-6
  embedding_norm: bool = False
  activation: str = "gelu"
  gated: bool = False
  gate_clip: float | None = None
  experts: int | None = None
  experts_per_token: int | None = None
  feed_forward_bias: bool = True
  attention_bias: str = "none"
  qk_norm: str = "none"
  qk_norm_place: str = "before"
  soft_cap: float | None = None
  sinks: bool = False
  branches: str = "serial"
  embedding_scale: float | None = None
  logit_scale: float = 1.0
  logit_cap: float | None = None
  dropout: Any = 0.0
  attention_dropout: Any = 0.0
  window: int | tuple[int, int] | None = None
  windows: Any = None
  remat: bool = False
  scan: bool = False
  scale: float | None = None
  implementation: str = "auto"
  dtype: Any = None
  param_dtype: Any = jnp.float32

  def __post_init__(self):
    d_model = check_size("d_model", self.d_model)
    heads = resolve_heads(d_model, self.num_heads, self.head_dim, self.kv_heads)
    d_ff = 4 * d_model if self.d_ff is None else check_size("d_ff", self.d_ff)
    for name, choices in _CHOICES.items():
      _errors.check_choice(name, getattr(self, name), choices)
    for name in ("norm_bias", "embedding_norm", "gated", "feed_forward_bias", "sinks",
                 "remat", "scan"):
      _errors.check_bool(name, getattr(self, name), "It shapes the program: pass a Python bool")
    for name in ("norm_epsilon", "soft_cap", "embedding_scale", "logit_scale", "logit_cap",
                 "gate_clip"):
      if getattr(self, name) is not None or name in ("norm_epsilon", "logit_scale"):
        _errors.check_positive(name, getattr(self, name), "Leave it out for the default")
    for name in ("dropout", "attention_dropout"):
      check_rate(name, getattr(self, name))
    if self.branches != "serial" and self.norm == "post":
      raise _errors.value_error("branches", f"{self.branches!r} with norm='post'", "'serial'",
                                "Parallel branches have one sum, and norms before or after them")
    if self.gate_clip is not None and not self.gated:
      raise _errors.value_error("gate_clip", self.gate_clip, "None, as there is no gate",
                                "Pass gated=True")
    experts, chosen = check_experts(self.experts, self.experts_per_token)
    dtype, param_dtype = resolve_dtypes(self.dtype, self.param_dtype)
    num_heads, head_dim, kv_heads = heads
    layers, window = check_size("num_layers", self.num_layers), check_window(self.window)
    windows = check_windows(self.windows, window, layers)
    if self.scan and len(set(windows or ())) > 1:
      raise _errors.value_error("scan", f"True with windows {windows}", "layers that are alike",
                                "Leave out scan, or give all layers one window")
    for name, value in dict(d_model=d_model, num_layers=layers, num_heads=num_heads,
                            head_dim=head_dim, kv_heads=kv_heads, d_ff=d_ff, dtype=dtype,
                            param_dtype=param_dtype, window=window, windows=windows,
                            experts=experts, experts_per_token=chosen).items():
      object.__setattr__(self, name, value)

  def window_of(self, layer: int):
    """The window of one layer: (left, right) or None."""
    return self.window if self.windows is None else self.windows[layer]

  def active(self, active_width=None) -> Active:
    """The counts in use at an active width; None is all of D.

    Raises:
      ValueError: a known width that is too large or does not hold whole heads.
    """
    return active_counts(active_width, self.d_model, self.num_heads, self.kv_heads, self.d_ff)


NAMES = tuple(f.name for f in dataclasses.fields(Settings))
_CHOICES = {"norm": NORMS, "norm_kind": NORM_KINDS, "activation": tuple(ACTIVATIONS),
            "attention_bias": BIASES, "qk_norm": QK_NORMS, "qk_norm_place": PLACES,
            "branches": BRANCHES, "implementation": IMPLEMENTATIONS}


def check_rate(name: str, rate: Any) -> None:
  """Raises unless this is a rate in [0, 1), or traced."""
  if _numerics.known(rate) is not None and not 0 <= rate < 1:
    raise _errors.value_error(name, rate, "a rate in [0, 1)", "Vaswani et al. use 0.1")


def check_windows(windows: Any, window: Any, layers: int):
  """One checked window a layer, or None."""
  if windows is None:
    return None
  if window is not None:
    raise _errors.value_error("window, windows", "both", "one of them",
                              "window holds for all layers, windows has an entry for each")
  if not isinstance(windows, tuple | list) or len(windows) != layers:
    came = f"{len(windows)} entries" if isinstance(windows, tuple | list) else _errors.describe(
        windows)
    raise _errors.value_error("windows", came, f"a list with one entry for each of {layers} layers",
                              "Write None for layers that see everything")
  return tuple(check_window(w) for w in windows)


def check_experts(experts, chosen) -> tuple[int | None, int | None]:
  """Both counts as ints, or None for one feed-forward.

  Raises:
    ValueError: one without the other, or more chosen than there are.
  """
  if experts is None and chosen is None:
    return None, None
  if experts is None or chosen is None:
    raise _errors.value_error("experts, experts_per_token", f"{experts} and {chosen}",
                              "both or neither", "gpt-oss has 32 and 4")
  experts = _errors.check_int("experts", experts, "an int, at least 1", "Sizes shape the program",
                              least=1)
  chosen = _errors.check_int("experts_per_token", chosen, "an int, at least 1",
                             "Sizes shape the program", least=1)
  if chosen > experts:
    raise _errors.value_error("experts_per_token", chosen, f"at most the {experts} experts",
                              "gpt-oss has 32 and 4")
  return experts, chosen


def make_settings(d_model, num_layers, num_heads, options: Mapping[str, Any]) -> Settings:
  """The ``Settings`` of a model's keyword arguments."""
  return Settings(d_model, num_layers, num_heads, **options)


def check_size(name: str, value: Any) -> int:
  """The value as a Python int; an error unless it is an int of at least 1."""
  return _errors.check_int(name, value, "an int, at least 1", "Sizes shape the program", least=1)


def resolve_heads(d_model: int, num_heads, head_dim, kv_heads) -> tuple[int, int, int]:
  """(N, H, K) from whichever of the head counts and the head dim are given."""
  if num_heads is None and head_dim is None:
    raise _errors.value_error("num_heads, head_dim", "neither", "at least one of them",
                              "Give the number of heads or the dim of each")
  num_heads, head_dim, kv_heads = (
      None if value is None else check_size(name, value) for name, value in
      (("num_heads", num_heads), ("head_dim", head_dim), ("kv_heads", kv_heads)))
  if num_heads is None:
    num_heads = _divide(d_model, head_dim, "head_dim", "num_heads")
  if head_dim is None:
    head_dim = _divide(d_model, num_heads, "num_heads", "head_dim")
  kv_heads = num_heads if kv_heads is None else kv_heads
  if num_heads % kv_heads:
    raise _errors.value_error("kv_heads", f"{kv_heads} for num_heads={num_heads}",
                              "a divisor of the number of query heads", "Change one of the two")
  return num_heads, head_dim, kv_heads


def _divide(d_model, value, name, other) -> int:
  if d_model % value:
    below = max(d_model - d_model % value, value)
    raise _errors.value_error(
        f"d_model, {name}", f"{d_model} and {value}", f"a d_model that {name} divides",
        f"Use d_model={below} or {below + value}, another {name}, or give {other} as well")
  return d_model // value


def resolve_dtypes(dtype, param_dtype):
  """(compute dtype, parameter dtype), both floating."""
  param_dtype = jnp.dtype(param_dtype)
  dtype = param_dtype if dtype is None else jnp.dtype(dtype)
  for name, value in (("param_dtype", param_dtype), ("dtype", dtype)):
    if not jnp.issubdtype(value, jnp.floating):
      raise _errors.type_error(name, value.name, "a floating dtype", "Use float32 or bfloat16")
  return dtype, param_dtype


def active_counts(active_width, d_model, num_heads, kv_heads, d_ff) -> Active:
  """Every size scaled by active_width / d_model; known widths must give whole numbers."""
  if active_width is None:
    return Active(d_model, num_heads, kv_heads, d_ff)
  known = _numerics.known(active_width)
  if known is not None:
    if not (known.ndim == 0 and known.dtype.kind in "iu" and 1 <= known <= d_model):
      raise _errors.value_error("active_width", active_width,
                                f"an int in [1, {d_model}], the active part of d_model={d_model}",
                                "Build the model with the widest d_model")
    for name, size in (("num_heads", num_heads), ("kv_heads", kv_heads), ("d_ff", d_ff)):
      if int(known) * size % d_model:
        raise _errors.value_error(
            "active_width", int(known), f"whole {name} at active_width / d_model of {size}",
            f"Use a multiple of {d_model // math.gcd(d_model, size)}")
  static = isinstance(active_width, int | np.integer)
  width = int(active_width) if static else jnp.asarray(active_width, jnp.int32)
  return Active(width, *(width * size // d_model for size in (num_heads, kv_heads, d_ff)))
