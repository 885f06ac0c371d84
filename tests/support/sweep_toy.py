# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Two small experiments for the engine's tests, and a script that sweeps one into a directory.

`Toy`: a two-layer network fits a sine by hand-written Adam. Its width may be static (one program a
width) or padded: a narrower network is a wider one whose surplus units are masked.

`Line`: one weight descends a parabola. It compiles in a moment, for tests that kill the script:

    python -m tests.support.sweep_toy DIRECTORY --cells 12 --steps 40 --pause 0.01
"""

import argparse
import dataclasses
import os
import signal
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import sweeps

TRACE_PAUSE = [0.0]  # seconds that tracing takes, as if the program were large


def init_state(traced, key, width):
  """Weights [width] twice, drawn unit by unit so that surplus units change no other draw."""
  active = jnp.arange(width) < traced["width"]
  draw = jax.vmap(lambda key, i: jax.random.uniform(jax.random.fold_in(key, i)), (None, 0))
  units = jnp.arange(width)
  first, second = jax.random.split(key)
  weights = {"a": jnp.where(active, 6.0 * draw(first, units) - 3.0, 0.0),
             "b": jnp.where(active, draw(second, units) - 0.5, 0.0)}
  zeros = jax.tree.map(jnp.zeros_like, weights)
  return {"weights": weights, "m": zeros, "v": zeros, "key": key}


def predict(weights, traced, x):
  """The network on x [n]."""
  scale = traced["width"].astype(jnp.float32) ** -0.5
  active = jnp.arange(weights["a"].shape[0]) < traced["width"]
  hidden = jnp.tanh(x[:, None] * weights["a"][None, :] + 0.5)
  hidden = jnp.where(active[None, :], hidden, 0.0)
  return hidden @ weights["b"] * scale


def loss_of(weights, traced, x):
  """Mean squared error against a sine."""
  return jnp.mean((predict(weights, traced, x) - jnp.sin(3.0 * x)) ** 2)


def adam_step(state, traced, index):
  """One Adam step on eight points."""
  x = jnp.linspace(-1.0, 1.0, 8)
  loss, grads = jax.value_and_grad(loss_of)(state["weights"], traced, x)
  t = index.astype(jnp.float32) + 1.0
  m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], grads)
  v = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, state["v"], grads)

  def update(w, m, v):
    return w - traced["lr"] * (m / (1.0 - 0.9**t)) / (jnp.sqrt(v / (1.0 - 0.99**t)) + 1e-8)

  weights = jax.tree.map(update, state["weights"], m, v)
  return {"weights": weights, "m": m, "v": v, "key": state["key"]}, {"loss": loss}


def final_losses(state, traced):
  """The final loss on a fixed grid, and by parts of it."""
  x = jnp.linspace(-1.0, 1.0, 16)
  parts = [loss_of(state["weights"], traced, part) for part in jnp.split(x, 4)]
  return {"loss": loss_of(state["weights"], traced, x), "loss_by_length": jnp.stack(parts)}


@dataclasses.dataclass(frozen=True)
class Toy:
  """The network; static is the program's width."""

  steps: int = 40

  def split(self, cell):
    return cell["width"], {"lr": cell["lr"], "width": cell["width"]}

  def merge(self, statics):
    return max(statics)

  def cost(self, static):
    return 8 * 6.0 * static

  def memory(self, static):
    return 4.0 * 6 * static

  def make_train(self, static):
    return sweeps.Train(
      init=lambda traced, key: init_state(traced, key, static), step=adam_step, steps=self.steps,
      finish=final_losses, tokens=8, axes={"loss_by_length": ("length", [4, 8, 12, 16])})


@dataclasses.dataclass(frozen=True)
class Line:
  """A weight w of a lane descends (w - target)^2 with momentum; `pause` makes a step last.

  The static setting is the vector's length, so that there may be several programs.
  """

  steps: int = 40
  pause: float = 0.0

  def split(self, cell):
    return cell["width"], {"lr": cell["lr"]}

  def make_train(self, static):
    def init(traced, key):
      time.sleep(TRACE_PAUSE[0])
      return {"w": jax.random.uniform(key, (static,)), "v": jnp.zeros(static)}

    def step(state, traced, index):
      if self.pause:
        jax.debug.callback(lambda: time.sleep(self.pause))
      loss, slope = jax.value_and_grad(lambda w: jnp.mean((w - 2.0) ** 2))(state["w"])
      v = 0.9 * state["v"] - traced["lr"] * slope
      return {"w": state["w"] + v, "v": v}, {"loss": loss}

    return sweeps.Train(init=init, step=step, steps=self.steps,
                        finish=lambda state, traced: {"loss": jnp.mean(state["w"]),
                                                      "weights": state["w"]})


