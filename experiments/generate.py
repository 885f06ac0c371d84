# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes on from a prompt, token by token: a released model, or one that a run has kept.

  python -m experiments.generate --hf=folder --prompt='In the beginning'
  python -m experiments.generate --hf=folder --tokens=1,15043 --temperature=0 --steps=20
  python -m experiments.generate --hf=folder --prompt='Once' --encoding='rotary(base=1e6)'
  python -m experiments.compare --preset=quick --keep=weights
  python -m experiments.generate --run=runs/quick --cell=encoding=rotary --prompt='And God said'

The folder has config.json and .safetensors files; a text also needs its tokenizer.json and the
package tokenizers, or --bytes where ids are bytes. Nothing is downloaded. Texts go in and texts
come out; with --tokens ids go in and ids come out. What was written stands on standard output, how
it ended on standard error. ``run(config)`` does the same from a notebook, without flags.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import kept, script, spelling, swapped
from experiments.fields import Check, Faults, option
from posenc_jax import nn
from posenc_jax._errors import counted, value_error
from posenc_jax.nn.sampling import check_sampling

_LARGEST = 2**20  # bytes of a generation_config.json


class Writer(NamedTuple):
  """A model that is ready to write.

  Attributes:
    model: a ``TransformerLM``.
    spelling: of prompts and of what is written.
    ends: ids that end the text.
  """

  model: Any
  spelling: spelling.Spelling
  ends: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Config:
  """What writes, from which prompt, and how; ``writer`` is the model, if it has been read already.

  Example:
    >>> Config(hf="folder", prompt="a", tokens=(1,), temperature=0.0, top_k=3).faults()
    ['--tokens: got both --prompt and --tokens, wanted one of them. Drop one.', \
'top_k: got 3 at temperature 0, wanted None. The likeliest token is always taken: raise the \
temperature.']
  """

  hf: str | None = option(None, "folder of a released model: config.json and .safetensors")
  run: str | None = option(None, "directory of a run of experiments.compare --keep=weights")
  cell: tuple[str, ...] = option((), "which of the run's models, as in encoding=rotary,seed=0",
                                 empty=True)
  data: str = option("web", "the run's text", choices=("web", "kjv", "bbe"))
  data_file: str | None = option(None, "the run's text, if it was a file")
  prompt: str | None = option(None, "the text to write on from", lines=True)
  tokens: tuple[int, ...] = option((), "the prompt as ids instead; ids are written, too", low=0,
                                   empty=True, repeats=True)
  bytes: bool = option(False, "ids are the bytes of the text, whatever tokenizer.json says")
  encoding: str | None = option(None, "another encoding for all layers, as experiments.compare "
                                "names them: alibi, rotary(base=1e6), my_file.py:Kerple, none")
  length: int | None = option(None, "length that scalings of a released model's config are for",
                              low=1)
  steps: int = option(64, "the most tokens to write", low=1)
  temperature: float = option(1.0, "of the draws; 0 takes the likeliest token", low=0)
  top_k: int | None = option(None, "draw among so many of the likeliest tokens", low=1)
  top_p: float | None = option(None, "draw among the fewest tokens of this probability", low=0,
                               high=1)
  stop: tuple[int, ...] = option((), "ids that end the text", low=0, empty=True)
  eos: bool = option(True, "whether the released model's eos_token_id ends the text, too")
  seed: int = option(0, "of the draws, and of encodings that draw positions", low=0,
                     high=2**31 - 1)
  writer: Writer | None = dataclasses.field(default=None, repr=False, compare=False)

  def faults(self, bad: Collection[str] = ()) -> list[str]:
    """Everything that is wrong, each line naming its flag."""
    found = Check(self, bad)
    if (self.hf is None) == (self.run is None) and found.sound("hf", "run"):
      found.add("hf", "neither --hf nor --run" if self.hf is None else "both --hf and --run",
                "one of them", "Give the model that is to write")
    if (self.prompt is None) == (not self.tokens) and found.sound("prompt", "tokens"):
      found.add("tokens", "neither --prompt nor --tokens" if self.prompt is None else
                "both --prompt and --tokens", "one of them",
                "Give what to write on from" if self.prompt is None else "Drop one")
    own = {name: getattr(Config, name) for name in ("cell", "data", "data_file")}
    theirs = {name: getattr(Config, name) for name in ("length", "bytes", "eos")}
    unread = (own if self.run is None else {}) | (theirs if self.hf is None else {})
    unread |= {} if self.prompt is not None else {"bytes": False}
    for name, default in unread.items():
      if found.sound(name, "hf", "run") and getattr(self, name) != default:
        found.add(name, repr(getattr(self, name)), "none, as nothing would read it",
                  "It is for --run" if name in own else "It is for --hf with --prompt"
                  if name == "bytes" else "It is for --hf")
    if found.sound("temperature", "top_k", "top_p", "seed"):
      try:
        check_sampling(jax.random.key(self.seed), self.temperature, self.top_k, self.top_p)
      except ValueError as error:
        found.faults.append(str(error))
    return found.faults

  def load(self) -> "Config":
    """With its model; raises ValueError or ImportError if it cannot be used."""
    if self.writer is not None or self.faults():
      return self
    return dataclasses.replace(self, writer=read(self))


