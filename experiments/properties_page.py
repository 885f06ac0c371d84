# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The page of ``experiments.properties``: expectations, tables, pictures."""

import itertools
from typing import Any

import numpy as np

from experiments import measures
from experiments.findings import Expectation, Missing, Page, Table, exact, judge
from experiments.findings.statistics import number
from experiments.properties_pictures import pictures


def _decays(found: Any) -> Any:
  near, far = found.similarity[-1, 1], found.similarity[-1, -1]
  return exact(near - far, 0, f"similarity at distance 1 - at {found.similarity.shape[1] - 1}, "
               f"d_model {found.config.d_model[-1]}", sign=1)


def _monotone(found: Any) -> Any:
  rises = float(np.diff(found.similarity[-1]).max())
  return exact(rises, 0, "largest rise of the similarity from one distance to the next", sign=-1)


def _bound(found: Any) -> Any:
  bound = found.decay[-1]
  half = len(bound) // 2
  return (exact(bound[1] - bound[half:].mean(), 0, "bound at distance 1 - mean of the far half",
                sign=1),
          exact(bound[1:half].mean() - bound[half:].mean(), 0, "mean of the near half - far half",
                sign=1))


def _base(found: Any) -> Any:
  reach = found.reach
  if len(reach) < 2:
    raise Missing("one base alone")
  claims = []
  for before, after in itertools.pairwise(reach):
    if reach[before] <= measures.LONGEST:  # else both lie beyond what was measured
      more = reach[after] - reach[before]
      told = f">= {more}" if reach[after] > measures.LONGEST else str(more)
      claims.append(exact(more, 0, f"reach at base {after:g} - at base {before:g}, tokens", sign=1,
                          shown=told))
  return claims


LOWEST = {1000: 4.3e3, 2000: 1.6e4, 4000: 2.7e4, 8000: 8.4e4}  # published, of 1k to 8k tokens


def _lowest(found: Any) -> Any:
  return [exact(abs(found.lowest[n] / base - 1), 0.05, f"lowest base for {n} tokens: |ours / "
                f"{base:g} - 1|", sign=-1,
                shown=f"{abs(found.lowest[n] / base - 1):.3g} ({found.lowest[n]:g})")
          for n, base in LOWEST.items()]


def _shift(found: Any) -> Any:
  return exact(found.shift, 1e-6, "rows turned by 1 and by 100 tokens, largest error", sign=-1)


def _buckets(found: Any) -> Any:
  own = found.buckets["T5, causal"]
  if len(own) < 130:
    raise Missing("distances beyond 128 were not measured")
  return (exact(float(np.ptp(own[128:])), 0.5, "buckets of distances from 128 on, largest - "
                "smallest", sign=-1),
          exact(abs(float(own.max()) + 1 - 32), 0.5, "number of buckets - 32", sign=-1))


def _alibi(found: Any) -> Any:
  if "alibi" not in found.weights:
    raise Missing("alibi was not measured")
  weights = found.weights["alibi"]
  slopes = 2.0 ** (-2 * np.arange(1, 5))
  wanted = np.exp(-slopes[:, None] * np.arange(weights.shape[1]))
  wanted /= wanted.sum(-1, keepdims=True)
  return exact(float(np.abs(weights - wanted).max()), 1e-6,
               "largest difference from exp(-slope distance), normalised", sign=-1)


def _scaling(found: Any) -> Any:
  plain = found.wavelengths["rotary"]
  ratio = {name: waves / plain for name, waves in found.wavelengths.items()}
  small = lambda x, text: exact(float(np.abs(x).max()), 1e-6, text, sign=-1)
  return (small(ratio["rotary-linear"] - 8, "position interpolation: every wavelength / 8 - 1"),
          small([ratio["rotary-ntk"][0] - 1, ratio["rotary-ntk"][-1] / 8 - 1],
                "NTK: first pair kept, last divided by 8"),
          small([ratio["rotary-yarn"][0] - 1, ratio["rotary-yarn"][-1] / 8 - 1],
                "YaRN: first pair kept, last divided by 8"),
          exact(float(np.diff(ratio["rotary-yarn"]).min()), -1e-9,
                "YaRN: the ratio never falls from pair to pair", sign=1))


