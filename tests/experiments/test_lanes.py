# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A lane computes in any pack what it computes alone: every encoding, two widths, two lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import encodings, lanes, language, training
from experiments.data import Corpus
from posenc_jax import sweeps
from posenc_jax.sweeps.experiment import traced_arrays
from posenc_jax.sweeps.plan.packing import Costs, padded

STEPS = 20
# With its own epsilon, Adam makes a full step of a gradient that is nothing but rounding.
SETTINGS = training.Settings(layers=1, head_dim=4, batch_size=2, steps=STEPS, learning_rate=3e-3,
                             epsilon=1e-3)


def make_experiment(multiples=(1, 2), settings=SETTINGS, **how):
  """A task on 900 random characters of five kinds."""
  ids = np.random.default_rng(0).integers(0, 5, 900).astype(np.int32)
  corpus = Corpus("random", ids[:500], ids[500:], tuple("abcde"), "0", 900)
  return training.Trained(language.Language(corpus, multiples, 256), settings, **how)


def cells_of(name, widths=(8, 16), lengths=(8, 16), **more):
  """One cell a width and length."""
  return sweeps.grid(encoding=name, d_model=widths, seq_len=lengths, seed=3, **more)


def train(experiment, shape, cells):
  """Curves and evaluations of cells that train in one program: {name: [cells, ...]}."""
  made = experiment.make_train(shape)
  rows = [traced_arrays(cell, experiment.split(cell)[1]) for cell in cells]
  traced = {name: np.stack([row[name] for row in rows]) for name in rows[0]}

  def lane(traced):
    strong = lambda tree: jax.tree.map(lambda x: jax.lax.convert_element_type(x, x.dtype), tree)
    state = strong(made.init(traced, jax.random.key(0)))
    step = lambda state, i: (lambda new: (strong(new[0]), new[1]["loss"]))(
      made.step(state, traced, i))
    state, curve = jax.lax.scan(step, state, jnp.arange(shape.steps))
    return {"curve": curve, **made.finish(state, traced)}

  return jax.tree.map(np.asarray, jax.jit(jax.vmap(lane))(traced))


def packs_of(experiment, cells):
  """(shape, its cells) as batching="padded" would pack them."""
  by_shape = {}
  for cell in cells:
    by_shape.setdefault(experiment.split(cell)[0], []).append(cell)
  packs = padded({shape: len(c) for shape, c in by_shape.items()}, Costs(experiment, 1e9, None))
  return [(p.merged, [cell for shape in p.statics for cell in by_shape[shape]]) for p in packs]


def check(name, *, every, **more):
  """Compares packed lanes with lanes alone: all of them, or the smallest of the largest pack."""
  experiment = make_experiment(**more)
  packs = packs_of(experiment, cells_of(name))
  for shape, cells in packs if every else [max(packs, key=lambda p: len(p[1]))]:
    together = train(experiment, shape, cells)
    for i, cell in enumerate(cells if every else cells[:1]):
      alone = train(experiment, experiment.split(cell)[0], [cell])
      for key, value in alone.items():
        np.testing.assert_allclose(together[key][i], value[0], atol=1e-5, rtol=0,
                                   err_msg=f"{name}: {key} of {cell!r} in {shape!r}")
  return packs


# What each is packed by: of the four lanes, how many share the largest program.
LARGEST = {"fire": 2, "log-n": 4, "cope": 2, "randomized": 2, "dape": 2, "rotary+alibi": 4,
           "learned": 4, "shaw": 4}


@pytest.mark.parametrize("name", LARGEST)
def test_what_is_packed(name):
  packs = packs_of(make_experiment(), cells_of(name))
  assert max(len(cells) for _, cells in packs) == LARGEST[name]


@pytest.mark.parametrize("name", [
  "fire", "randomized", *(pytest.param(n, marks=pytest.mark.slow) for n in ("log-n", "shaw"))])
