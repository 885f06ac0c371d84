# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Models that a run of ``experiments.compare --keep=weights`` has left in its directory."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from experiments import data as data_lib
from experiments import encodings, language, maps, training, vary
from posenc_jax import sweeps
from posenc_jax._errors import near, value_error

_SETTINGS = ("eval_multiples", "eval_characters", "unknown_share")  # of the task
_AXES = ("encoding", "d_model", "seq_len", "seed", "base",
         *(name for name in training.STATIC + training.TRACED), "dropout")


def find(results: sweeps.Results, wanted: Sequence[str]) -> Mapping[str, Any]:
  """The one cell with a kept state that has these settings.

  Args:
    results: of the run.
    wanted: ``name=value``.

  Raises:
    ValueError: no cell or several; a text that is no setting.
  """
  records = [record for record in results if "state" in record]
  if not records:
    raise value_error("--run", f"{results.directory}, which has no kept model", "a run with kept "
                      "weights", "Train it with --keep=weights")
  names = list(dict.fromkeys(name for record in records for name in record["cell"]))
  for text in wanted:
    name, mark, value = text.partition("=")
    if not mark:
      raise value_error("--cell", repr(text), "name=value", "Write for instance --cell=seed=0")
    if name not in names:
      close = near(name, names)
      raise value_error("--cell", f"the setting {name!r}", "one of " + ", ".join(names),
                        f"Did you mean {close!r}?" if close else "Choose one")
    records = [record for record in records if name in record["cell"]
               and _same(record["cell"][name], value)]
  if len(records) != 1:
    raise value_error("--cell", f"{len(records)} models of {', '.join(wanted) or 'the run'}",
                      "one", _difference([record["cell"] for record in records]))
  return records[0]["cell"]


def _same(value: Any, text: str) -> bool:
  if isinstance(value, int | float) and not isinstance(value, bool):
    try:
      return float(text) == value
    except ValueError:
      return False
  return str(value) == text.strip()


def _difference(cells: Sequence[Mapping[str, Any]]) -> str:
  """In which settings cells differ, as a mend."""
  if not cells:
    return "The report of the run lists its cells"
  values: dict[str, list[str]] = {}
  for name in dict.fromkeys(name for cell in cells for name in cell):
    found = list(dict.fromkeys(str(cell.get(name)) for cell in cells))
    if len(found) > 1:
      values[name] = found
  return "They differ in " + "; ".join(f"{name}: {', '.join(found[:8])}"
                                       for name, found in values.items())


def load(directory: str, wanted: Sequence[str], data: str, data_file: str | None
         ) -> tuple[Any, data_lib.Corpus, Mapping[str, Any]]:
  """(model, corpus, cell) of a run of ``experiments.compare``.

  Args:
    directory: of the run.
    wanted: settings that one kept model has, ``name=value``.
    data, data_file: the text it was trained on; see ``data.load_text``.

  Raises:
    ValueError: no such run or model; another text than the run's.
  """
  results = sweeps.load(directory)
  manifest = results.manifest or {}
  if manifest.get("experiment") != language.Language.name:
    raise value_error("--run", f"{directory}, a run of {manifest.get('experiment')!r}",
                      "a run of experiments.compare", "Only its models write text")
  cell = find(results, wanted)
  settings = dict(manifest["settings"])
  corpus = data_lib.load_text(data, data_file, longest_window=settings["eval_characters"])
  if corpus.sha256 != manifest["data"]:
    raise value_error("--data", f"a text of sha256 {corpus.sha256[:12]}..",
                      f"the run's, {str(manifest['data'])[:12]}..",
                      "Give the --data or --data_file that the run had")
  task: Any = language.Language(corpus, settings["eval_multiples"], settings["eval_characters"])
  common = training.Settings(**{k: v for k, v in settings.items() if k not in _SETTINGS})
  experiment = training.Trained(task, common, varied=_varied(cell))
  return maps.model_of(results, cell, experiment), corpus, cell


def _varied(cell: Mapping[str, Any]) -> list[training.Varied]:
  """The settings of the encoding that the cell has beside those of all cells."""
  spec, found = encodings.parse(str(cell["encoding"])), []
  head_dim, width = int(cell.get("head_dim", training.Settings.head_dim)), int(cell["d_model"])
  sizes = encodings.Sizes(width, width // head_dim, head_dim, int(cell["seq_len"]),
                          int(cell["seq_len"]))
  for name, value in cell.items():
    if name in _AXES:
      continue
    for member in spec.members:
      start = re.sub(r"[.-]", "_", member.short) + "_"
      if name.startswith(start):
        text = f"{member.short}.{name.removeprefix(start)}={value!r}"
        found += vary.parse([text], [spec], sizes)
        break
    else:
      raise value_error("--cell", f"the setting {name!r} of the run", "one that "
                        "experiments.compare has", "Restore it by sweeps.restore")
  return found
