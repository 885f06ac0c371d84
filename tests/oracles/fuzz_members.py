# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The members that `fuzz.attend` takes: every encoding once more, as arrays over queries and keys.

`leaves` are named as in the papers' classes of the package; nothing is imported from it.
"""

from collections.abc import Callable

import numpy as np

from tests.oracles.fuzz import Member, exact_angles, softmax, turned


class Rotary(Member):
  """Su et al. 2021, eq. 34: pair i turns by position * theta_i."""

  def __init__(self, frequencies, pairing="half", attention_scaling=1.0, learned=False):
    super().__init__(attention_scaling=attention_scaling)
    self.exact = None if learned else list(frequencies)
    if learned:
      self.leaves["frequencies"] = np.asarray(frequencies, np.float64)
    self.pairing = pairing

  def angles(self, positions):
    """[T, r / 2] in [-pi, pi] or so, from the exact product."""
    if self.exact is None:
      return np.asarray(positions, np.float64)[:, None] * self.leaves["frequencies"]
    return exact_angles(positions, self.exact)

  def turn(self, q, k, q_positions, k_positions):
    s = float(self.leaves["attention_scaling"])
    return (turned(q, self.angles(q_positions), self.pairing, s),
            turned(k, self.angles(k_positions), self.pairing, s))


class MRotary(Member):
  """Qwen2-VL, 2409.12191: pair i turns by the position of its axis."""

  def __init__(self, axes, frequencies):
    super().__init__()
    self.axes, self.frequencies = axes, frequencies

  def _angles(self, positions):
    columns = [exact_angles(np.asarray(positions)[:, a], [f])[:, 0]
               for a, f in zip(self.axes, self.frequencies, strict=True)]
    return np.stack(columns, axis=1)

  def turn(self, q, k, q_positions, k_positions):
    return (turned(q, self._angles(q_positions), "half"),
            turned(k, self._angles(k_positions), "half"))


class VORotary(Member):
  """Su, kexue.fm 10862: values turn by their position, outputs turn back by the query's."""

  def __init__(self, frequencies):
    super().__init__()
    self.frequencies = frequencies

  def turn_values(self, v, k_positions):
    return turned(v, exact_angles(k_positions, self.frequencies), "half")

  def turn_back(self, out, q_positions):
    return turned(out, exact_angles(q_positions, self.frequencies), "half", sign=-1.0)


class Alibi(Member):
  """Press et al. 2021: -slope_h |m - n|. Leaves: slopes [N]."""

  def bias(self, scene):
    return -self.slopes[:, None, None] * np.abs(scene.distance())


class T5(Member):
  """Raffel et al. 2019: table[bucket(n - m), h]. Leaves: table [buckets, N]."""

  def __init__(self, bucket: Callable[[int], int], **leaves):
    super().__init__(**leaves)
    self.bucket = bucket

  def bias(self, scene):
    d = scene.distance().astype(np.int64)
    rows = np.vectorize(lambda x: self.bucket(int(-x)), otypes=[int])(d) if d.size else d
    return np.moveaxis(self.table[rows], -1, 0)


class Fire(Member):
  """Li et al. 2023. Leaves: w1, b1 [W], w2 [W, N], c, multiplier."""

  def __init__(self, threshold, **leaves):
    super().__init__(**leaves)
    self.threshold = threshold

  def bias(self, scene):
    psi = lambda x: np.log(1 + np.abs(self.c * x))
    m = np.asarray(scene.q_positions, np.float64)[:, None]
    start = np.abs(self.multiplier * self.threshold)
    x = psi(scene.distance()) / (psi(np.maximum(start, m)) + 1e-6)
    hidden = np.maximum(x[..., None] * self.w1 + self.b1, 0)
    return np.moveaxis(hidden @ self.w2, -1, 0)


class Shaw(Member):
  """Shaw et al. 2018, eqs. 3 and 4. Leaves: key_table, value_table [2c + 1, H]."""

  def _rows(self, scene):
    table = self.leaves.get("key_table", self.leaves.get("value_table"))
    reach = len(table) // 2
    return (np.clip(-scene.distance(), -reach, reach) + reach).astype(int)

  def bias(self, scene):
    if "key_table" not in self.leaves:
      return None
    return scene.scale * np.einsum("tnh,tsh->nts", scene.q, self.key_table[self._rows(scene)])

  def add(self, weights, scene):
    if "value_table" not in self.leaves:
      return None
    return np.einsum("nts,tsh->tnh", weights, self.value_table[self._rows(scene)])


class TransformerXL(Member):
  """Dai et al. 2019, section 3.3. Leaves: u, v [N, H], w_r [D, N, H]."""

  def __init__(self, frequencies, **leaves):
    super().__init__(**leaves)
    self.frequencies = frequencies

  def bias(self, scene):
    d = scene.distance()
    turn = exact_angles(d.reshape(-1), self.frequencies).reshape(*d.shape, len(self.frequencies))
    sinusoid = np.concatenate([np.sin(turn), np.cos(turn)], axis=-1)
    content = np.einsum("nh,snh->ns", self.u, scene.k)[:, None, :]
    projected = np.einsum("tsd,dnh->tsnh", sinusoid, self.w_r)
    place = np.einsum("tnh,tsnh->nts", scene.q + self.leaves["v"], projected)
    return scene.scale * (content + place)


