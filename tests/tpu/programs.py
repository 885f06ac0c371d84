# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The programs that are compiled for TPUs, each with its budget.

The short list, one or two of each kind for a v5e, runs whenever there is a compiler; the long one
(other chips, lengths and sizes) is behind the marker "slow".
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from tests.tpu import compiling, groups
from tests.tpu.compiling import Compiled

V5E, V6E = "v5e:2x2", "v6e:2x2"
HEADS = 8


def _key(i: int) -> jax.Array:
  return jax.random.key(i)


# One of each kind: by columns, by distance, by pairs of positions, by content, of whole rows.
ENCODINGS: dict[str, Callable[[int], px.Encoding | None]] = {
    "no bias": lambda h: None,
    "rotary": lambda h: px.Rotary(h),
    "ALiBi": lambda h: px.learn(px.Alibi(HEADS), "slopes"),
    "T5": lambda h: px.T5Bias.init(_key(0), HEADS),
    "T5 both ways": lambda h: px.T5Bias.init(_key(0), HEADS, bidirectional=True),
    "rotary, T5": lambda h: px.chain(px.Rotary(h), px.T5Bias.init(_key(0), HEADS)),
    "FIRE": lambda h: px.Fire.init(_key(0), HEADS),
    "PoPE": lambda h: px.Pope.init(_key(0), HEADS, h),
    "SSMax": lambda h: px.SSMax.init(_key(0), HEADS),
    "Transformer-XL": lambda h: px.TransformerXL.init(_key(0), HEADS, h),
    "Shaw": lambda h: px.Shaw.init(_key(0), h),
    "CoPE": lambda h: px.Cope.init(_key(0), 64, h),
}


