# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The documents say what there is: hooks of every method, and code that runs.

A check of a table is a function of its text that returns the faults, so that it can be tried on a
bad example beside the document.
"""

import contextlib
import inspect
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions, interop, sweeps, testing
from posenc_jax.base import CLAIMS, HOOKS, MODEL_HOOKS
from tests.encodings.test_contract import CASES
from tests.support import kinds
from tests.support.repository import ROOT

MODEL_PAGE = (ROOT / "docs" / "your_model.md").read_text(encoding="utf-8")
SWEEPS_PAGE = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
DESIGN_PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
WORDS = frozenset(HOOKS + CLAIMS)

SYSTEMS_PAGE = (ROOT / "docs" / "source_systems.md").read_text(encoding="utf-8")


class Row(NamedTuple):
  """One method of the table."""

  method: str
  hooks: frozenset
  remark: str
  arxiv: str
  shipped: str


def ticked(cell: str) -> frozenset:
  return frozenset(re.findall(r"`([^`]+)`", cell))


def table_lines(section: str) -> list[list[str]]:
  """The cells of each line of the section's tables, without headers and rules."""
  lines = [line for line in section.split("\n") if line.startswith("|")]
  cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in lines]
  return [c for c in cells if c[0] != "method" and not set(c[0]) <= {"-", "|"}]


def section(page: str, title: str) -> str:
  return page.split(f"\n## {title}\n")[1].split("\n## ")[0]


def carried(page: str = DESIGN_PAGE) -> list[Row]:
  lines = table_lines(section(page, "17. Carried"))
  return [Row(c[0], ticked(c[1]), c[2], c[3], c[4]) for c in lines]


def exported() -> dict[str, type]:
  """Encodings that ``posenc_jax`` exports."""
  return {name: value for name, value in vars(px).items()
          if inspect.isclass(value) and issubclass(value, px.Encoding)}


def answered(cls: type) -> frozenset:
  return frozenset(h for h in WORDS if getattr(cls, h) is not getattr(px.Encoding, h))


def hook_faults(page: str, classes: dict[str, type]) -> list[str]:
  """Rows that name other hooks than the classes answer, and classes without a row."""
  faults, told = [], set()
  for row in carried(page):
    kind, names = row.shipped.split(" ")[0].rstrip(":"), ticked(row.shipped)
    found = [vars(kinds).get(n) if kind == "tests" else classes.get(n) for n in names]
    if None in found or kind not in ("yes", "via", "tests", "no") or bool(names) != (kind != "no"):
      faults.append(f"{row.method}: shipped {row.shipped}")
      continue
    have = frozenset().union(*map(answered, found)) if found else WORDS
    if not row.hooks <= have if kind in ("via", "no") else row.hooks != have:
      faults.append(f"{row.method}: {sorted(row.hooks)}, the class answers {sorted(have)}")
    told |= names if kind == "yes" else set()
  return faults + [f"{name}: no row says yes" for name in sorted(set(classes) - told)]


def test_every_class_is_in_the_table_with_its_hooks():
  assert len(exported()) >= 17
  assert hook_faults(DESIGN_PAGE, exported()) == []


@pytest.mark.parametrize("old, new, fault", [
  ("| `bias` | the denominator", "| `scores` | the denominator", "FIRE: ['scores']"),
  ("| `bias` | the denominator", "| `bias`, `qk` | the denominator", "FIRE: ['bias', 'qk']"),
  ("yes: `Fire`", "no", "Fire: no row says yes"),
  ("yes: `Fire`", "yes: `Flame`", "FIRE: shipped yes: `Flame`"),
  ("tests: `ShortConvolution`", "tests: `ReRope`",
   "short convolution on a layer's input: ['layer']"),
  ("via `MRotary`", "via `Alibi`", "interleaved M-RoPE (Qwen3-VL): ['qk']"),
])
def test_wrong_rows_are_found(old, new, fault):
  assert old in DESIGN_PAGE
  faults = hook_faults(DESIGN_PAGE.replace(old, new, 1), exported())
  assert any(f.startswith(fault) for f in faults), faults