class Written(NamedTuple):
  """What came of it.

  Attributes:
    text: after the prompt.
    prompt, tokens: ids.
    ended: whether the last one is a token that ends the text.
  """

  text: str
  prompt: tuple[int, ...]
  tokens: tuple[int, ...]
  ended: bool


def read(config: Config) -> Writer:
  """The model of a config, its encoding swapped if the config says so.

  Raises:
    ValueError: it cannot be read, or writes no text; ImportError: a package is missing.
  """
  try:
    if config.hf is not None:
      model = nn.load_hf(config.hf, length=config.length)
      spells = spelling.of_ids() if config.prompt is None else (
        spelling.of_bytes() if config.bytes else spelling.of_directory(config.hf))
    else:
      assert config.run is not None
      model, corpus, _ = kept.load(config.run, config.cell, config.data, config.data_file)
      spells = spelling.of_ids() if config.prompt is None else spelling.of_characters(
        corpus.vocabulary)
    if not isinstance(model, nn.TransformerLM):
      raise value_error("--hf", f"{config.hf}, a {type(model).__name__}", "a language model that "
                        "writes from left to right", "Call it by nn.load_hf")
    if config.encoding is not None:
      prompt = len(config.tokens) or len((config.prompt or "").encode())  # a byte a token, at most
      model = swapped.swapped(model, config.encoding, prompt + config.steps, config.length,
                              config.seed)
    return Writer(model, spells, _ends(config, model.embedding.table.shape[0]))
  except (TypeError, KeyError, OSError) as error:
    raise ValueError(str(error.args[0] if error.args else error)) from error


def _ends(config: Config, vocabulary: int) -> tuple[int, ...]:
  """The ids that end the text: the flag's, and those of the model's own files."""
  found = list(config.stop)
  if config.hf is not None and config.eos:
    for name in ("generation_config.json", "config.json"):
      ids = _settings(os.path.join(config.hf, name)).get("eos_token_id")
      if ids is not None:
        ids = ids if isinstance(ids, list) else [ids]
        if not all(isinstance(i, int) and 0 <= i < vocabulary for i in ids):
          raise value_error("--eos", f"eos_token_id={ids} in {name}", f"ids below {vocabulary}",
                            "Pass --noeos, and --stop if there is a token that ends texts")
        found += ids
        break
  return tuple(dict.fromkeys(found))