@dataclasses.dataclass(frozen=True)
class Attention:
  """One call of ``attend``, forward or with the gradients of q, k, v and the parameters.

  Attributes:
    encoding: a name of ``ENCODINGS``.
    seconds, mib: the budget.
    t, s, h, kv: T, S (T if None), H, K.
    dtype: of q, k and v.
    both: whether gradients are taken.
    hide: options that hide keys, as what ``name`` shows.
    chip: a topology.
    implementation: "auto", or what is asked for.
  """

  encoding: str
  seconds: float
  mib: float
  t: int = 4096
  s: int | None = None
  h: int = 64
  kv: int = HEADS
  dtype: str = "bfloat16"
  both: bool = True
  hide: str = "causal"
  chip: str = V5E
  implementation: str = "auto"

  @property
  def name(self) -> str:
    parts = [self.encoding, self.hide, f"T {self.t}"]
    parts += [f"S {self.s}"] if self.s else []
    parts += [f"H {self.h}"] if self.h != 64 else []
    parts += [f"K {self.kv}"] if self.kv != HEADS else []
    parts += [self.dtype] if self.dtype != "bfloat16" else []
    parts += [self.implementation] if self.implementation != "auto" else []
    return ", ".join([*parts, "both passes" if self.both else "forward"])

  def _options(self) -> dict[str, Any]:
    s = self.s or self.t
    options: dict[str, Any] = {"causal": "causal" in self.hide}
    if "window" in self.hide:
      options["window"] = (s // 8, 0)
    if "documents" in self.hide:
      options["segments"] = np.arange(self.t, dtype=np.int32) // (self.t // 4)
    if "lengths" in self.hide:
      options["lengths"] = np.asarray([self.t - 7])
    if self.s:
      options |= {"q_positions": np.arange(s - self.t, s), "k_positions": np.arange(s)}
    if self.hide == "all":
      options["causal"] = False
    return options

  def _given(self):
    s = self.s or self.t
    q = jax.ShapeDtypeStruct((1, self.t, HEADS, self.h), self.dtype)
    k = jax.ShapeDtypeStruct((1, s, self.kv, self.h), self.dtype)
    return q, k, *px.partition(ENCODINGS[self.encoding](self.h))

  def path(self) -> str:
    """What ``auto`` takes on a TPU."""
    q, k, parameters, rest = self._given()
    return px.explain(q, k, k, px.combine(parameters, rest), platform="tpu",
                      implementation=self.implementation, **self._options()).chosen

  def compile(self) -> Compiled:
    """Compiles it for one chip."""
    q, k, parameters, rest = self._given()

    def forward(q, k, v, parameters):
      return px.attend(q, k, v, px.combine(parameters, rest),
                       implementation=self.implementation, **self._options())

    def both(q, k, v, gradient, parameters):
      out, pull = jax.vjp(forward, q, k, v, parameters)
      return out, *pull(gradient)

    arrays = (q, k, k, q, parameters) if self.both else (q, k, k, parameters)
    return compiling.compile_for_tpu(both if self.both else forward,
                                     *compiling.on_one(arrays, self.chip))


@dataclasses.dataclass(frozen=True)
class Whole:
  """A program of several calls or several chips.

  Attributes:
    name: what it is.
    path: which way attention goes in it.
    make: compiles it for a chip's topology.
    seconds, mib: the budget.
    chip: a topology.
  """

  name: str
  path: str
  make: Callable[[str], Compiled]
  seconds: float
  mib: float
  chip: str = V5E

  def compile(self) -> Compiled:
    """Compiles it."""
    return self.make(self.chip)


def _around(encoding: px.Encoding | None, collective: str, t: int) -> Callable[[str], Compiled]:
  """Context-parallel attention, both passes, T cut over four chips."""
  def make(chip):
    mesh = compiling.mesh(chip, "tokens")
    parameters, rest = px.partition(encoding)

    def f(q, k, v, parameters):
      return px.context_attend(q, k, v, px.combine(parameters, rest), mesh=mesh, axis="tokens",
                               causal=True, collective=collective, layout="zigzag")

    def both(q, k, v, gradient, parameters):
      out, pull = jax.vjp(f, q, k, v, parameters)
      return out, *pull(gradient)

    q = compiling.along(jax.ShapeDtypeStruct((1, t, HEADS, 64), jnp.bfloat16), mesh, None,
                        "tokens")
    return compiling.compile_for_tpu(both, q, q, q, q, compiling.along(parameters, mesh))

  return make


def _model(encoding: px.Encoding, width: int, layers: int):
  """(graph, parameters, the rest) of a language model, as shapes."""
  from flax import nnx

  from posenc_jax import nn

  graph: list[Any] = []

  def build(key):
    model = nn.TransformerLM(256, width, layers, HEADS, encoding=encoding, rngs=nnx.Rngs(key))
    found, parameters, rest = nnx.split(model, nnx.Param, ...)
    graph.append(found)
    return parameters, rest

  shapes = jax.eval_shape(build, _key(0))
  return graph[0], *shapes


def _step(graph):
  """One step of gradient descent on tokens ``[B, T]``."""
  from flax import nnx

  def step(parameters, rest, tokens):
    def loss(parameters):
      logits = nnx.merge(graph, parameters, rest)(tokens[:, :-1]).astype(jnp.float32)
      wanted = jax.nn.one_hot(tokens[:, 1:], logits.shape[-1])
      return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * wanted, axis=-1))

    value, gradient = jax.value_and_grad(loss)(parameters)
    return value, jax.tree.map(lambda p, g: p - 1e-3 * g.astype(p.dtype), parameters, gradient)

  return step


def _training(encoding: px.Encoding, layers: int) -> Callable[[str], Compiled]:
  """A training step of a language model: D 512, 4 examples of 1024 tokens."""
  def make(chip):
    graph, parameters, rest = _model(encoding, 512, layers)
    tokens = jax.ShapeDtypeStruct((4, 1025), jnp.int32)
    return compiling.compile_for_tpu(_step(graph),
                                     *compiling.on_one((parameters, rest, tokens), chip))

  return make