def test_packed_lanes_equal_lanes_alone(name):
  packs = check(name, every=False)
  assert max(len(cells) for _, cells in packs) == LARGEST[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*encodings.ENCODINGS, "rotary+alibi", "randomized+rotary",
                                  "learned+fire", "alibi+log-n"])
def test_every_packed_lane_equals_its_lane_alone(name):
  check(name, every=True)


def merges(name, widths, lengths, **how):
  """Whether lanes of these sizes are packed."""
  experiment = make_experiment(**how)
  shapes = tuple(experiment.split(cell)[0] for cell in cells_of(name, widths, lengths))
  return experiment.merge(shapes) is not None


def test_positions_that_are_drawn_share_no_program():
  """What is drawn may depend on how many positions there are, as in a program for more."""
  assert not merges("randomized(maximum=99)+rotary", (8,), (8, 16))
  assert merges("randomized+rotary", (8, 16), (8,))


@pytest.mark.parametrize("name, widths, lengths", [
  ("dape", False, True), ("dape-v2", False, True), ("rotary+dape", False, True),
  ("cope", True, False), ("fire", True, False), ("log-n", True, True), ("learned", True, True),
  ("sinusoidal", True, True), ("sinusoidal(layout='halves')", False, True), ("t5", True, True),
  ("transformer-xl", False, True), ("shaw", True, True), ("pope", True, True),
  ("fox", True, True), ("none", True, True)])
def test_what_cannot_share_a_program_is_found_while_planning(name, widths, lengths):
  assert merges(name, (8, 16), (8,)) == widths
  assert merges(name, (8,), (8, 16)) == lengths
  assert merges(name, (8, 16), (8, 16)) == (widths and lengths)


OWN = """
import jax
import posenc_jax as px


@px.encoding
class Scaled(px.Encoding):
  table: jax.Array = px.parameter()

  @classmethod
  def init(cls, key, length, d_model):
    return cls(jax.random.normal(key, (length, d_model)))

  def inputs(self, x, positions):
    return x + self.table[positions] / self.table.shape[0]


@px.encoding
class Drawn(px.Encoding):
  most: int = px.static(default=99)

  def positions(self, positions, *, key=None):
    count = jax.numpy.shape(positions)[-1]
    return jax.numpy.sort(jax.random.permutation(key, self.most)[:count]) + 0 * positions
"""


@pytest.fixture
def own(tmp_path):
  """A user's file."""
  path = tmp_path / "own.py"
  path.write_text(OWN)
  return path


def test_a_table_whose_length_matters_is_not_made_longer(own):
  assert not merges(f"{own}:Scaled", (8,), (8, 16))
  own.write_text(OWN.replace(" / self.table.shape[0]", ""))
  assert merges(f"{own}:Scaled", (8,), (8, 16))


def test_draws_of_ones_own_share_no_program(own):
  """Nothing in the leaves says that the draw is of as many positions as the program has."""
  assert not merges(f"{own}:Drawn+rotary", (8,), (8, 16))


def test_a_plan_of_many_sizes_is_quick():
  """Each pair of sizes is asked about once: of 15 sizes there are 105 pairs, but few to build."""
  experiment = make_experiment(multiples=(1,))
  cells = cells_of("learned", (8, 12, 16, 20, 24), (8, 16, 32))
  shapes = [experiment.split(cell)[0] for cell in cells]
  lanes._lengths_agree.cache_clear()
  for a in shapes:
    for b in shapes:
      assert experiment.merge((a, b)) is not None
  assert lanes._lengths_agree.cache_info().misses <= 3 * 5


@pytest.mark.parametrize("name, draws", [
  ("randomized", True), ("shape", False), ("cape", False), ("pose", False), ("continuous", False),
  ("rotary", False), ("randomized+alibi", True)])
def test_evaluation_draws_only_where_there_are_no_positions_without(name, draws):
  """SHAPE, CAPE and PoSE were evaluated with the noise of their training."""
  sizing = lanes.Sizing(8, ((4, 8),))
  assert lanes.draws_always(encodings.parse(name), sizing) == draws
