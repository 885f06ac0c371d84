# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Questions that stand alone, and sources that a reader can look up."""

import importlib
import re

import pytest

from experiments import all as all_scripts
from experiments import findings, properties_page

OWN = {"source texts", "source texts; whether it helps is our question", "our question",
       "our arithmetic", "our baseline", "our control"}


def statements(name):
  """Those of a script."""
  module = importlib.import_module(f"experiments.{name}")
  return getattr(module, "EXPECTATIONS", None) or properties_page.EXPECTATIONS


def test_questions_stand_alone():
  """Each is asked once in all pages, and has no subject that another row would have to tell."""
  asked = [e.question for name in all_scripts.SCRIPTS for e in statements(name)]
  twice = {q for q in asked if asked.count(q) > 1}
  assert not twice
  leans = [q for q in asked if not q.endswith("?") or re.search(
    r"^And\b|\boutlast|^(Do|Does|Is|Are|Must|Can) (it|its|they|them|this|these)\b|\bthem\?", q)]
  assert not leans


@pytest.mark.parametrize("name", all_scripts.SCRIPTS)
def test_sources_are_papers_or_said_to_be_none(name):
  """A paper's source begins with its number, and says where in it if more than one place may do."""
  for e in statements(name):
    defined = e.source.startswith("definition, ")  # what an encoding is: nothing was found out
    assert e.source in OWN or re.match(r"(definition, )?arXiv \d{4}\.\d{5}, ", e.source), e
    assert findings.Verdict(e.question, e.published, e.source, "agrees").from_paper == (
      e.source not in OWN and not defined)
