# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""FoX: attention that forgets at a pace the layer's input sets (hooks ``layer`` and ``bias``).

Lin et al. 2025, "Forgetting Transformer", arXiv 2503.02130, section 3.
Differs from the paper: the cumulated log gates are kept as an unevaluated sum of two floats. One
float32 loses 1e-3 of the difference of neighbours after 4 thousand tokens and 0.4 after a million;
the pair keeps it to float32 rounding at any length, so packed documents need no restart.
"""

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks, _sums


def log_forget_gates(x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
  """log sigmoid(x W + b), the logarithm of each head's forget gate.

  Args:
    x: ``[..., T, D]``, a layer's input.
    weight: ``[D, N]``.
    bias: ``[N]``.

  Returns:
    float32 ``[..., T, N]`` (float64 for float64 x), at most 0.

  Raises:
    TypeError: x, weight or bias is no float array.
    ValueError: the width of x is not D.

  Example:
    >>> log_forget_gates(jnp.zeros((1, 3)), jnp.zeros((3, 2)), jnp.zeros(2)).round(3).tolist()
    [[-0.693, -0.693]]

  References:
    Lin et al. 2025, arXiv 2503.02130, section 3, the definition of f_t.
  """
  mend = "Build them with Fox.init(key, d_model, num_heads)"
  x = _checks.floats("x", x, "[..., T, D]", "Pass a layer's input")
  weight = jnp.asarray(_checks.floats("weight", weight, "[D, N]", mend))
  bias = jnp.asarray(_checks.floats("bias", bias, "[N]", mend, sizes={"N": weight.shape[1]}))
  if x.shape[-1] != weight.shape[0]:
    raise _errors.value_error("x", f"width {x.shape[-1]}", f"the gates' width {weight.shape[0]}",
                              "Build the gates for the model width D of the layer's input")
  x = jnp.asarray(x)
  dtype = _numerics.wide(x)
  # Full precision: errors of single gates add up over the whole sequence, and N columns are few.
  logits = jnp.einsum("...td,dn->...tn", x.astype(dtype), weight.astype(dtype),
                      precision=jax.lax.Precision.HIGHEST)
  return jax.nn.log_sigmoid(logits + jnp.broadcast_to(bias.astype(dtype), logits.shape))


def forget_positions(log_gates: jax.Array, *, carry: jax.Array | None = None,
                     segments: jax.Array | None = None) -> jax.Array:
  """c_m = log f_0 + .. + log f_m for each head, as an unevaluated sum of two floats.

  Args:
    log_gates: ``[..., T, N]``, at most 0.
    carry: None, or ``[..., 2, N]``, the last positions of the previous chunk: ``c[..., -1, :, :]``.
    segments: None, or int ids ``[..., T]``. Tokens of a negative id are padding and count nothing,
      so a right-padded prompt can be continued. Documents need no restart, as all that precedes
      them cancels in c_m - c_n.

  Returns:
    float32 ``[..., T, 2, N]`` (float64 for float64 gates): the rounded sum, then what the rounding
    left out.

  Raises:
    ValueError: a rank below 2, a carry or segments of another shape.

  Example:
    >>> forget_positions(jnp.array([[-1.0], [-0.5]]))[:, 0].tolist()
    [[-1.0], [-1.5]]

  References:
    Lin et al. 2025, arXiv 2503.02130, section 3; Knuth, The Art of Computer Programming 2, section
    4.2.2, theorem B, for the exact error of a sum.
  """
  if log_gates.ndim < 2:
    raise _errors.value_error("log_gates", f"shape {log_gates.shape}", "[..., T, N]",
                              "Add an axis for the heads, of size 1 where they share a gate")
  *batch, length, heads = log_gates.shape
  log_gates = jnp.asarray(_checks.floats("log_gates", log_gates, "[..., T, N]",
                                         "Pass what log_forget_gates returned"))
  gates = log_gates.astype(_numerics.wide(log_gates))
  if segments is not None:
    segments = jnp.asarray(_align.align_array(segments, len(batch), length, 0, "segments",
                                              real=False))
    gates = jnp.where(segments[..., None] < 0, 0, gates)
  total = _sums.sum_pairs(gates, axis=len(batch))
  if carry is not None:
    before = _checks.floats("carry", carry, "[..., 2, N]",
                            "Pass c[..., -1, :, :] of the last chunk")
    if before.shape != (*batch, 2, heads):
      raise _errors.value_error("carry", f"shape {before.shape}", f"{(*batch, 2, heads)}",
                                "Pass what the previous chunk of the same sequences returned")
    total = _sums.add_pairs((before[..., None, 0, :], before[..., None, 1, :]), total)
  return jnp.stack(total, axis=-2)


def forget_bias(q_positions: jax.Array, k_positions: jax.Array) -> jax.Array:
  """c_m - c_n = log f_(n+1) + .. + log f_m: what the query has forgotten of the key.

  Args:
    q_positions: ``[..., T, 2, N]`` from ``forget_positions``.
    k_positions: ``[..., S, 2, N]``, of the same sequences.

  Returns:
    ``[..., N, T, S]``: at most 0 for keys in the past; keys in the future must be masked.

  Raises:
    ValueError: positions that ``forget_positions`` did not make.

  Example:
    >>> c = forget_positions(jnp.array([[-1.0], [-0.5], [-0.25]]))
    >>> forget_bias(c[2:], c).tolist()
    [[[-0.75, -0.25, 0.0]]]

  References:
    Lin et al. 2025, arXiv 2503.02130, section 3, the logit bias d_ij.
  """
  for name, c in (("q_positions", q_positions), ("k_positions", k_positions)):
    if len(np.shape(c)) < 3 or c.shape[-2:] != (2, q_positions.shape[-1]):
      raise _errors.value_error(name, f"shape {np.shape(c)}", "driven positions [..., T, 2, N]",
                                "Pass what forget_positions or Fox.layer returned")
  row = lambda c, i: jnp.swapaxes(c[..., i, :], -1, -2)  # to [..., N, T]
  high, low = (row(q_positions, i)[..., :, None] - row(k_positions, i)[..., None, :]
               for i in (0, 1))
  return high + low


@encoding
class Fox(Encoding):
  """Adds the sum of log forget gates between key and query to the scores; causal attention only.

  A layer calls ``layer`` on its input, uses the positions that it returns as this layer's, and
  caches them beside the keys; token indices play no part. Compose with ``chain(Rotary(..),
  Fox(..))`` for the paper's variant with rotary positions.

  Args:
    gate_weight: ``[D, N]``, a parameter; D is the model width.
    gate_bias: ``[N]``, a parameter.

  Raises:
    TypeError: gates that are no float arrays.
    ValueError: shapes that do not fit together.

  Example:
    >>> import posenc_jax as px
    >>> e = Fox.init(jax.random.key(0), d_model=6, num_heads=2)
    >>> x, q = jnp.ones((5, 6)), jnp.ones((5, 2, 4))
    >>> x, c, carry = e.layer(x, jnp.arange(5))
    >>> px.attend(q, q, q, e, q_positions=c, k_positions=c, causal=True, applied=("layer",)).shape
    (5, 2, 4)
  """

  gate_weight: jax.Array = parameter()
  gate_bias: jax.Array = parameter(None)  # None, so that a missing one gets the message below

  relative = True
  position_axes = None
  layer_axes = 2

  def __post_init__(self):
    mend = "Build them with Fox.init(key, d_model, num_heads)"
    for name in ("gate_weight", "gate_bias"):
      letters = "[D, N]" if name == "gate_weight" else "[N]"
      _checks.floats(name, getattr(self, name), letters, mend, stacked=True)
    w, b = self.gate_weight.shape, self.gate_bias.shape
    if len(w) != 2 or b != w[1:]:
      raise _errors.value_error("gate_weight, gate_bias", f"shapes {w} and {b}", "[D, N] and [N]",
                                "Give every query head one column and one bias")

  @classmethod
  def init(cls, key, d_model: int, num_heads: int, *, stddev: float = 0.02,
           gate_bias: float = 0.0) -> "Fox":
    """Draws the weights from N(0, stddev^2), as the authors' code does; gates start at 1/2.

    A larger ``gate_bias`` forgets more slowly at first: 5 starts the gates at 0.993.
    """
    d_model = _checks.size("d_model", d_model, "Pass the model width D")
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    weight = jax.random.normal(_checks.key(key), (d_model, num_heads), jnp.float32) * stddev
    return cls(weight, jnp.full((num_heads,), gate_bias, jnp.float32))

  def align(self, positions, batch, length, argument="positions"):
    heads, shape = self.gate_bias.shape[-1], np.shape(positions)
    if len(shape) < 3 or shape[-2:] != (2, heads):
      raise _errors.value_error(argument, f"shape {shape}",
                                f"driven positions [..., T, 2, {heads}]",
                                "Pass what layer(x, positions) returned for these tokens")
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    del positions
    gates = log_forget_gates(x, self.gate_weight, self.gate_bias)
    c = forget_positions(gates, carry=carry, segments=segments)
    return x, c, c[..., -1, :, :]

  def bias(self, tile):
    return forget_bias(tile.q_positions, tile.k_positions)

  def bias_columns(self, q_positions, k_positions):
    del q_positions  # c_m is constant along row m.
    k_columns = -jnp.swapaxes(k_positions, -1, -2)
    return np.ones(k_columns[..., :1, :1, :].shape, k_columns.dtype), k_columns
