# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Results that no program made, as a comparison of encodings would leave them.

    python -m tests.support.sweep_results DIRECTORY

writes the reports of a grid with failed cells and of eighty methods, to look at.
"""

import math
import pathlib
import sys

import numpy as np

from posenc_jax import sweeps

ENCODINGS = ("sinusoidal", "learned", "rotary", "alibi", "t5", "none")
GOOD = {"sinusoidal": 0.03, "learned": 0.05, "rotary": 0.0, "alibi": 0.01, "t5": 0.02, "none": 0.08}
FAR = {"sinusoidal": 1.2, "learned": 2.0, "rotary": 0.8, "alibi": 0.02, "t5": 0.1, "none": 0.9}


def made_up_record(cell, *, good, far, steps=240):
  """A record whose losses fall with width and length and rise beyond the training length."""
  rng = np.random.default_rng(int(cell.id[:8], 16))
  seed_shift = 0.02 * np.random.default_rng(cell["seed"]).normal()
  base = 2.0 + 6.0 / cell["d_model"] + 3.0 / cell["seq_len"] + good + seed_shift
  noise = 0.004 * rng.normal()
  multiples = [1, 2, 4, 8]
  losses = [base + noise + far * math.log2(m) / 3 + 0.004 * m * rng.normal() for m in multiples]
  at = np.arange(steps)
  curve = base + 2.4 * np.exp(-at / 40) + 0.06 * rng.normal(size=steps)
  positions = np.arange(64) * cell["seq_len"] / 8 + (cell["seq_len"] / 8 - 1) / 2
  beyond = np.maximum(positions / cell["seq_len"] - 1, 0)
  by_position = base + 1.2 / (1 + positions / 4) + far * beyond / 7 + 0.03 * rng.normal(size=64)
  return {
    "id": cell.id, "cell": dict(cell), "status": "ok", "first_bad_step": None, "nonfinite": {},
    "metrics": {"loss": losses[0], "accuracy": math.exp(-losses[0])},
    "series": {"loss": curve.tolist(), "loss_by_multiple": losses,
               "loss_by_position": by_position.tolist()},
    "axes": {"loss": {"label": "step", "start": 0.0, "step": 1},
             "loss_by_multiple": {"label": "multiple of the training length",
                                  "values": [float(m) for m in multiples]},
             "loss_by_position": {"label": "position", "values": positions.tolist()}},
    "group": cell.without("seed", "d_model").id[:12], "lane": 0, "attempt": 0,
    "time": {"seconds": 12.5, "finished": "2026-01-01T10:00:00+0000"}}


def failed_record(cell, status, **about):
  """A record of a lane that did not end well."""
  return {"id": cell.id, "cell": dict(cell), "status": status, "first_bad_step": None,
          "metrics": {}, "series": {}, "nonfinite": {}, "axes": {}, **about}


def _manifest(name, records):
  groups: dict[str, list] = {}
  for record in records:
    groups.setdefault(record.get("group", "alone"), []).append(record["id"])
  return {"name": name, "goal": {"loss": "min"}, "settings": {"steps": 240, "layers": 2},
          "argv": ["python", "-m", "experiments.compare", "--seq_len=32,64", "--out=runs/my run"],
          "cells": {r["id"]: r["cell"] for r in records},
          "groups": [{"id": i, "cells": cells, "why": "padded: one compile in place of two"}
                     for i, cells in groups.items()],
          "runs": [{"started": "2026-01-01T09:50:00+0000", "ended": "2026-01-01T10:00:00+0000",
                    "status": "finished", "compiles": 6, "compile_seconds": 161.0}]}


def grid_results(encodings=ENCODINGS, seeds=3, failures=True):
  """6 encodings x 4 sizes x 3 seeds; one setting diverged whole, others lost a seed or two."""
  records = []
  for cell in sweeps.grid(encoding=list(encodings), d_model=[32, 64], seq_len=[32, 64],
                          seed=range(seeds), learning_rate=0.003):
    name = cell["encoding"]
    records.append(made_up_record(cell, good=GOOD.get(name, 0.02), far=FAR.get(name, 0.5)))
  for record in records if failures else ():
    cell = sweeps.Cell(record["cell"])
    where = cell["encoding"], cell["d_model"], cell["seq_len"]
    if where == ("learned", 32, 32):
      record |= {"status": "diverged", "first_bad_step": 17, "metrics": {"loss": None},
                 "nonfinite": {"metrics/loss": "nan"}}
    if where == ("none", 64, 64) and cell["seed"] == 1:
      record |= failed_record(cell, "oom", error="RESOURCE_EXHAUSTED: 2 GB wanted")
    if where == ("t5", 64, 32) and cell["seed"] == 2:
      record |= failed_record(cell, "failed", error="TypeError: add got incompatible shapes")
  return sweeps.Results(tuple(records), manifest=_manifest("six encodings", records))


def many_results(count=80, seeds=3):
  """Many methods at one size."""
  rng = np.random.default_rng(7)
  records = []
  for i in range(count):
    good, far = 0.1 * rng.random(), rng.choice([0.05, 0.3, 1.0]) * rng.random()
    for cell in sweeps.grid(encoding=f"method-{i:02d}+variant", d_model=64, seq_len=64,
                            seed=range(seeds)):
      records.append(made_up_record(cell, good=good, far=far))
  return sweeps.Results(tuple(records), manifest=_manifest("eighty methods", records))


if __name__ == "__main__":
  out = pathlib.Path(sys.argv[1])
  sweeps.write_report(grid_results(), out / "grid")
  sweeps.write_report(many_results(), out / "many")
