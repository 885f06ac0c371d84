# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Strict JAX for every test, and the fixtures that all tests share.

One CPU device, as most users have. A test that needs several devices starts a subprocess with
`JAX_NUM_CPU_DEVICES` set: the number cannot change once JAX has run.
"""

import gc
import os
import zlib
from collections.abc import Callable

import hypothesis
import jax
import numpy as np
import pytest
from absl import flags

# Most of the suite's time is XLA's optimiser at work on programs that run once, so it is left out:
# half the time, the same operations. What the environment says wins: `XLA_FLAGS= pytest` compiles
# as users do, and so does `.ci/run` on the other stacks. Subprocesses of tests inherit the flags.
if "XLA_FLAGS" not in os.environ:
  quick = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
  if jax.__version_info__ < (0, 11):  # An unknown flag ends the process; later ones lack this one.
    quick += " --xla_cpu_use_fusion_emitters=false"
  os.environ["XLA_FLAGS"] = quick

# The same tests everywhere: `JAX_PLATFORMS=cuda,cpu JAX_DEFAULT_MATMUL_PRECISION=highest pytest
# tests/attention` runs them on a GPU, but for the few that say what a CPU does.
if "JAX_PLATFORMS" not in os.environ:
  os.environ["JAX_PLATFORMS"] = "cpu"
  jax.config.update("jax_platforms", "cpu")

# Tracing makes millions of objects, few of them garbage; looking for that takes a tenth of it.
gc.set_threshold(100_000, 50, 100)

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_legacy_prng_key", "error")

# The same examples on every machine and no example database in the working tree: a red test is
# red for everybody. Compiling makes the first example slow, so there is no deadline.
hypothesis.settings.register_profile(
  "posenc_jax", deadline=None, derandomize=True, database=None, max_examples=25
)
hypothesis.settings.load_profile("posenc_jax")

# The scripts that make the goldens need packages that the tests do not.
collect_ignore = ["goldens"]

# Flags defined by the experiments are read at their defaults unless a test parses its own.
flags.FLAGS(["pytest"])


# Examples of docstrings that take more than a second: the slow suite runs them.
SLOW_EXAMPLES = {
  "nn.lm.TransformerLM", "nn.cache.Cache.crop", "nn.attention.MultiHeadAttention",
  "nn.generate.generate", "nn.heads.Classifier", "nn.sampling.sample", "nn.draws.draw",
  "nn.draws.together", "nn.maps.attention_maps", "nn.seq2seq.Seq2SeqTransformer",
  "combinators.one_axis.along", "sweeps.rounds.loop.search", "sweeps.rounds.trials.OptunaSampler",
  "sweeps.rounds.halving.halving", "encodings.inputs.seqpe.SeqPE", "plots.rotations.similarity",
  "encodings.content.path_attention.PathAttention", "attention.strip.attention.strip_attention",
  "encodings.content.grape_path.grape_path_positions", "encodings.content.dape.Dape",
  "encodings.content.inkling.inkling_bias", "encodings.rotations.groups.string_circulant."
  "StringCirculant", "encodings.rotations.groups.string_cayley.StringCayley",
  "encodings.rotations.groups.prope.Prope", "encodings.rotations.groups.liere.liere_rotations",
  "encodings.rotations.groups.liere.Liere", "encodings.rotations.groups.algebraic.TreePaths",
  "encodings.rotations.groups.comrope.comrope", "encodings.rotations.groups.comrope.ComRope",
}


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]):
  """Marks slow examples; leaves out what says what a CPU does, where the tests run elsewhere."""
  for item in items:
    if item.name.removeprefix("posenc_jax.") in SLOW_EXAMPLES:
      item.add_marker(pytest.mark.slow)
    if item.get_closest_marker("cpu") and jax.default_backend() != "cpu":
      item.add_marker(pytest.mark.skip(reason="says what a CPU does"))


@pytest.fixture
def x64():
  """Allows 64-bit arrays inside one test."""
  # Imported here, so that a package which does not import fails its own tests and no others.
  from posenc_jax._compat import enable_x64

  with enable_x64():
    yield


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
  """A NumPy generator seeded by the test's name: the same numbers alone, in any order, anywhere."""
  name = f"{request.node.path.name}::{request.node.name}"
  return np.random.default_rng(zlib.adler32(name.encode()))


@pytest.fixture
def text_file(tmp_path) -> Callable[..., str]:
  """A function (content, name="text.txt") that writes a file and returns its path."""

  def write(content: str | bytes, name: str = "text.txt") -> str:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)

  return write