def form_faults(page: str) -> list[str]:
  """Rows of a wrong number of cells, with words that are no hooks, or with a malformed id."""
  faults = []
  for title, width, hooks, arxiv in (
      ("17. Carried", 5, 1, 3), ("18. Carried by nothing", 3, None, 2),
      ("19. Formula not read", 4, 1, 3)):
    for cells in table_lines(section(page, title)):
      if len(cells) != width:
        faults.append(f"{cells[0]}: {len(cells)} cells")
        continue
      if not re.fullmatch(r"-|\d{4}\.\d{5}(, \d{4}\.\d{5})*", cells[arxiv]):
        faults.append(f"{cells[0]}: id {cells[arxiv]}")
      if hooks is not None and (ticked(cells[hooks]) - WORDS or (
          not ticked(cells[hooks]) and not cells[hooks].startswith("none"))):
        faults.append(f"{cells[0]}: hooks {cells[hooks]}")
  return faults


def test_the_tables_have_one_form():
  rows = carried()
  assert len(rows) > 130
  assert len({row.method for row in rows}) == len(rows)
  assert form_faults(DESIGN_PAGE) == []


@pytest.mark.parametrize("old, new, fault", [
  ("| `bias` | the denominator", "| `biass` | the denominator", "FIRE: hooks"),
  ("| `bias` | the denominator", "| | the denominator", "FIRE: 4 cells"),
  ("2310.04418", "2310.4418", "FIRE: id"),
])
def test_malformed_rows_are_found(old, new, fault):
  assert old in DESIGN_PAGE
  assert any(f.startswith(fault) for f in form_faults(DESIGN_PAGE.replace(old, new, 1)))


def signature_faults(page: str) -> list[str]:
  """Hooks that the design's table lacks, or whose arguments it gives otherwise."""
  told = dict(re.findall(r"^\| `(\w+)\((.*?)\)` \|", page, re.MULTILINE))
  faults = [f"{name}: not in the table" for name in HOOKS if name not in told]
  for name in told:
    wanted = [p for p in inspect.signature(getattr(px.Encoding, name)).parameters if p != "self"]
    if [a for a in told[name].split(", ") if a != "*"] != wanted:
      faults.append(f"{name}: {told[name]}, the base has {wanted}")
  return faults


def test_the_design_gives_each_hook_with_its_arguments():
  assert signature_faults(DESIGN_PAGE) == []
  assert signature_faults(DESIGN_PAGE.replace("`bias(tile)`", "`bias(q, k)`")) == [
    "bias: q, k, the base has ['tile']"]
  assert signature_faults(DESIGN_PAGE.replace("`visible(tile)`", "`visible`")) == [
    "visible: not in the table"]


@pytest.mark.parametrize("page", [DESIGN_PAGE, MODEL_PAGE], ids=["design", "your_model"])
def test_names_of_the_package_exist(page):
  names = set(re.findall(r"\bpx\.([A-Za-z_0-9]+)", page))
  assert names
  assert [name for name in sorted(names) if not hasattr(px, name)] == []


# Rows that say "via" because combinators make the method of shipped classes: (encoding, axes of
# positions). Head dim 8, four query and two key heads.
MADE = {
  "axial 2-D RoPE": (lambda: px.chain(*(
    px.along(a, px.on_dims(slice(4 * a, 4 * a + 4), px.Rotary(4, base=100.0)))
    for a in (0, 1))), 2),
  "diffusion axes (Flux, Z-Image, Krea, Hunyuan, Wan)": (lambda: px.chain(*(
    px.along(a, px.on_dims(slice(i, j), px.Rotary(j - i, pairing="interleaved")))
    for a, (i, j) in enumerate([(0, 2), (2, 4), (4, 8)]))), 3),
  "MHRoPE": (lambda: px.chain(*(
    px.along(a, px.on_heads(slice(2 * a, 2 * a + 2), px.Rotary(8))) for a in (0, 1))), 2),
  "BiPE with rotary": (lambda: px.chain(
    px.along(0, px.Learned.init(jax.random.key(0), 8, 16)), px.along(1, px.Rotary(8))), 2),
  "BiPE with ALiBi": (lambda: px.chain(
    px.along(0, px.Learned.init(jax.random.key(0), 8, 16)),
    px.along(1, px.Alibi(slopes=96 * px.alibi_slopes(4)))), 2),
  "DeepSeek-V4 rotary": (lambda: px.chain(*(
    px.on_dims(slice(4, 8), turn(4, pairing="interleaved"))
    for turn in (px.Rotary, px.VORotary))), 0),
  "Moebius RoPE": (lambda: px.on_heads(slice(0, 2), px.Rotary.from_frequencies(
    np.pi * (2 * np.arange(4) + 1) / 64)), 0),
}


