# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Members of `fuzz.attend` on a part of the model: one position axis, some heads, some dims."""

import dataclasses

import numpy as np

from tests.oracles.fuzz import Member, softmax


class Along(Member):
  """One axis of positions [T, P]."""

  def __init__(self, axis, inner):
    super().__init__()
    self.axis, self.inner = axis, inner

  def _scene(self, scene):
    pick = lambda p: np.asarray(p)[:, self.axis]
    return dataclasses.replace(scene, q_positions=pick(scene.q_positions),
                               k_positions=pick(scene.k_positions))

  def turn(self, q, k, q_positions, k_positions):
    return self.inner.turn(q, k, *(np.asarray(p)[:, self.axis] for p in (q_positions, k_positions)))

  def bias(self, scene):
    return self.inner.bias(self._scene(scene))


class OnHeads(Member):
  """Some query heads; those of keys that only they use."""

  def __init__(self, start, stop, inner):
    super().__init__()
    self.heads, self.inner = slice(start, stop), inner

  def _scene(self, scene):
    cut = self.heads
    return dataclasses.replace(scene, q=scene.q[:, cut], k=scene.k[:, cut], mask=scene.mask[cut])

  def _put(self, whole, part):
    """A copy of whole [N, ..] with the heads' part in it."""
    if part is None:
      return None
    out = np.array(whole)
    out[self.heads] = part
    return out

  def turn(self, q, k, q_positions, k_positions):
    group = q.shape[1] // k.shape[1]
    keys = slice(self.heads.start // group, self.heads.stop // group)
    a, b = self.inner.turn(q[:, self.heads], k[:, keys], q_positions, k_positions)
    # What other heads keep is as wide as what these became: zeros add nothing to a product.
    q, k = (np.pad(x, ((0, 0), (0, 0), (0, y.shape[2] - x.shape[2]))) for x, y in ((q, a), (k, b)))
    q[:, self.heads], k[:, keys] = a, b
    return q, k

  def hides(self, scene):
    return self._put(np.ones(scene.mask.shape, bool), self.inner.hides(self._scene(scene)))

  def bias(self, scene):
    return self._put(np.zeros(scene.mask.shape), self.inner.bias(self._scene(scene)))

  def remake(self, z, scene):
    return self._put(z, self.inner.remake(z[self.heads], self._scene(scene)))

  def weigh(self, z, scene):
    part = self.inner.weigh(z[self.heads], self._scene(scene))
    return None if part is None else self._put(softmax(z, scene.mask), part)

  def add(self, weights, scene):
    part = self.inner.add(weights[self.heads], self._scene(scene))
    if part is None:
      return None
    out = np.zeros((part.shape[0], len(weights), part.shape[2]))
    out[:, self.heads] = part
    return out


class OnDims(Member):
  """Some dims of each head."""

  def __init__(self, start, stop, inner):
    super().__init__()
    self.dims, self.inner = slice(start, stop), inner

  def turn(self, q, k, q_positions, k_positions):
    q, k = np.array(q), np.array(k)
    q[..., self.dims], k[..., self.dims] = self.inner.turn(
        q[..., self.dims], k[..., self.dims], q_positions, k_positions)
    return q, k

  def bias(self, scene):
    return self.inner.bias(dataclasses.replace(scene, q=scene.q[..., self.dims],
                                               k=scene.k[..., self.dims]))