class Cope(Member):
  """Golovneva et al. 2024, section 4. Leaves: table [P, H] or [P, N, H]."""

  def __init__(self, scaled, **leaves):
    super().__init__(**leaves)
    self.scaled = scaled

  def remake(self, z, scene):
    out = np.array(z)
    for n in range(z.shape[0]):
      rows = self.table if self.table.ndim == 2 else self.table[:, n]
      gates = np.where(scene.mask[n], 1 / (1 + np.exp(-z[n])), 0)
      p = np.minimum(np.cumsum(gates[:, ::-1], axis=1)[:, ::-1], len(rows) - 1.0)
      low = np.floor(p).astype(int)
      high = np.minimum(low + 1, len(rows) - 1)
      part = (p - low)[..., None]
      mixed = (1 - part) * rows[low] + part * rows[high]
      added = np.einsum("th,tsh->ts", scene.q[:, n], mixed)
      out[n] += added * scene.scale if self.scaled else added
    return out


class Dape(Member):
  """Zheng et al. 2024, both versions. Leaves: hidden_weight, hidden_bias, out_weight, slopes."""

  def remake(self, z, scene):
    bias = -self.slopes[:, None, None] * np.abs(scene.distance())
    both = np.where(np.concatenate([scene.mask] * 2), np.concatenate([z, bias]), 0)
    hidden = self._convolve(both, self.hidden_weight) + self.hidden_bias[:, None, None]
    hidden = np.where(hidden > 0, hidden, 0.01 * hidden)
    hidden = np.where(scene.mask.any(axis=0), hidden, 0)
    return z + bias + self._convolve(hidden, self.out_weight)

  def _convolve(self, x, weight):
    taps, size = weight.shape[0], x.shape[-1]
    out = np.zeros((weight.shape[2], *x.shape[1:]))
    for j in range(taps):
      for s in range(size):
        at = s + j - taps // 2
        if 0 <= at < size:
          out[:, :, s] += weight[j].T @ x[:, :, at]
    return out


class Fox(Member):
  """Lin et al. 2025: c_m - c_n. Its positions are cumulated log gates [T, N]."""

  def bias(self, scene):
    return (scene.q_positions[:, None] - scene.k_positions[None]).transpose(2, 0, 1)


class Pope(Member):
  """Gopalakrishnan et al. 2025. Leaves: delta [N, H]."""

  def __init__(self, frequencies, **leaves):
    super().__init__(**leaves)
    self.frequencies = frequencies

  def turn(self, q, k, q_positions, k_positions):
    group = q.shape[1] // k.shape[1]
    a, b = np.logaddexp(0, q), np.repeat(np.logaddexp(0, k), group, axis=1)
    m, n = (exact_angles(p, self.frequencies)[:, None] for p in (q_positions, k_positions))
    wide = lambda x, turn: np.concatenate([x * np.cos(turn), x * np.sin(turn)], axis=-1)
    return wide(a, m - self.delta), wide(b, n)


class LogN(Member):
  """Su 2021: the query at m is multiplied by max(1, log(m + 1) / log(L)). Leaves: train_length."""

  def turn(self, q, k, q_positions, k_positions):
    m = np.maximum(np.asarray(q_positions, np.float64) + 1, 1)
    return q * np.maximum(1, np.log(m) / np.log(self.train_length))[:, None, None], k


class SSMax(Member):
  """Nakanishi 2025: scores times s_h log n + b_h. Leaves: s [N], offset [N]."""

  def remake(self, z, scene):
    count = np.maximum(scene.mask.sum(axis=-1, keepdims=True), 1)
    factor = self.s[:, None, None] * np.log(count)
    if "offset" in self.leaves:
      factor = factor + self.offset[:, None, None]
    return z * factor


class HardAlibi(Member):
  """Head h < M sees the h + 1 nearest keys of the past."""

  def __init__(self, limited):
    super().__init__()
    self.limited = limited

  def hides(self, scene):
    heads = np.arange(scene.mask.shape[0])
    limited, distance = (heads < self.limited)[:, None, None], scene.distance()[None]
    return ~limited | (distance >= 0) & (distance <= heads[:, None, None])


class Sink(Member):
  """A learned logit beside the keys. Leaves: logit [N]."""

  def weigh(self, z, scene):
    sink = np.broadcast_to(self.logit[:, None, None], (*z.shape[:2], 1))
    z = np.concatenate([z, sink], axis=-1)
    mask = np.concatenate([scene.mask, np.ones_like(sink, bool)], axis=-1)
    return softmax(z, mask)[..., :-1]