@dataclasses.dataclass(frozen=True)
class Trouble(Line):
  """Line, in which a lane with the traced setting ``trouble`` 1 raises and one with 2 dies.

  Dying by SIGKILL stands for the kernel's OOM killer: no handler runs. ``at`` is the step.
  """

  at: int = 0

  def split(self, cell):
    return cell["width"], {"lr": cell["lr"], "trouble": cell["trouble"]}

  def make_train(self, static):
    train = super().make_train(static)

    def meet(trouble, index):
      if index == self.at and trouble == 1:
        raise RuntimeError(f"trouble at step {index}")
      if index == self.at and trouble == 2:
        os.kill(os.getpid(), signal.SIGKILL)
      return np.float32(0)

    def step(state, traced, index):
      nothing = jax.pure_callback(meet, jax.ShapeDtypeStruct((), jnp.float32), traced["trouble"],
                                  index, vmap_method="sequential")
      state, metrics = train.step(state, traced, index)
      return state, {"loss": metrics["loss"] + nothing}

    return dataclasses.replace(train, step=step)


def troubled(count, raises=(), dies=()):
  """The cells of ``cells``, of which those numbered so raise or die."""
  trouble = lambda i: 1 if i in raises else 2 if i in dies else 0
  return tuple(c.replace(trouble=trouble(i)) for i, c in enumerate(cells(count)))


def cells(count, widths=(2, 3)):
  """Cells of two widths, some learning rates and seeds."""
  rates = [0.03, 0.01, 0.003]
  return tuple(sweeps.Cell(width=widths[i % len(widths)], lr=rates[i % 3], seed=i)
               for i in range(count))


def main(argv):
  parser = argparse.ArgumentParser()
  parser.add_argument("out")
  parser.add_argument("--cells", type=int, default=12)
  parser.add_argument("--steps", type=int, default=40)
  parser.add_argument("--pause", type=float, default=0.0)
  parser.add_argument("--max_lanes", type=int, default=3)
  parser.add_argument("--checkpoint_seconds", type=float, default=0.0)
  parser.add_argument("--chunk_seconds", type=float, default=0.02)
  parser.add_argument("--devices", type=int)
  parser.add_argument("--shard")
  parser.add_argument("--repair", action="store_true")
  parser.add_argument("--process", type=int)
  parser.add_argument("--port", type=int)
  parser.add_argument("--trace_pause", type=float, default=0.0)
  parser.add_argument("--raises", type=int, nargs="*")
  parser.add_argument("--dies", type=int, nargs="*")
  parser.add_argument("--max_deaths", type=int, default=2)
  args = parser.parse_args(argv)
  distributed = args.process is not None
  TRACE_PAUSE[0] = args.trace_pause
  experiment, grid = Line(args.steps, args.pause), cells(args.cells)
  if args.raises is not None or args.dies is not None:
    experiment = Trouble(args.steps, args.pause)
    grid = troubled(args.cells, args.raises or (), args.dies or ())
  with sweeps.exits():
    results = sweeps.run(
      experiment, grid, args.out, max_lanes=args.max_lanes, max_deaths=args.max_deaths,
      checkpoint_seconds=args.checkpoint_seconds, chunk_seconds=args.chunk_seconds,
      report=distributed, repair=args.repair, devices=args.devices,
      argv=("python", "sweep_toy.py", *argv), distributed=distributed,
      shard=tuple(map(int, args.shard.split("/"))) if args.shard else None,
      coordinator_address=f"127.0.0.1:{args.port}" if distributed else None,
      num_processes=2 if distributed else None, process_id=args.process)
  sys.exit(results.exit_code)


if __name__ == "__main__":
  main(sys.argv[1:])
