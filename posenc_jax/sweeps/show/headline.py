# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a report says first: which method is best here, and whether the seeds tell it from the next.
"""

from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.results import Results
from posenc_jax.sweeps.show.views import label, roles_of, shown
from posenc_jax.sweeps.summaries import Summary

MOST = 6  # settings that are told one by one


def headline(results: Results) -> list[str]:
  """A sentence for each setting, or one for many: the best value of the main metric and the next.

  Returns:
    Sentences; none if nothing is compared or the main metric has no direction.

  Example:
    >>> records = [{"id": f"{e}{s}", "cell": {"encoding": e, "seed": s}, "status": "ok",
    ...             "metrics": {"loss": s + x}}
    ...            for e, x in (("a", 1.5), ("b", 1.0)) for s in (0, 1)]
    >>> headline(Results(tuple(records)))
    ['Lowest loss: b, 1.5. Next: a, 2; a - b, seed by seed: 0.5 [0.5, 0.5].']
  """
  metric, by = results.main, roles_of(results).colour
  direction = metric and results.direction(metric)
  if metric is None or by is None or not direction:
    return []
  sign, word = (1, "Lowest") if direction == "min" else (-1, "Highest")
  where: dict[Cell, list[Summary]] = {}
  for summary in results.mean(metric):
    others = Cell({n: v for n, v in summary.settings.items() if n != by})
    where.setdefault(others, [])
    if summary.mean is not None:
      where[others].append(summary)
  ordered = {at: sorted(found, key=lambda s: sign * (s.mean or 0.0))
             for at, found in where.items() if found}
  if len(ordered) > MOST:
    first: dict[str, int] = {}
    for found in ordered.values():
      name = shown(found[0].settings.get(by))
      first[name] = first.get(name, 0) + 1
    told = ", ".join(f"{name} in {n}" for name, n in sorted(first.items(), key=lambda x: -x[1]))
    return [f"{word} {metric}, of {len(ordered)} settings: {told}."]
  names = [n for n in results.varying() if n != by]
  return [_one(results, metric, by, word, at, label(at, names), found)
          for at, found in ordered.items()]


def _one(results: Results, metric: str, by: str, word: str, at: Cell, where: str,
         found: list[Summary]) -> str:
  best, name = found[0], shown(found[0].settings.get(by))
  lead = f"{where}: {word.lower()} {metric}" if where else f"{word} {metric}"
  told = f"{lead}: {name}, {best.mean:.4g}."
  if len(found) == 1:
    return told
  second = found[1].settings.get(by)
  told += f" Next: {shown(second)}, {found[1].mean:.4g}"
  for d in results.paired(by, metric, against=best.settings.get(by)):
    if d.settings != at or d.second != second or d.mean is None:
      continue
    if d.interval is None:
      return f"{told}. One seed says nothing about how certain that is."
    low, high = d.interval
    apart = "" if low > 0 or high < 0 else ", which does not tell them apart"
    return (f"{told}; {shown(second)} - {name}, seed by seed: {d.mean:.3g} [{low:.3g}, {high:.3g}]"
            f"{apart}.")
  return f"{told}; no seed has both."
