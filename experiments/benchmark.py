# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Speed and memory beside the peers that are installed, in one run.

  python -m experiments.benchmark
  python -m experiments.benchmark --parts=attention --length=2048 --encodings=alibi --dtype=bfloat16

Rounds go through all rivals in turn; medians and ratios (ours / theirs) are printed and written to
--out as benchmark.csv and benchmark.png. Peers that are missing print "not installed".
"""

import dataclasses
import functools
import importlib.metadata
import itertools
import pathlib
import platform
import sys
from collections.abc import Callable, Collection, Iterator

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from experiments import fields, peers, ratios, script, timing
from experiments.fields import option
from experiments.ratios import Row
from posenc_jax.attention import IMPLEMENTATIONS

PARTS = ("attention", "decode", "memory", "rotary", "table", "angles")
ENCODINGS = ("none", "alibi", "t5")
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile")
_SHAPED = ("attention", "decode", "memory")
_PEERS_OF = {"attention": ("jax.nn", "cudnn", "torch", "tokamax"), "decode": ("jax.nn",),
             "rotary": ("torch", "equinox", "rotary-embedding-torch"),
             "table": ("positional-encodings",)}
_TIMED = tuple(_PEERS_OF)
_READ_BY = {"encodings": _SHAPED, "implementations": ("attention", "memory"), "peers": _TIMED,
            "length": ("attention", "decode"), "memory_length": ("memory",),
            "batch": ("attention", "memory"), "decode_batch": ("decode",), "heads": _SHAPED,
            "head_dim": _SHAPED, "dtype": (*_SHAPED, "rotary"), "repeats": _TIMED}
PEERS = ("jax.nn", "cudnn", "torch", "tokamax", "equinox", "rotary-embedding-torch",
         "positional-encodings")


@dataclasses.dataclass(frozen=True)
class Config:
  """What to measure; every field is a flag of the same name."""

  parts: tuple[str, ...] = option(PARTS, "what to measure", choices=PARTS)
  encodings: tuple[str, ...] = option(("alibi", "t5", "none"), "encodings", choices=ENCODINGS)
  implementations: tuple[str, ...] = option(("rows",), "ways of attention",
                                            choices=IMPLEMENTATIONS)
  peers: tuple[str, ...] = option(PEERS, "packages to compare with", choices=PEERS)
  length: int = option(4096, "T of attention, S of decode", low=1)
  memory_length: int = option(8192, "T of the memory part", low=1)
  batch: int = option(1, "B of attention and memory", low=1)
  decode_batch: int = option(16, "B of the decode part, beside 1", low=1)
  heads: int = option(8, "N", low=1)
  head_dim: int = option(64, "H", low=1)
  dtype: tuple[str, ...] = option(("float32", "bfloat16"), "of queries, keys and values; other "
                                  "parts than attention and decode take the first",
                                  choices=("float32", "bfloat16"))
  repeats: int = option(7, "timed rounds", low=1)
  out: str = option("runs/benchmark", "directory of benchmark.csv and benchmark.png")
  given: frozenset[str] = dataclasses.field(default=frozenset(), repr=False, compare=False)

  def __post_init__(self):
    fields.tuples(self)

  def faults(self, bad: Collection[str] = ()) -> list[str]:
    """Everything that is wrong, each line naming its flag."""
    found = fields.Check(self, bad)
    if found.sound("parts"):
      for name in sorted(self.given & _READ_BY.keys()):
        if found.sound(name) and not set(self.parts) & set(_READ_BY[name]):
          found.add(name, repr(getattr(self, name)),
                    f"none beside --parts={','.join(self.parts)}, as nothing would read it",
                    f"Add {' or '.join(_READ_BY[name])} to --parts")
      idle = set(self.peers) - set().union(*(_PEERS_OF.get(part, ()) for part in self.parts))
      if "peers" in self.given and found.sound("peers") and idle:
        found.add("peers", ", ".join(sorted(idle)), f"peers of --parts={','.join(self.parts)}",
                  "Leave out those that no part is compared with")
      if ("dtype" in self.given and found.sound("dtype") and len(self.dtype) > 1
          and not {"attention", "decode"} & set(self.parts)):
        found.add("dtype", ", ".join(self.dtype), f"one for --parts={','.join(self.parts)}",
                  "Only attention and decode take several")
    return found.faults


def _encoding(name: str, heads: int):
  """(encoding, its leaf, the dense bias of that leaf)."""
  if name == "none":
    return None, jnp.zeros(heads), lambda leaf, n, first=0: None
  if name == "alibi":
    e = px.Alibi(heads)
    return e, jnp.asarray(e.slopes), peers.dense_alibi
  e = px.T5Bias.init(jax.random.key(3), heads)
  return e, e.table, peers.dense_t5


def _with_leaf(encoding, leaf):
  return encoding if encoding is None else jax.tree.unflatten(jax.tree.structure(encoding), [leaf])


def _qkv(c: Config, length: int):
  shape = (c.batch, length, c.heads, c.head_dim)
  return [jax.random.normal(k, shape, jnp.dtype(c.dtype[0]))
          for k in jax.random.split(jax.random.key(0), 3)]


def _ours(encoding, implementation):
  return lambda q, k, v, leaf: px.attend(q, k, v, _with_leaf(encoding, leaf), causal=True,
                                         implementation=implementation)


def _gradient(function):
  return jax.grad(lambda *a: jnp.sum(function(*a).astype(jnp.float32)), argnums=(0, 1, 2, 3))


def attention(c: Config) -> Iterator[Row]:
  """Forward, and forward with gradients of q, k, v and of the bias's leaf, in each precision."""
  for dtype in c.dtype:
    yield from _attention(dataclasses.replace(c, dtype=(dtype,)))


