# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sentences and Markdown tables of verdicts, which pages and their index share."""

from collections.abc import Sequence

from experiments.findings import verdict as verdicts_lib
from experiments.findings.verdict import Verdict

WORDS = (
  "L is the length that a model was trained at, 2 L twice that. A nat is the unit of a loss by "
  "natural logarithms: perplexity is the exponential of a loss in nats, so that 0.1 nats more are "
  "10.5 percent more perplexity. A published statement stands with the paper that makes it; "
  "*source texts* are tutorials on positional encoding, a *definition* follows from what an "
  "encoding is, *our* questions, controls and baselines come from no paper.")

ROLL = (
  "A statement is one inequality or several. It agrees if all of them do and disagrees if one "
  "does; else there is no claim. The deciding p is the largest of its inequalities, or that of the "
  "one that disagrees.")

RULES = (
  "Each row is an inequality. Its value is a mean over seeds, differences taken seed by seed, with "
  "the 95 percent interval by Student's t. p is that of the two-sided t test that the mean is the "
  "limit (of the sign test where all seeds have the same value), adjusted by Holm's steps for all "
  "rows of this page that have one. A row agrees if its interval lies on the wanted side and p is "
  "below 0.05; it disagrees if both hold for the other side; all else is no claim.")


DECIDING = "deciding p"  # of a column

UNWELL = (
  "Means, intervals and verdicts are of the other lanes. A statement about a setting that has none "
  "is not tested.")


def tally(verdicts: Sequence[Verdict]) -> str:
  """How many of each verdict, of all and of those from papers: two sentences.

  Example:
    >>> tally([Verdict("q", "p", "arXiv 1234.56789", "agrees"), Verdict("q", "p", "s", "no claim")])
    '2 statements: agrees 1, no claim 1. From papers 1: agrees 1.'
  """
  papers = [v for v in verdicts if v.from_paper]
  return (f"{len(verdicts)} statements: {_counts(verdicts)}. "
          f"From papers {len(papers)}: {_counts(papers)}.")


def _counts(verdicts: Sequence[Verdict]) -> str:
  every = (verdicts_lib.AGREES, verdicts_lib.DISAGREES, verdicts_lib.NO_CLAIM,
           verdicts_lib.NOT_TESTED)
  counts = {name: sum(v.verdict == name for v in verdicts) for name in every}
  return ", ".join(f"{name} {n}" for name, n in counts.items() if n) or "none"


def verdict_table(verdicts: Sequence[Verdict]) -> str:
  """A row a statement, in Markdown."""
  rows = [(v.question, f"{v.published} ({v.source})", ours(v), deciding(v), f"**{v.verdict}**",
           str(v.seeds or "-")) for v in verdicts]
  return markdown_table(("question", "published", "ours, 95 percent interval", DECIDING,
                         "verdict", "seeds"), rows)


def ours(v: Verdict) -> str:
  """The numbers of a statement, each with the limit that it should be above or below, if not 0."""
  wanted: dict[str, list[str]] = {}
  for c in v.claims:
    limits = wanted.setdefault(f"{c.text}: {c.shown}", [])
    limits += [] if float(c.wanted[1:]) == 0 else [c.wanted]
  return v.why or "<br>".join(
    number + (f", wanted {' and '.join(dict.fromkeys(limits))}" if limits else "")
    for number, limits in wanted.items())


def claim_table(verdicts: Sequence[Verdict]) -> str:
  """A row an inequality, in Markdown."""
  rows = [(c.text, c.shown, c.wanted, "exact" if c.exact else _p(c.p),
           "-" if c.exact else str(c.interval.count), c.verdict)
          for v in verdicts for c in v.claims]
  return markdown_table(("value", "ours", "wanted", "p", "seeds", "verdict"), rows)


def deciding(v: Verdict) -> str:
  """The p that decides: the largest of a statement's claims, or that of the one that disagrees."""
  if v.claims and all(c.exact for c in v.claims):
    return "exact"
  if v.verdict == verdicts_lib.DISAGREES:
    against = [c for c in v.claims if c.verdict == verdicts_lib.DISAGREES]
    known = [c.p for c in against if c.p is not None and not c.exact]
    return _p(min(known)) if known else "exact"
  ps = [c.p for c in v.claims if not c.exact]
  known = [p for p in ps if p is not None]
  return _p(max(known) if len(known) == len(ps) and known else None)


def _p(p: float | None) -> str:
  return "-" if p is None else "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """A table in Markdown; bars and line ends in cells cannot break it.

  Example:
    >>> print(markdown_table(("a", "b"), [("1|2", "3")]))
    | a | b |
    | --- | --- |
    | 1\\|2 | 3 |
  """
  cell = lambda x: " ".join(x.split()).replace("|", "\\|")
  line = lambda row: "| " + " | ".join(map(cell, row)) + " |"
  return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])
