# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A whole group of ``experiments.compare`` as its large preset packs it, compiled for four chips.

All three stages that a sweep runs: the draw of parameters, the training steps and the evaluation,
of all widths, lengths and seeds of one encoding in one program.
"""

import dataclasses
import pathlib
import tempfile
import time
from typing import Any

import jax
import numpy as np

import posenc_jax as px
from posenc_jax import sweeps
from posenc_jax.sweeps.devices import Lanes, flops_per_second
from posenc_jax.sweeps.experiment import as_train
from posenc_jax.sweeps.run.code import inputs_of
from posenc_jax.sweeps.run.program import Lowered
from tests.tpu import compiling
from tests.tpu.compiling import Compiled

# Only its size and its letters reach a program, which holds the text as a constant.
_TEXT = "in the beginning was the word, and the word was with the reader. " * 6000


class _Described(Lanes):
  """Lanes on chips that are not there: arrays become their shapes."""

  def put(self, tree: Any) -> Any:
    """The shapes of host arrays ``[width, ...]`` on the chips."""
    whole = lambda x: jax.ShapeDtypeStruct((self.padded, *np.shape(x)[1:]), np.asarray(x).dtype)
    return jax.tree.map(lambda x: self.struct(whole(x)), tree)


def group(encoding: str, chip: str) -> Compiled:
  """The largest group of an encoding's grid; memory is that of the stage that needs most."""
  from experiments import compare

  chips = compiling.devices(chip)
  with tempfile.TemporaryDirectory() as folder:
    text = pathlib.Path(folder, "text.txt")
    text.write_text(_TEXT, encoding="utf-8")
    config = compare.Config(**{**compare.Config.PRESETS["large"], "encodings": (encoding,),
                               "data_file": str(text), "out": None, "dry_run": True})
    experiment = config.experiment()
    plan = sweeps.plan(experiment, config.cells(), None, options=dataclasses.replace(
      config.options, flops_per_second=flops_per_second(chips), memory_limit=4 * 0.8 * 16e9))
  found = max(plan.todo, key=lambda planned: planned.group.width)
  start = time.process_time()
  with px.config(platform="tpu"):
    lowered = Lowered(as_train(experiment, found.static),
                      _Described(found.group.width, chips),
                      *inputs_of(experiment, found.group))
    stages = [stage for stage in lowered.compile() if stage is not None]
  seconds = time.process_time() - start
  memory = [stage.memory_analysis() for stage in stages]
  return Compiled(seconds, max(m.temp_size_in_bytes for m in memory) / 2**20,
                  sum(m.generated_code_size_in_bytes for m in memory) / 2**10,
                  "\n".join(stage.as_text() for stage in stages))
