# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be said of encodings without training: distance, decay, reach, wavelengths, precision.

  python -m experiments.properties
  python -m experiments.properties --preset=smoke
  python -m experiments.properties --encodings=alibi,rotary,sandwich --d_model=64,512 --seq_len=1024

Seconds, as nothing is trained: widths and distances are lanes of one program. Writes
docs/results/properties.md with pictures. ``run(config)`` returns the numbers.
"""

import dataclasses
from collections.abc import Collection
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from experiments import encodings, measures, properties_page, script
from experiments.encodings import Sizes
from experiments.fields import Check, Faults, option, tuples
from experiments.findings import study
from posenc_jax import functions

RULES = ("rotary", "rotary-linear", "rotary-ntk", "rotary-by-parts", "rotary-yarn",
         "rotary-llama3", "rotary-longrope", "rotary-mrrope", "rotary-abf", "rotary-resonance")
DTYPES = ("float32", "bfloat16", "float16")
FACTOR = 8  # of the context, in the wavelengths of scaling rules
CONTEXTS = (1000, 2000, 4000, 8000)  # tokens, for which the lowest base is sought


@dataclasses.dataclass(frozen=True)
class Config(study.Paged):
  """What to measure."""

  PRESETS: ClassVar[dict[str, dict[str, Any]]] = {
    "smoke": dict(d_model=(32, 128), seq_len=(64, 256), bases=(1e2, 1e4, 1e6),
                  encodings=("none", "sinusoidal", "rotary", "alibi", "kerple-log"),
                  pages=study.SMOKE_PAGES),
    "default": {},
    "large": dict(d_model=(64, 128, 256, 512, 1024, 2048), seq_len=(1024, 8192),
                  pages=study.LARGE_PAGES),
  }

  encodings: tuple[str, ...] = option(
    ("none", "sinusoidal", "rotary", "xpos", "alibi", "hard-alibi", "kerple-log", "sandwich",
     "local-window"), "encodings whose attention by position is measured; see experiments.compare")
  d_model: tuple[int, ...] = option((16, 32, 64, 128, 256, 512), "widths, multiples of 16", low=16)
  seq_len: tuple[int, ...] = option((128, 512, 2048), "lengths", low=16, high=2**20)
  bases: tuple[float, ...] = option((1e2, 1e3, 1e4, 1e5, 1e6), "bases of the frequencies, rising",
                                    low=1.001, high=1e12)

  def __post_init__(self):
    tuples(self)

  def faults(self, bad: Collection[str] = ()) -> list[str]:
    """Everything that is wrong, each line naming its flag."""
    found = Check(self, bad)
    if found.sound("d_model"):
      for width in self.d_model:
        if width % 16:
          found.add("d_model", width, "a multiple of 16, for heads of 16 dims",
                    f"Use {width // 16 * 16 + 16}")
    if found.sound("bases") and list(self.bases) != sorted(self.bases):
      found.add("bases", self.bases, "rising numbers", "Sort them")
    if found.sound("encodings"):
      seen = []
      for text in self.encodings:
        try:
          spec = encodings.parse(text)
        except ValueError as error:
          found.faults.append(str(error))
          continue
        if spec.label in seen:  # Two spellings are one row.
          found.add("encodings", f"{text!r}, which is there already", "each encoding once",
                    "Drop the repeats")
        seen.append(spec.label)
    return found.faults


@dataclasses.dataclass(frozen=True)
class Properties:
  """What was measured; W widths, B bases, L distances.

  Attributes:
    config: the settings.
    similarity, decay: ``[W, L]``, see ``measures``.
    rank: ``[W, lengths]``, effective rank of the sinusoidal table.
    reach: base to the first distance with a negative similarity at the widest d_model;
      ``measures.LONGEST + 1`` for none.
    decay_by_base: ``[B, L]``.
    weights: label to ``[N, L]``, whom the last token looks at.
    drift: label to the largest change of these weights when all positions move by 1000.
    buckets: name to ``[L]``, the bucket of each distance.
    wavelengths: rule to tokens in a full turn of each pair, ``[pairs]``; head dim 64.
    positions: ``[P]`` at which angles are measured.
    angles: dtype to the worst error of an angle in radians, ``[P]``; "exact" is this package's.
    distinct: dtype to how many of the positions below 4096 it tells apart.
    lowest: tokens of context to the lowest base that holds them, of heads of 128 dims.
    shift: error of rows of the sinusoidal table that are turned by an offset; d_model the widest.
  """

  config: Config
  similarity: np.ndarray
  decay: np.ndarray
  rank: np.ndarray
  reach: dict[float, int]
  decay_by_base: np.ndarray
  weights: dict[str, np.ndarray]
  drift: dict[str, float]
  buckets: dict[str, np.ndarray]
  wavelengths: dict[str, np.ndarray]
  positions: np.ndarray
  angles: dict[str, np.ndarray]
  distinct: dict[str, int]
  lowest: dict[int, float]
  shift: float


def profiles(config: Config) -> tuple[dict[str, np.ndarray], dict[str, float]]:
  """(whom the last token looks at, what moves when positions move) of each encoding.

  Raises:
    Faults: an encoding reads content or draws positions, so that there is no such number.
  """
  weights, drift, faults = {}, {}, []
  length = max(config.seq_len)
  sizes = Sizes(64, 4, 16, length + 1000, length)
  for text in config.encodings:
    spec = encodings.parse(text)
    e = spec.build(sizes, jax.random.key(0))
    try:
      found = measures.profile(e, sizes.heads, sizes.head_dim, sizes.d_model, length)
      moved = measures.profile(e, sizes.heads, sizes.head_dim, sizes.d_model, length, offset=1000)
    except (ValueError, TypeError) as error:
      faults.append(f"--encodings: got {spec.label!r}, wanted encodings of positions alone "
                    f"({str(error).strip()}). Leave it out.")
      continue
    weights[spec.label], drift[spec.label] = found, float(np.abs(found - moved).max())
  if faults:
    raise Faults(faults)
  return weights, drift


def wavelengths(train: int, factor: int, head_dim: int = 64) -> dict[str, np.ndarray]:
  """Tokens in a full turn of each pair under each rule of context extension, inf for none."""
  sizes = Sizes(head_dim, 1, head_dim, train * factor, train)
  found = {}
  for name in RULES:
    kept: Any = encodings.build(name, sizes, jax.random.key(0))
    radians = np.asarray(getattr(kept.frequencies, "radians", kept.frequencies), np.float64)
    found[name] = 2 * np.pi / radians
  return found


def precision() -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """(positions, worst error of an angle by dtype); "exact" is that of sines of this package."""
  positions = 4 ** np.arange(1, 13) - 1
  radians = 10_000.0 ** (-np.arange(64) / 64)
  found = {name: measures.angle_errors(positions, radians, jnp.dtype(name)) for name in DTYPES}
  ours = np.asarray(functions.sinusoidal(jnp.asarray(positions, jnp.int32), 128), np.float64)
  wanted = positions[:, None].astype(np.float64) * radians[None]
  found["exact"] = np.maximum(np.abs(ours[:, 0::2] - np.sin(wanted)),
                              np.abs(ours[:, 1::2] - np.cos(wanted))).max(-1)
  return positions, found


def run(config: Config) -> Properties:
  """Measures all of it.

  Args:
    config: the settings.

  Raises:
    Faults: the config does not make sense.
  """
  faults = config.faults()
  if faults:
    raise Faults(faults)
  length = max(config.seq_len)
  distances = jnp.arange(length, dtype=jnp.int32)
  waves, counts = measures.stack_waves(config.d_model)
  by_base = [measures.stack_waves((max(config.d_model),), base) for base in config.bases]
  stacked = jax.tree.map(lambda *xs: jnp.concatenate(xs), *(w for w, _ in by_base))
  every = jnp.concatenate([c for _, c in by_base])
  weights, drift = profiles(config)
  keys = -np.arange(length)
  positions, angles = precision()
  return Properties(
    config, np.asarray(measures.similarity(waves, counts, distances)),
    np.asarray(measures.decay_bound(waves, counts, distances)),
    np.asarray(measures.effective_rank(waves, counts, jnp.asarray(config.seq_len), longest=length)),
    {base: measures.first_negative(max(config.d_model), base) for base in config.bases},
    np.asarray(measures.decay_bound(stacked, every, distances)),
    weights, drift,
    {"T5, causal": np.asarray(functions.t5_bucket(keys, bidirectional=False)),
     "T5, both ways": np.asarray(functions.t5_bucket(keys, bidirectional=True)),
     "DeBERTa": np.abs(np.asarray(functions.deberta_bucket(keys, bucket_size=64,
                                                           max_position=512)))},
    wavelengths(2048, FACTOR), positions, angles,
    {name: measures.distinct_integers(jnp.dtype(name), 4096) for name in DTYPES},
    measures.lowest_bases(CONTEXTS), measures.shift_error(max(config.d_model), (1, 100), length))


def main(config: Config) -> int:
  """Measures, writes the page, prints the verdicts; the exit status."""
  return study.main(config, run, properties_page.page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