def _bfloat16(found: Any) -> Any:
  return (exact(abs(found.distinct["bfloat16"] - 769), 0.5, "distinct integers below 4096 - 769",
                sign=-1),
          exact(found.angles["bfloat16"][5], 1, "error of an angle at position 4095, radians",
                sign=1))


def _float32(found: Any) -> Any:
  at = {int(p): i for i, p in enumerate(found.positions)}
  million = found.angles["float32"][at[4**10 - 1]]
  return (exact(million, 1e-2, "plain float32 at 1048575, radians", sign=1),
          exact(found.angles["float32"][at[4**6 - 1]], 1e-3, "plain float32 at 4095", sign=-1),
          exact(float(found.angles["exact"].max()), 2e-7, "this package, sines up to 1.6e7",
                sign=-1))


def _relative(found: Any) -> Any:
  known = [n for n in ("rotary", "alibi", "sinusoidal", "kerple-log", "sandwich")
           if n in found.drift]
  return [exact(found.drift[n], 1e-5, f"{n}: largest change of a weight", sign=-1) for n in known]


EXPECTATIONS = (
  Expectation("Is the dot product of two sinusoids smaller for tokens further apart?",
              "nearer positions have larger products", "source texts", _decays),
  Expectation("Does the dot product of two sinusoids fall with every token of distance?",
              "the similarity falls with distance",
              "source texts", _monotone),
  Expectation("Is a step of any size a linear map of sinusoids?",
              "the row at p + k is a linear function of the "
              "row at p, for every fixed k", "definition, arXiv 1706.03762, section 3.5", _shift),
  Expectation("Does the bound on rotary scores decay?", "it decays with the distance",
              "arXiv 2104.09864, section 3.4.3 and figure 2", _bound),
  Expectation("Does a larger rotary base carry further?", "the reach grows with the base",
              "arXiv 2309.16039, section 4.1; arXiv 2405.14591, equation 10", _base),
  Expectation("Does a longer context need the rotary base that was published?",
              "at least 4300, 16000, 27000 and 84000 for 1k, "
              "2k, 4k and 8k tokens", "arXiv 2405.14591, table 2", _lowest),
  Expectation("Do ALiBi's weights fall by exp(-slope) a token?",
              "scores fall by the slope a token, so weights of equal "
              "content by exp(-slope)", "definition, arXiv 2108.12409, section 3", _alibi),
  Expectation("Does T5's bias give distances from 128 on one bucket?",
              "32 buckets; all distances from 128 on share one",
              "definition, arXiv 1910.10683, section 2.1", _buckets),
  Expectation("Do scaling rules stretch the wavelengths as published?",
              "interpolation stretches all by the factor, NTK and YaRN keep the fast ones",
              "definition, arXiv 2309.00071, section 3", _scaling),
  Expectation("Do attention weights stay when all positions move by 1000?",
              "the scores depend on the distance alone",
              "definition, arXiv 2104.09864, 2108.12409", _relative),
  Expectation("Is bfloat16 too coarse for positions?",
              "8 significant bits: 769 distinct integers below 4096, angles off by more than 1",
              "our arithmetic", _bfloat16),
  Expectation("Do plain float32 angles lose their digits by a million tokens?",
              "24 significant bits: off by less than 1e-3 at 4095, by more than 1e-2 at a million",
              "our arithmetic", _float32),
)


