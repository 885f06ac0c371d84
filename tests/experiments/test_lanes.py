# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A lane computes in any pack what it computes alone: every encoding, two widths, two lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import encodings, language, training
from experiments.data import Corpus
from posenc_jax import sweeps
from posenc_jax.sweeps.experiment import traced_arrays
from posenc_jax.sweeps.plan.packing import Costs, padded

STEPS = 20
# Adam makes a full step of a gradient that is nothing but rounding, so a high rate shows rounding.
SETTINGS = training.Settings(layers=1, head_dim=4, batch_size=2, steps=STEPS, learning_rate=3e-4)


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
  lanes = [traced_arrays(cell, experiment.split(cell)[1]) for cell in cells]
  traced = {name: np.stack([lane[name] for lane in lanes]) for name in lanes[0]}

  def lane(traced):
    strong = lambda tree: jax.tree.map(lambda x: jax.lax.convert_element_type(x, x.dtype), tree)
    state = strong(made.init(traced, jax.random.key(0)))
    step = lambda state, i: (lambda new: (strong(new[0]), new[1]["loss"]))(
      made.step(state, traced, i))
    state, curve = jax.lax.scan(step, state, jnp.arange(shape.steps))
    return {"curve": curve, **made.finish(state, traced)}

  # Compiling is most of the time here: half of it goes into optimizing what runs once.
  compiled = jax.jit(jax.vmap(lane)).lower(traced).compile({"xla_backend_optimization_level": 0})
  return jax.tree.map(np.asarray, compiled(traced))


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
           "learned": 4}


@pytest.mark.parametrize("name", LARGEST)
def test_packed_lanes_equal_lanes_alone(name):
  packs = check(name, every=False)
  assert max(len(cells) for _, cells in packs) == LARGEST[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*encodings.ENCODINGS, "rotary+alibi", "randomized+rotary",
                                  "learned+fire", "alibi+log-n"])
def test_every_packed_lane_equals_its_lane_alone(name):
  check(name, every=True)
