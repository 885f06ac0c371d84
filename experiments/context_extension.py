# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Longer contexts for a trained rotary model: which keeps the loss and finds passkeys?

  python -m experiments.context_extension
  python -m experiments.context_extension --preset=smoke
  python -m experiments.context_extension --methods=none,pi,yarn --eval_multiples=1,2,16
  python -m experiments.context_extension --hf=folder --data_file=my_text.txt

Small language models, and models that find a passkey (digits in a text) far back, are trained at
one length. Then their weights are measured under each method at multiples of it, without further
training and after a few more steps at the new length. LongRoPE's factors are searched on held-out
text that nothing is measured on.

With --hf the model is a released one, read from config.json and .safetensors, and the text a file;
it is not trained on unless --tune_steps says so. Tokens are those of tokenizer.json (package
tokenizers), or with --bytes the text's bytes.
"""

import contextlib
import dataclasses
import tempfile
from collections.abc import Collection, Iterator
from typing import Any, ClassVar

from experiments import compare, extended, extension, passkeys, script, searched
from experiments import config as config_lib
from experiments import context_extension_run as run_lib
from experiments.context_extension_expectations import EXPECTATIONS as EXPECTATIONS
from experiments.context_extension_page import page
from experiments.extension import METHODS
from experiments.fields import Check, Faults, option
from experiments.findings import study
from experiments.released import Released
from posenc_jax import sweeps

TUNE_STEPS = 200
# What a released model has no use for: it is trained already.
OWN = (*config_lib.NUMBERS, "encodings", "vary", "d_model", "seq_len", "seeds", "base", "data",
       "retrieval", "retrieval_trained", "passkey_steps", "passkey_rows")


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, compare.Config):
  """What to extend; ``released`` is the released model with its text, if it has been read."""

  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "context_extension",
    smoke=dict(methods=("none", "pi", "yarn"), retrieval_trained=(),
               d_model=(16,), head_dim=16, layers=1, seq_len=(32,), steps=60, passkey_steps=20,
               passkey_rows=16, batch_size=8, eval_multiples=(1, 4), eval_characters=2048,
               tune_steps=10, tune_tokens=128, search_population=4, search_rounds=1,
               search_tokens=128),
    large=dict(d_model=(128,), head_dim=32, layers=4, steps=6000, passkey_steps=6000, batch_size=32,
               eval_characters=65_536, tune_tokens=8192, search_population=64, search_rounds=40,
               search_tokens=8192, passkey_rows=256))

  methods: tuple[str, ...] = option(tuple(METHODS), "ways to extend", choices=tuple(METHODS))
  encodings: tuple[str, ...] = option(("rotary",), "of the trained models: only rotary is extended")
  d_model: tuple[int, ...] = option((48,), "model width, a multiple of --head_dim", low=1)
  head_dim: tuple[int, ...] = option((24,), "dims of a head", low=4)
  seq_len: tuple[int, ...] = option((128,), "training length L", low=16)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((1000,), "training steps of the language models", low=1)
  eval_multiples: tuple[int, ...] = option((1, 2, 4, 8), "lengths to extend to / L, 1 among them",
                                           low=1)
  eval_characters: int = option(16_384, "characters that each length predicts, the same; tokens "
                                "with --hf", low=1)
  tune_steps: int | None = option(None, "steps at the new length before a second measurement, for "
                                  f"methods that train (default: {TUNE_STEPS}, with --hf 0)", low=0)
  tune_tokens: int = option(1024, "tokens of such a step, at least one row", low=1)
  tune_learning_rate: float = option(1e-3, "peak learning rate of such steps", low=1e-9, high=10)
  search_population: int = option(16, "candidates of LongRoPE's search", low=2)
  search_rounds: int = option(8, "rounds of LongRoPE's search", low=1)
  search_tokens: int = option(2048, "tokens that judge a candidate, at least one window", low=1)
  retrieval: bool = option(True, "train models that find a key, too")
  retrieval_trained: tuple[str, ...] = option(("none", "pi", "yarn"), "methods under which these "
                                              "are trained on, too", empty=True,
                                              choices=extension.TRAINED)
  passkey_steps: int = option(2000, "training steps of models that find a key", low=1)
  passkey_rows: int = option(64, "keys asked for at each length", low=8)
  hf: str | None = option(None, "folder of a released model: config.json and .safetensors")
  bytes: bool = option(False, "with --hf: tokens are the bytes of the text")
  trained_length: int | None = option(None, "with --hf: L, if it is not max_position_embeddings",
                                      low=16)
  out: str | None = option("runs/context_extension", "run directory")
  given: frozenset[str] = dataclasses.field(default=frozenset(), repr=False, compare=False)
  released: Released | None = dataclasses.field(default=None, repr=False, compare=False)

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong; the page compares methods, so models have one setting."""
    found = super().check(bad if self.hf is None else {*bad, "seq_len"})  # L is the model's own
    found.bad -= {"seq_len"} - set(bad)
    if found.sound("encodings") and tuple(self.encodings) != ("rotary",):
      found.add("encodings", ", ".join(self.encodings), "rotary",
                "Leave it out; its base is --base")
    if found.sound("eval_multiples") and (1 not in self.eval_multiples
                                          or len(self.eval_multiples) < 2):
      found.add("eval_multiples", self.eval_multiples, "1 and a longer one", "Add it")
    if found.sound("methods") and "none" not in self.methods:
      found.add("methods", ", ".join(self.methods), "none among them, to compare with", "Add it")
    self._check_groups(found)
    self._check_released(found)
    return found

  def _check_groups(self, found: Check) -> None:
    if self.hf is None and "self-extend" in self.methods and found.sound(
        "methods", "seq_len", "eval_multiples", "head_dim"):
      try:
        extension.group_of(self.rope(), max(self.eval_multiples))
      except ValueError as error:
        found.add("eval_multiples", self.eval_multiples, "multiples that self-extend can serve",
                  f"Leave one of them out ({error})")

  def _check_released(self, found: Check) -> None:
    if self.hf is None:
      for name in ("bytes", "trained_length"):
        if found.sound(name) and getattr(self, name) not in (None, False):
          found.add(name, repr(getattr(self, name)), "none, as nothing would read it",
                    "It is for --hf")
      return
    if self.data_file is None and found.sound("data_file"):
      found.add("data_file", "none beside --hf", "a text", "Give a UTF-8 file")
    presets = [type(self)(**preset) for preset in self.PRESETS.values()]
    for name in OWN:
      if found.sound(name) and (name in self.given or getattr(self, name) not in [
          getattr(p, name) for p in presets]):
        found.add(name, repr(getattr(self, name)), "none beside --hf, as nothing would read it",
                  "The released model is trained already")

  def load(self) -> "Config":
    """With its text, and the released model; raises ValueError if they cannot be used."""
    if self.hf is None:
      found: Any = self if self.corpus else super().load()
      if found is not self and not found.faults():
        run_lib.check_text(found)
      return found
    if self.released is not None or self.faults():
      return self
    return dataclasses.replace(self, released=run_lib.read(self))

  def rope(self) -> extension.Rope:
    """What the models are trained with."""
    return extension.Rope(self.head_dim[0], self.seq_len[0],
                          float(self.base[0]) if self.base else 10_000.0)

  def factors(self) -> tuple[int, ...]:
    """s of each length beyond L."""
    return tuple(sorted(m for m in self.eval_multiples if m > 1))

  def tuned(self) -> int:
    """Steps of training on."""
    default = TUNE_STEPS if self.hf is None else 0
    return default if self.tune_steps is None else self.tune_steps

  def tuning(self) -> extended.Settings:
    """How it is trained on."""
    return extended.Settings(self.tune_tokens, self.tune_learning_rate)

  def search(self) -> searched.Settings:
    """How LongRoPE's factors are searched."""
    return searched.Settings(self.search_population, self.search_rounds, self.search_tokens)

  def part(self, cls: Any, name: str, **changes: Any) -> Any:
    """The config of models to be trained, whose weights are kept; reports are of what follows."""
    same = {x.name: getattr(self, x.name) for x in dataclasses.fields(self)}
    keep = tuple(dict.fromkeys((*self.options.keep, "weights")))
    options = dataclasses.replace(self.options, keep=keep, report=False)
    return cls(**{**same, "options": options, "out": f"{self.out}/{name}", **changes})