def _attention(c: Config) -> Iterator[Row]:
  for name in c.encodings:
    encoding, leaf, dense = _encoding(name, c.heads)
    args = (*_qkv(c, c.length), leaf)
    for backward in (False, True):
      wrap = _gradient if backward else (lambda f: f)
      passes = "forward and backward" if backward else "forward"
      ours = {i: _bound(wrap(_ours(encoding, i)), args) for i in c.implementations}
      theirs, missing = _attention_peers(c, name, backward, wrap, dense, args)
      yield from _compare(_measure(c, name, passes), ours, theirs, missing, c.repeats)


def _bound(function, args) -> Callable:
  compiled = jax.jit(function)
  return lambda: compiled(*args)


def _attention_peers(c, name, backward, wrap, dense, args):
  q, k, v, leaf = args
  how = "causal" if name == "none" else "dense bias"
  makers = {}
  if "jax.nn" in c.peers:
    makers[f"jax.nn xla, {how}"] = lambda: _bound(
        wrap(functools.partial(peers.jax_nn, dense=dense)), args)
  if "cudnn" in c.peers:
    rivals = {"cuDNN, dense bias": peers.cudnn, "cuDNN, no bias": peers.cudnn_without_bias}
    for label, peer in list(rivals.items())[name == "none":]:
      makers[label] = functools.partial(_on_gpu, wrap(functools.partial(peer, dense=dense)), args)
  if "tokamax" in c.peers:
    def tokamax():
      importlib.import_module("tokamax")
      return _bound(wrap(functools.partial(peers.tokamax, dense=dense)), args)
    makers["tokamax xla_chunked"] = tokamax
  if "torch" in c.peers:
    bias = None if name == "none" else np.asarray(dense(leaf, c.length))
    makers[f"torch SDPA, {how}"] = lambda: peers.torch_sdpa(q, k, v, bias, backward=backward)
    if bias is not None and backward:
      makers["torch SDPA, its gradient too"] = lambda: peers.torch_sdpa(
          q, k, v, bias, backward=True, learned=True)
    if name == "alibi" and not backward:
      makers["torch Flex, compiled"] = lambda: peers.torch_flex(q, k, v, leaf, blocks=False)
      makers["torch Flex, block mask"] = lambda: peers.torch_flex(q, k, v, leaf, blocks=True)
  return _made(makers)


