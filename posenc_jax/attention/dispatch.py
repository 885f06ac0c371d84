# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which implementation runs, and why the others do not."""

from typing import NamedTuple, Protocol

import jax

from posenc_jax import _compat, _errors
from posenc_jax.attention import semantics, settings
from posenc_jax.attention.call import Call
from posenc_jax.attention.fused import cudnn, splash
from posenc_jax.attention.fused import strip as tpu_strip
from posenc_jax.attention.tiles import rows


class Implementation(Protocol):
  """What a module offers to be one of the ways in which attention runs.

  Attributes:
    NAME: what ``implementation=`` calls it.
    PLATFORM: "gpu" or "tpu" if it runs nowhere else, or None.
  """

  @property
  def NAME(self) -> str: ...

  @property
  def PLATFORM(self) -> str | None: ...

  def obstacle(self, call: Call) -> str | None:
    """Why it cannot serve this call, or None."""
    ...

  def run(self, call: Call) -> jax.Array:
    """Attention of a call without an obstacle: ``[..., T, N, H']``."""
    ...


_MODULES: tuple[Implementation, ...] = (semantics, rows, cudnn, splash, tpu_strip)
_BY_NAME = {module.NAME: module for module in _MODULES}
IMPLEMENTATIONS = ("auto", *_BY_NAME)
_MACHINES = {"gpu": "NVIDIA GPUs", "tpu": "TPUs"}
_AUTOMATIC = ("cudnn", "splash", "strip")


class Explanation(NamedTuple):
  """What ``explain`` returns.

  Attributes:
    chosen: the implementation that runs.
    why: a sentence.
    obstacles: for every implementation None if it can serve the call, else the reason.
    not_run: hooks of the encoding that ``applied`` says the caller runs, so attention does not.
    notes: what the call does that may not be meant.
  """

  chosen: str
  why: str
  obstacles: dict[str, str | None]
  not_run: tuple[str, ...] = ()
  notes: tuple[str, ...] = ()

  def __str__(self) -> str:
    lines = [f"{self.chosen}: {self.why}"]
    for name, obstacle in self.obstacles.items():
      lines.append(f"  {name}: {'can serve this call' if obstacle is None else obstacle}")
    if self.not_run:
      lines.append(f"  not run here, as applied= says: {', '.join(self.not_run)}")
    lines += [f"  note: {note}" for note in self.notes]
    return "\n".join(lines)


def decide(call: Call, implementation: str, platform: str | None = None) -> Explanation:
  """Chooses the implementation of a call.

  Args:
    call: the call.
    implementation: one of ``IMPLEMENTATIONS``.
    platform: "cpu", "gpu" or "tpu"; None is what the call is traced for.

  Returns:
    The choice and the reasons.

  Raises:
    ValueError: an unknown implementation, or one that cannot serve this call.
  """
  _errors.check_choice("implementation", implementation, IMPLEMENTATIONS)
  platform = settings.platform_of(call.queries.x) if platform is None else platform
  obstacles = {module.NAME: _obstacle(module, call, platform) for module in _MODULES}
  if implementation != "auto":
    if obstacles[implementation] is not None:
      able = [name for name, found in obstacles.items() if found is None]
      raise _errors.value_error(
          "implementation", repr(implementation),
          f"one that can serve this call: {', '.join(able)}",
          f"{implementation} cannot: {obstacles[implementation]}")
    return Explanation(implementation, "it was asked for", obstacles)
  t, s, _, _ = call.sizes
  for name in _AUTOMATIC:
    # Our own kernel for TPUs pads a tile to 128 rows, which is waste for a few new tokens.
    if obstacles[name] is None and (name != "strip" or t >= 128):
      return Explanation(name, f"a fused kernel of this platform ({platform}) serves the call",
                         obstacles)
  if obstacles["rows"] is not None:
    return Explanation("reference", f"rows cannot: {obstacles['rows']}", obstacles)
  if t * s <= _dense_scores(call, platform):
    return Explanation("reference", f"{t} x {s} scores are few, so dense is fastest", obstacles)
  return Explanation("rows", "no fused kernel serves the call, and rows needs no T x S memory",
                     obstacles)


def _obstacle(module, call, platform):
  off = settings.why_off(module.NAME)
  if off is not None:
    return off
  if module.PLATFORM is None:
    return module.obstacle(call)
  if module.PLATFORM != platform:
    return f"it runs on {_MACHINES[module.PLATFORM]}, and this is a {platform}"
  if 0 in (*call.queries.x.shape, *call.keys.x.shape, call.v.shape[-1]):
    return "it takes no empty arrays"
  return module.obstacle(call)


def _dense_scores(call, platform):
  """T * S up to which dense attention is the better choice: measured on CPUs only."""
  plain = semantics.needs_whole_rows(call) is None
  return 48 * 48 if plain and platform == "cpu" else 128 * 128


def run(name: str, call: Call) -> jax.Array:
  """Runs an implementation that ``decide`` returned: ``[..., T, N, H']``, cut over devices as q is.

  Where the axes of a mesh are explicit, they are automatic inside: no implementation has to say how
  each of its steps is cut.
  """
  leaves, tree = jax.tree.flatten(call)
  at = [i for i, x in enumerate(leaves) if isinstance(x, jax.Array)]

  def of_arrays(*arrays):
    new = list(leaves)
    for i, x in zip(at, arrays, strict=True):
      new[i] = x
    return _BY_NAME[name].run(jax.tree.unflatten(tree, new))

  with settings.traced_for(settings.platform_of(call.queries.x)):
    return _compat.without_explicit_axes(of_arrays, call.queries.x, last=call.v)(
        *(leaves[i] for i in at))
