# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Train short, test long: which encodings hold beyond the length they were trained at.

  python -m experiments.extrapolation
  python -m experiments.extrapolation --preset=smoke
  python -m experiments.extrapolation --preset=large      # every causal encoding

Small language models of text, one character a token, are evaluated at up to 16 times their training
length, on the same characters at every length.
"""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

from experiments import compare, script
from experiments import config as config_lib
from experiments import findings as f
from experiments.config import run as run
from experiments.extrapolation_expectations import EXPECTATIONS, LEFT_OUT
from experiments.fields import option
from experiments.findings import pictures, study
from experiments.findings.study import listed
from posenc_jax import methods, sweeps

CHOSEN = ("none", "sinusoidal", "learned", "rotary", "xpos", "pope", "t5", "alibi",
          "kerple-log", "sandwich", "fire", "transformer-xl", "fox")
MOST_DRAWN = 10  # lines of a picture; if there are more encodings, these come first
DRAWN = ("none", "sinusoidal", "rotary", "t5", "alibi", "kerple-log", "sandwich", "fire", "fox")

READ = {"randomized": "randomized+sinusoidal"}


def causal_names() -> tuple[str, ...]:
  """Every encoding of the catalogue that is meant for causal attention too.

  What only draws positions stands before the encoding that its authors give them to.

  Example:
    >>> len(causal_names()) > 60 and "alibi" in causal_names()
    True
    >>> "randomized" in causal_names(), "randomized+sinusoidal" in causal_names()
    (False, True)
  """
  return ("none", *(READ.get(name, name) for method in methods.METHODS
                    if method.directions != "bidirectional" for name in method.builds))


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, compare.Config):
  """What to compare."""

  several: ClassVar[tuple[str, ...]] = ("seq_len",)
  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "extrapolation",
    smoke=dict(encodings=("sinusoidal", "alibi", "none"), seq_len=(32,), layers=1, d_model=(16,),
               head_dim=8, steps=150, eval_multiples=(1, 2, 16), eval_characters=4096),
    large=dict(encodings=causal_names(), d_model=(128,), head_dim=32, layers=4, steps=3000,
               batch_size=32, eval_characters=32_768))

  encodings: tuple[str, ...] = option(CHOSEN, "encodings; large has every causal one")
  d_model: tuple[int, ...] = option((32,), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((64, 128), "training lengths, in characters", low=1)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((400,), "training steps", low=1)
  eval_multiples: tuple[int, ...] = option((1, 2, 4, 8, 16), "evaluation lengths / training "
                                           "length", low=1)
  eval_characters: int = option(16_384, "characters that each evaluation length predicts", low=1)
  out: str | None = option("runs/extrapolation", "run directory")


def chosen(labels: Sequence[str]) -> list[str]:
  """The encodings of a picture, ``MOST_DRAWN`` at most, in the order given.

  Example:
    >>> chosen(("xpos", "alibi"))
    ['xpos', 'alibi']
    >>> "alibi" in chosen([*map(str, range(20)), "alibi"])
    True
  """
  first = [e for e in labels if e in DRAWN]
  kept = [*first, *(e for e in labels if e not in DRAWN)][:MOST_DRAWN]
  return [e for e in labels if e in kept]


def base_of(config: Config, results: sweeps.Results) -> str:
  """The encoding with the most lanes that ended well, alibi before others, then the first."""
  lanes = collections.Counter(r["cell"]["encoding"] for r in results if r["status"] == "ok")
  return max(config.labels, key=lambda e: (lanes[e], e == "alibi"))


def page(config: Config, results: sweeps.Results) -> f.Page:
  """The verdicts, losses by length and by position."""
  panels = [(f"trained at L {n}", pictures.part(results, seq_len=n)) for n in config.seq_len]
  drawn = chosen(config.labels)
  left = [e for e in config.labels if e not in drawn]
  rest = f" The table has the others: {listed(left)}." if left else ""
  base = base_of(config, results)
  shown = [
    f.Picture("length", "Loss at multiples of the training length, means over seeds with 95 "
              f"percent bands. All lengths predict the same characters.{rest}", pictures.curves(
                panels, "loss_by_multiple", "evaluation length / training length",
                "nats per character", encodings=drawn, logarithmic=True)),
    f.Picture("position", f"Loss by position in the longest evaluation, less that of {base} at the "
              f"same position and seed, means over seeds with 95 percent bands.{rest}",
              pictures.curves(
                panels, "loss_by_position", "position / training length",
                f"nats per character, less those of {base}", encodings=drawn, against=base))]
  setup = (
    f"Decoder-only models, {study.sizes(config)}, trained for "
    f"{listed(config.steps)} steps of {listed(config.batch_size)} windows from "
    f"{config.text}, one character a token, and evaluated "
    f"on {config.eval_characters} characters of books that were held out. "
    f"{len(config.seeds)} seeds.")
  return f.Page(
    "extrapolation", "Train short, test long",
    "Which encodings hold beyond the length that the model was trained at?", setup,
    tuple(f.judge(EXPECTATIONS, results)),
    tuple(pictures.table(f"Nats per character, trained at L {n}, ± half of the 95 percent interval",
                         one, "loss_by_multiple", " L")
          for n, (_, one) in zip(config.seq_len, panels, strict=True)), tuple(shown), LEFT_OUT)


def main(config: Config) -> int:
  """Runs, writes the page; the exit status."""
  return study.main(config, config_lib.run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