def _on_gpu(function, args):
  if jax.default_backend() != "gpu":
    raise peers.Unmeasured("not measured: no GPU")
  return _bound(function, args)


def _made(makers):
  made, missing = {}, {}
  for name, make in makers.items():
    try:
      call = make()
      call()
      made[name] = call
    except ImportError:
      missing[name] = "not installed"
    except peers.Unmeasured as reason:
      missing[name] = str(reason)
    except (RuntimeError, ValueError, NotImplementedError) as error:  # A peer's, at this size.
      missing[name] = f"failed: {str(error).splitlines()[0][:60]}"
  return made, missing


def _compare(measure, ours, theirs, missing, repeats, unit="ms") -> list[Row]:
  times = timing.interleaved({**{("ours", n): f for n, f in ours.items()},
                              **{("theirs", n): f for n, f in theirs.items()}}, repeats,
                             calls=1 if jax.default_backend() == "cpu" else 20)
  rows = []
  if not theirs and not missing:
    missing = {"no peer": "none of --peers does this"}
  for name in ours:
    mine = times["ours", name] * 1e3
    rows += [Row(measure, name, peer, mine, times["theirs", peer] * 1e3, unit) for peer in theirs]
    rows += [Row(measure, name, peer, mine, None, unit, why) for peer, why in missing.items()]
  return rows


def decode(c: Config) -> Iterator[Row]:
  """One new token against --length keys, alone and in a batch of --decode_batch, beside jax.nn."""
  batches = dict.fromkeys((1, c.decode_batch))
  for name, dtype, batch in itertools.product(c.encodings, c.dtype, batches):
    yield from _decode(dataclasses.replace(c, dtype=(dtype,), batch=batch), name)


def _decode(c: Config, name: str) -> list[Row]:
  encoding, leaf, dense = _encoding(name, c.heads)
  q, k, v = _qkv(c, c.length)
  args = q[:, -1:], k, v, leaf

  def step(q, k, v, leaf):
    return px.attend(q, k, v, _with_leaf(encoding, leaf), causal=True, q_positions=np.array(
      [c.length - 1]), k_positions=np.arange(c.length))

  rival = functools.partial(peers.jax_nn_step, dense=dense)
  makers = {"jax.nn xla": lambda: _bound(rival, args)} if "jax.nn" in c.peers else {}
  return _compare(_measure(c, name, f"one new token, B {c.batch}"), {"auto": _bound(step, args)},
                  *_made(makers), 3 * c.repeats)


def _measure(c: Config, name: str, what: str) -> str:
  """How a row is called; float32 is not told."""
  return ", ".join([name, what, *(d for d in c.dtype if d != "float32")])


def memory(c: Config) -> list[Row]:
  """Temporary memory of forward and backward, from the compiler's account; nothing is run."""
  rows = []
  for name in c.encodings:
    encoding, leaf, dense = _encoding(name, c.heads)
    args = jax.eval_shape(lambda leaf=leaf: (*_qkv(c, c.memory_length), leaf))
    theirs = timing.temporary_bytes(_gradient(functools.partial(peers.jax_nn, dense=dense)), *args)
    for i in c.implementations:
      ours = timing.temporary_bytes(_gradient(_ours(encoding, i)), *args)
      rows.append(Row(f"{name}, temporary memory, T {c.memory_length}", i,
                      "jax.nn xla, causal" if name == "none" else "jax.nn xla, dense bias",
                      ours / 2**20, theirs / 2**20, "MiB"))
  return rows