def _tables(found: Any) -> tuple[Table, ...]:
  config, length = found.config, found.similarity.shape[1]
  some = [d for d in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8191) if d < length]
  reach = measures.first_below(found.similarity, 0.0)
  shown = lambda x: str(x) if x >= 0 else f"beyond {length - 1}"
  rows = [(str(d), *(f"{found.similarity[w, r]:.3f}" for r in some),
           f"{1 - found.similarity[w, 1]:.3f}", shown(reach[w]),
           *(f"{x:.1f}" for x in found.rank[w])) for w, d in enumerate(config.d_model)]
  fields = [(name, *(str(x) for x in measures.receptive_field(w)),
             number(float((w * np.arange(w.shape[1])).sum(-1).mean())),
             f"{found.drift[name]:.1e}") for name, w in found.weights.items()]
  pairs = range(0, 32, 4)
  waves = [(name, *(number(float(w[i])) for i in pairs)) for name, w in found.wavelengths.items()]
  angles = [(str(p), *(f"{found.angles[n][i]:.1e}" for n in found.angles))
            for i, p in enumerate(found.positions)]
  return (
    Table("Similarity of two rows of the sinusoidal table, and its rank, by width", (
      "d_model", *(f"similarity at {r}" for r in some), "resolution: 1 - similarity at 1",
      "first negative", *(f"rank of {n}" for n in config.seq_len)),
      tuple(rows)),
    Table("Reach by base", ("base", "first distance with a negative similarity"),
          tuple((f"{b:g}", str(r) if r <= measures.LONGEST else f"beyond {measures.LONGEST}")
                for b, r in found.reach.items())),
    Table("Lowest base by context, heads of 128 dims", ("tokens", "published", "ours"),
          tuple((str(n), f"{base:g}", f"{found.lowest[n]:g}") for n, base in LOWEST.items())),
    Table("Nearest tokens that hold 90 percent of the attention, by head", (
      "encoding", *(f"head {h}" for h in range(4)), "mean distance", "change by 1000 positions"),
      tuple(fields)),
    Table("Tokens in a full turn, context extended 8 times from 2048, head dim 64",
          ("rule", *(f"pair {i}" for i in pairs)), tuple(waves)),
    Table("Worst error of an angle, radians, base 10000, 64 frequencies",
          ("position", *found.angles), tuple(angles)))


def _setup(found: Any) -> str:
  config = found.config
  return (
    f"Widths {', '.join(map(str, config.d_model))}, distances up to {max(config.seq_len) - 1}. "
    "Similarity is the mean of cos(f r) over the frequencies f, the cosine of two rows of the "
    "table; the rank of a table is (tr G)^2 / tr G^2 of the covariance G of its rows. The reach of "
    "a base is the first distance with a negative similarity, at the widest d_model, sought up to "
    f"{measures.LONGEST}. Attention by position alone has queries and keys of ones (of an encoding "
    "on embeddings: what it adds, scaled alike), four heads of 16 dims; learned encodings are as "
    "they are initialised. No chance is involved: every number is exact. Statements whose source "
    "is a definition follow from what the encoding is: they test this package and are not counted "
    "as from papers. The row of rotary-longrope is that of rotary-ntk: LongRoPE's factors are "
    "searched with a model, which context_extension does, and the search begins with NTK's. "
    "rotary-by-parts has the ramp of YaRN's paper, over the turns of a pair within the trained "
    "length; rotary-yarn has the ramp of its released code, over the pairs, with the same ends.")


def page(config: Any, found: Any) -> Page:
  """The page of what ``properties.run`` measured."""
  return Page(
    "properties", "Properties of encodings, without training",
    "What do encodings say about positions before anything is learned: how similar two positions "
    "look, how far attention reaches by position alone, what rules of context extension do to the "
    "wavelengths, and when a dtype runs out of digits?",
    _setup(found), tuple(judge(EXPECTATIONS, found)), _tables(found), pictures(found),
    (("T5, FIRE, Shaw and others whose bias is learned",
      "before training they say nothing; T5's buckets are drawn"),))