def _settings(path: str) -> dict[str, Any]:
  if not os.path.isfile(path):
    return {}
  with open(path, "rb") as file:
    text = file.read(10 * _LARGEST)
  try:
    settings = json.loads(text)
  except (ValueError, RecursionError):
    settings = None
  if not isinstance(settings, dict):
    raise value_error("--eos", f"{path}, which cannot be read", "a JSON object", "Pass --noeos")
  return settings


def run(config: Config, tell: Callable[[str], Any] = lambda piece: None) -> Written:
  """Writes.

  Args:
    config: what writes, and how.
    tell: gets each piece of text as soon as it is there.

  Returns:
    ``Written``.

  Raises:
    Faults: the config does not make sense, or its model cannot be used.
  """
  faults = config.faults()
  try:
    if faults:
      raise Faults(faults)
    writer = config.load().writer
    assert writer is not None
    prompt = list(config.tokens) or writer.spelling.encode(str(config.prompt))
    _check_prompt(prompt, writer)
  except (ValueError, ImportError) as error:
    raise error if isinstance(error, Faults) else Faults(str(error).split("\n")) from error
  stream, told = spelling.Stream(writer.spelling, prompt), []

  def callback(token: np.ndarray) -> None:
    if (one := int(token[0])) not in writer.ends and one >= 0:
      told.append(stream.add(one))
      tell(told[-1])

  draws = config.temperature > 0 or any(
    e.has("positions") for e in writer.model.stack.encodings.encodings())
  made = nn.generate(
    writer.model, jnp.asarray([prompt], jnp.int32), config.steps, temperature=config.temperature,
    key=jax.random.key(config.seed) if draws else None, top_k=config.top_k, top_p=config.top_p,
    stop=writer.ends, callback=callback)
  jax.effects_barrier()
  told.append(stream.end())
  tell(told[-1])
  tokens = tuple(np.asarray(made.tokens)[0, :int(made.lengths[0])].tolist())
  if -1 in tokens:
    raise Faults(list(_no_numbers(writer.model, len(prompt) + tokens.index(-1))))
  return Written("".join(told), tuple(prompt), tokens, tokens[-1] in writer.ends)


def _check_prompt(prompt: list[int], writer: Writer) -> None:
  vocabulary = writer.model.embedding.table.shape[0]
  if not prompt:
    raise value_error("--prompt", "a text without tokens", "at least one", "Write more")
  if max(prompt) >= vocabulary:
    raise value_error("--tokens" if writer.spelling.name == "ids" else "--prompt",
                      f"the id {max(prompt)}", f"ids below {vocabulary}, as the model has no more",
                      f"These are ids by {writer.spelling.name}: is that the model's own way?")


def _no_numbers(model: Any, at: int) -> Iterator[str]:
  names = dict.fromkeys(type(e).__name__ for e in model.stack.encodings.encodings())
  yield str(value_error("--steps", f"logits that are no numbers after {at} tokens", "finite ones",
                        f"The encoding ({', '.join(names)}) may have no more positions: write "
                        "fewer tokens"))


def main(config: Config) -> int:
  """Prints what is written as it comes; the exit status."""
  closed: list[BrokenPipeError] = []

  def tell(piece: str) -> None:
    if not closed:  # the compiled loop goes on, and must not see the error
      try:
        print(piece, end="", flush=True)
      except BrokenPipeError as error:
        closed.append(error)

  tell(" ".join(map(str, config.tokens)) if config.prompt is None else config.prompt)
  try:
    written = run(config, tell)
  except Faults as error:
    tell("\n")
    print("\n".join(f"error: {fault}" for fault in error.faults), file=sys.stderr)
    return 2
  tell("\n")
  if closed:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
    print("error: standard output was closed before the end", file=sys.stderr)
    return 1
  why = f"ended by token {written.tokens[-1]}" if written.ended else f"cut at {config.steps}"
  print(f"{counted(len(written.prompt), 'token')} read, {len(written.tokens)} written, {why}",
        file=sys.stderr)
  return 0


if __name__ == "__main__":
  script.start(Config, main, __doc__)