def rotary(c: Config) -> list[Row]:
  """Rotation of [1, 4096, 16, 128], tables included, beside a scaling pass over the array."""
  x = jax.random.normal(jax.random.key(0), (1, 4096, 16, 128), jnp.dtype(c.dtype[0]))
  args = px.Rotary(x.shape[-1]), x, jnp.arange(x.shape[1])
  scale = lambda e, x, p: x * jnp.asarray(1.5, x.dtype)
  turn = lambda e, x, p: px.rotate(x, p, e.frequencies)
  makers = {"one scaling pass": lambda: _bound(scale, args)}
  if "torch" in c.peers and c.dtype[0] == "float32":
    makers["torch compiled"] = lambda: peers.torch_rotary(x, compiled=True)
    makers["torch eager"] = lambda: peers.torch_rotary(x, compiled=False)
  if "equinox" in c.peers:
    makers["equinox"] = lambda: peers.equinox_rotary(x)
  if "rotary-embedding-torch" in c.peers and c.dtype[0] == "float32":
    makers["rotary-embedding-torch"] = lambda: peers.rotary_embedding_torch(x)
  measure = "rotary, [1, 4096, 16, 128]"
  return _in_new_and_old_memory(measure, "rotate", turn, args, makers, ("one scaling pass", scale),
                                3 * c.repeats)


def table(c: Config) -> list[Row]:
  """The sinusoidal table 65536 x 512."""
  length, dim = 65_536, 512
  args = (jnp.arange(length),)
  make, plain = (functools.partial(f, dim=dim) for f in (px.sinusoidal, peers.plain_table))
  makers = {"plain float32 jax.numpy": lambda: _bound(plain, args)}
  if "positional-encodings" in c.peers:
    makers["positional-encodings"] = lambda: peers.positional_encodings(length, dim)
  return _in_new_and_old_memory(
      f"sinusoidal table, {length} x {dim}", "sinusoidal", make, args, makers,
      ("plain float32 jax.numpy", plain), c.repeats)


def _in_new_and_old_memory(measure, name, function, args, makers, rival, repeats):
  """Rows with every result in new memory, then rows of JAX functions that reuse theirs."""
  rows = _compare(measure, {name: _bound(function, args)}, *_made(makers), repeats)
  peer, theirs = rival
  return rows + _compare(f"{measure}, memory reused", {name: peers.reusing(function, *args)},
                         {peer: peers.reusing(theirs, *args)}, {}, repeats)


def angles(c: Config) -> list[Row]:
  """Largest angle error below 2^31, against exact arithmetic, beside the float32 product."""
  report = px.precision_report(px.Rotary(128), 2**31 - 1)
  return [Row("angle error below 2^31", "rotate", "float32 product", report.angle_error,
              report.plain_angle_error, "rad")]


def run(config: Config) -> list[Row]:
  """Measures the wanted parts, prints each row, writes CSV and picture."""
  parts = {"attention": attention, "decode": decode, "memory": memory, "rotary": rotary,
           "table": table, "angles": angles}
  rows = []
  for part in config.parts:
    for row in parts[part](config):
      print(row, flush=True)
      rows.append(row)
  out = pathlib.Path(config.out)
  out.mkdir(parents=True, exist_ok=True)
  ratios.write_table(rows, out / "benchmark.csv")
  ratios.picture(rows, out / "benchmark.png")
  return rows


def machine() -> str:
  """The processor, how many cores this process may use, and what speeds up its numbers."""
  make, flags = platform.processor() or platform.machine(), set()
  if sys.platform == "linux":
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
      told = dict(line.split(":", 1) for line in lines if ":" in line)
    told = {name.strip(): value.strip() for name, value in told.items()}
    make, flags = told.get("model name", make), set(told.get("flags", "").split())
  fast = [name for name in FLAGS if name in flags]
  return f"{make}; {timing.cores()} cores; {' '.join(fast) or 'no known flags'}"


def versions() -> str:
  """Versions of what is measured, and the device."""
  found = [f"{n} {importlib.metadata.version(n)}" for n in ("jax", "torch", "equinox", "tokamax")
           if _installed(n)]
  return f"{', '.join(found)}; {jax.devices()[0].device_kind}; Python {sys.version.split()[0]}"


def _installed(name: str) -> bool:
  try:
    importlib.metadata.version(name)
  except importlib.metadata.PackageNotFoundError:
    return False
  return True


def main(config: Config) -> int:
  """Runs and prints."""
  print(machine(), versions(), sep="\n")
  run(config)
  print(f"written to {config.out}: benchmark.csv, benchmark.png")
  return 0


if __name__ == "__main__":
  script.start(Config, main, __doc__)