@dataclasses.dataclass(frozen=True)
class Keys(Config):
  """Models that find a key."""

  def task(self) -> passkeys.Passkeys:
    """Keys in the corpus."""
    corpus = self.load().corpus
    assert corpus is not None
    return passkeys.Passkeys(corpus, self.passkey_rows)


@contextlib.contextmanager
def _with_directory(config: Config) -> Iterator[Config]:
  """The config with a directory: weights go through files."""
  if config.out is not None:
    yield config
    return
  with tempfile.TemporaryDirectory() as scratch:
    options = dataclasses.replace(config.options, report=False)
    yield dataclasses.replace(config, out=scratch, options=options)


def run(config: Config) -> dict[str, Any]:
  """Trains what has no result yet, searches, measures.

  Args:
    config: the settings.

  Returns:
    Results by part: "language" and "passkeys" are the models as trained, "extended" and
    "retrieved" the same under each method. Parts that wait for other shares' results are left out.
    With ``hf`` there is "extended" alone. In a dry run the plans of what is trained first.

  Raises:
    Faults: the config does not make sense, or its data cannot be used.
  """
  if faults := config.faults():
    raise Faults(faults)
  with _with_directory(config.load()) as given:
    found = run_lib.released(given) if config.hf is not None else run_lib.own(given, Keys)
  if config.out is not None:
    return found
  return {name: one if isinstance(one, sweeps.Plan) else dataclasses.replace(
    one, directory=None, restorer=None) for name, one in found.items()}


def main(config: Config) -> int:
  """Runs, writes the page; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)