@pytest.mark.parametrize("method", MADE)
def test_combinators_make_what_the_table_says(method, rng):
  row = next(row for row in carried() if row.method == method)
  assert row.shipped.startswith("via")
  make, axes = MADE[method]
  e = make()
  assert row.hooks <= {h for h in WORDS if e.has(h)}
  q, k = (jnp.asarray(rng.standard_normal((5, n, 8)), jnp.float32) for n in (4, 2))
  ids = np.stack([np.arange(5) // 2, np.arange(5) % 3, np.arange(5)], -1)[:, :axes or 1]
  at, order = jnp.asarray(ids if axes else ids[:, 0], jnp.int32), jnp.arange(5)
  options = dict(q_positions=at, k_positions=at, q_order=order, k_order=order, causal=True)
  out = px.attend(q, k, k, e, **options, applied=("inputs",))
  assert np.abs(out - px.attend(q, k, k, causal=True)).max() > 1e-3


def test_axial_rotary_is_two_rotations(rng):
  """Half of the dims turn by the first axis, half by the second, each with exponents of its own."""
  e, _ = MADE["axial 2-D RoPE"]
  x = rng.standard_normal((3, 1, 8)).astype(np.float32)
  ids = np.array([[0, 0], [5, 2], [1, 7]], np.int32)
  turned, _ = e().qk(jnp.asarray(x), jnp.asarray(x), ids, ids)
  wanted = np.array(x, np.float64)
  for t, axis, pair in np.ndindex(3, 2, 2):
    angle = ids[t, axis] * 100.0 ** (-4 * pair / 8)
    i, j = 4 * axis + pair, 4 * axis + pair + 2
    a, b = x[t, 0, i], x[t, 0, j]
    wanted[t, 0, i] = a * np.cos(angle) - b * np.sin(angle)
    wanted[t, 0, j] = b * np.cos(angle) + a * np.sin(angle)
  np.testing.assert_allclose(turned, wanted, atol=1e-6)


def blocks(page: str) -> list[str]:
  return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def run(code: list[str]) -> dict:
  """Runs blocks one after the other, as a user would: without the strictness of the tests."""
  scope = {"__name__": "docs"}
  with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
    for block in code:
      exec(compile(block, "docs", "exec"), scope)  # noqa: S102
  return scope


@pytest.mark.slow  # the notebook of the same name runs the same code on every change
def test_the_code_of_your_model_runs():
  assert len(blocks(MODEL_PAGE)) >= 9
  assert run(blocks(MODEL_PAGE))["out"].shape == (2, 6, 4, 8)


def test_the_code_of_sweeps_runs():
  assert len(blocks(SWEEPS_PAGE)) >= 5
  assert len(run(blocks(SWEEPS_PAGE))["results"]) == 16
  names = set(re.findall(r"\bsweeps\.([A-Za-z_]\w*)", SWEEPS_PAGE)) - {"md"}
  assert [name for name in sorted(names) if not hasattr(sweeps, name)] == []


@pytest.fixture(scope="module")
def ten_lines():
  """``attention`` of the page, which says how many lines it has."""
  code, = (block for block in blocks(MODEL_PAGE) if "def attention(" in block)
  body = code.split("def attention(")[1].rstrip().split("\n")[1:]
  assert len(body) == 1 + 10
  return run([blocks(MODEL_PAGE)[0], code])["attention"]


def with_every_hook() -> testing.Case:
  key = jax.random.key(0)
  return testing.Case(px.chain(
    px.Sinusoidal(16), px.Rotary(8), px.VORotary(8), px.Pope.init(key, 4, 8), px.HardAlibi(4, 3),
    px.Alibi(4), px.Fox.init(key, 16, 4), px.SSMax.init(key, 4), px.Shaw.init(key, 8, keys=False),
    kinds.Sink(np.zeros(4, np.float32))))


EVERY_CASE = CASES | {"every-hook": with_every_hook}


# One for each hook; the others take a minute.
FEW = {"none", "rotary", "t5", "vo-rotary", "pope", "shaw", "cope", "fox"}


@pytest.mark.parametrize("name", [
  pytest.param(name, marks=() if name in FEW else pytest.mark.slow) for name in EVERY_CASE])
def test_the_ten_lines_are_attention(ten_lines, name):
  case = EVERY_CASE[name]()
  e, x = case.encoding, jnp.asarray(case.inputs())
  index = jnp.arange(case.length, dtype=jnp.int32)[None]
  positions = e.positions(e.align_tokens(case.make_positions(index), 1, case.length), key=case.key)
  y, here, _ = e.layer(e.inputs(x, positions), positions)
  here = e.align(here, 1, case.length)
  q, k, v = (jnp.einsum("btd,dnh->btnh", y, w) for w in case.weights().values())
  future = np.triu(np.ones((case.length, case.length), bool), 1)
  mask = jnp.asarray(~future if case.causal else ~np.zeros_like(future))[None, None]
  wanted = px.attend(q, k, v, e, q_positions=here, k_positions=here, q_order=index, k_order=index,
                     causal=case.causal, applied=MODEL_HOOKS, implementation="reference")
  np.testing.assert_allclose(ten_lines(q, k, v, e, here, here, mask), wanted, rtol=1e-5, atol=1e-5)


def unknown_names(page: str) -> set[str]:
  """Names in ticks that are no function, class or argument of the library, nor a quoted value."""
  holders = [getattr(space, name) for space in (px, functions, interop)
             for name in vars(space) if not name.startswith("_")]
  calls = [f for holder in holders for f in (holder, getattr(holder, "init", None)) if callable(f)]
  known = {name for space in (px, functions, interop) for name in vars(space)}
  for call in calls:
    with contextlib.suppress(ValueError, TypeError):
      known |= set(inspect.signature(call).parameters)
  told = re.findall(r"`(?:px\.)?(?:functions\.|interop\.)?([A-Za-z_]\w*)[^`]*`", page)
  return set(told) - known


def test_the_page_of_conventions_names_what_there_is():
  page = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
  assert unknown_names(page) <= {"attention_factor", "mscale_all_dim"}, "keys of a config"
  assert unknown_names("`pairing` of `px.Rotaries`, `functions.t5_bias(d)`") == {"Rotaries"}


def system_faults(page: str) -> list[str]:
  """Rows of the source systems whose test is not there, or that name none."""
  faults = []
  for cells in (c for c in table_lines(page) if c[0] != "system"):
    links = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", cells[-1])
    if not links or len(cells) != 3:
      faults.append(f"{cells[0]}: no test")
    for path, name in links:
      file = ROOT / path
      if not file.is_file() or f"\ndef {name}(" not in file.read_text(encoding="utf-8"):
        faults.append(f"{cells[0]}: {path}::{name} is not there")
  return faults


def test_each_source_system_links_to_a_test():
  assert len([c for c in table_lines(SYSTEMS_PAGE) if c[0] != "system"]) > 20
  assert system_faults(SYSTEMS_PAGE) == []
  for old, new, fault in (("::test_small_tables`", "::test_small`", "is not there"),
                          ("tests/nn/test_absolute.py", "tests/nn/absolute.py", "is not there"),
                          ("`tests/encodings/test_rotary.py", "`encodings", "rotary: no test")):
    assert old in SYSTEMS_PAGE
    assert fault in " ".join(system_faults(SYSTEMS_PAGE.replace(old, new)))
