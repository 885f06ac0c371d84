# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Published statements beside our own results: claims, verdicts, pages.

  statistics   intervals and p-values of differences that are paired by seed
  claims       one inequality and the numbers that speak for or against it
  select       the numbers of one setting, by seed, out of a sweep's results
  verdict      an expectation, and what became of it
  tables       verdicts in Markdown, and the sentences that explain them
  page         docs/results/NAME.md with its pictures
  catalogue    the index of all pages; whether they can be written to a directory
  unwell       lanes that did not end well, in words
  study        the Config, run and main of a script that trains and then writes a page
"""

from experiments.findings.catalogue import index as index
from experiments.findings.claims import Claim as Claim
from experiments.findings.claims import Missing as Missing
from experiments.findings.claims import above as above
from experiments.findings.claims import below as below
from experiments.findings.claims import close as close
from experiments.findings.claims import exact as exact
from experiments.findings.claims import greater as greater
from experiments.findings.claims import less as less
from experiments.findings.page import Made as Made
from experiments.findings.page import Page as Page
from experiments.findings.page import Picture as Picture
from experiments.findings.page import Table as Table
from experiments.findings.page import write as write
from experiments.findings.select import by_seed as by_seed
from experiments.findings.select import ended as ended
from experiments.findings.select import part_of as part_of
from experiments.findings.select import places as places
from experiments.findings.select import shown as shown
from experiments.findings.statistics import Interval as Interval
from experiments.findings.statistics import interval_of as interval_of
from experiments.findings.verdict import Expectation as Expectation
from experiments.findings.verdict import Verdict as Verdict
from experiments.findings.verdict import judge as judge