def _lanes(encoding: px.Encoding) -> Callable[[str], Compiled]:
  """Sixteen small models in one program, four on each chip, as a sweep cuts them."""
  def make(chip):
    from posenc_jax.sweeps.devices import Lanes

    lanes = Lanes(16, compiling.devices(chip))
    graph, parameters, rest = _model(encoding, 128, 2)
    one = (parameters, rest, jax.ShapeDtypeStruct((4, 129), jnp.int32))
    many = jax.tree.map(lambda x: jax.ShapeDtypeStruct((16, *x.shape), x.dtype), one)
    return compiling.compile_for_tpu(lanes.map(_step(graph), "step"),
                                     *jax.tree.map(lanes.struct, many))

  return make


_T5 = ENCODINGS["T5"](64)
_ALIBI = px.Alibi(HEADS)

# Budgets are about four times what the newest compiler takes, which Colab's doubles.
SHORT: tuple[Attention | Whole, ...] = (
    Attention("no bias", 15, 4),
    Attention("rotary", 15, 4, hide="causal, window"),
    Attention("rotary", 15, 16, hide="causal, documents", dtype="float32"),
    Attention("ALiBi", 15, 4),
    Attention("T5", 20, 4),
    Attention("T5", 30, 200, t=65536),
    # One block of keys: libtpu 0.0.50 failed on the mask of one.
    Attention("T5", 10, 4, t=512),
    Attention("T5", 15, 4, hide="causal, documents"),
    Attention("T5", 15, 4, hide="causal, lengths"),
    Attention("T5 both ways", 20, 4, hide="all", t=1024),
    Attention("rotary, T5", 40, 4, h=128, kv=2, t=1024, dtype="float32"),
    Attention("T5", 10, 4, hide="causal, window", both=False),
    Attention("FIRE", 40, 4, t=1024),
    Attention("Shaw", 10, 4, t=512),
    Attention("CoPE", 25, 40, t=512),
    Attention("SSMax", 30, 4),
    Attention("no bias", 20, 8, hide="causal, lengths", t=1024),
    Attention("T5", 5, 8, t=1, s=4096, both=False),
    Whole("ring of 4, ALiBi, causal, T 16384, both passes", "ring", _around(_ALIBI, "ring", 16384),
          20, 64),
    Whole("gather of 4, T5, causal, T 4096, both passes", "gather", _around(_T5, "gather", 4096),
          20, 32),
    Whole("training step, 1 layer, D 512, rotary", "splash", _training(px.Rotary(64), 1), 80, 512),
    Whole("16 lanes on 4 chips, 128 tokens, T5", "strip", _lanes(_T5), 60, 256),
    Whole("compare, large preset, T5: its largest group, 4 chips", "strip",
          functools.partial(groups.group, "t5"), 170, 1024),
)


def _long() -> Iterator[Attention | Whole]:
  for name in ENCODINGS:
    for t, both in ((4096, True), (4096, False)):
      yield Attention(name, 60, 512, t=t, both=both)
  for name in ("no bias", "ALiBi", "T5"):
    for chip in (V5E, V6E):
      for t in (16384, 65536):
        yield Attention(name, 60, 1280, t=t, chip=chip)
      for h, kv, dtype in ((128, HEADS, "bfloat16"), (128, 2, "float32"), (64, 2, "bfloat16")):
        yield Attention(name, 60, 512, h=h, kv=kv, dtype=dtype, chip=chip)
    for hide in ("causal, window", "causal, documents", "causal, lengths", "all"):
      yield Attention(name, 60, 512, hide=hide)
    yield Attention(name, 60, 640, implementation="rows")
    yield Attention(name, 60, 64, t=1, s=16384, both=False)
  for name, encoding, path in (("rotary", px.Rotary(64), "splash"), ("T5", _T5, "strip")):
    yield Whole(f"training step, 4 layers, D 512, {name}", path, _training(encoding, 4), 240, 1024)
  yield Whole("ring of 4, T5, causal, T 65536, both passes", "ring", _around(_T5, "ring", 65536),
              60, 768)


_HAVE = {(program.chip, program.name) for program in SHORT}
LONG = tuple({(p.chip, p.name): p for p in _long() if (p.chip, p.name) not in _HAVE}.values())
