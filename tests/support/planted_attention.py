# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Planted faults of attention's arguments, rule and carrier, of chains and combinators."""

from tests.support.fault import Fault

_KINDS = "tests/attention/test_planted_kinds.py"
_VALUES = "tests/attention/test_right_values.py"
_REFUSALS = "tests/attention/test_refusals.py"
_ENCODINGS = "tests/attention/test_refusals_encodings.py"
_PREFIX = "tests/attention/test_prefix.py"
_ARGUMENTS = "posenc_jax/attention/arguments.py"
_RULE = "posenc_jax/attention/visibility.py"
_HIDING = "posenc_jax/attention/hiding.py"

ATTENTION = [
  Fault(
    "rows-grouped-heads", "posenc_jax/attention/tiles/work.py",
    "{0: at.b, 2: at.head // groups}, {0: at.batch, 2: at.heads // groups})",
    "{0: at.b, 2: at.head}, {0: at.batch, 2: at.heads // groups})",
    f"{_KINDS} -k 'chunks and None'"),
  Fault(
    "ring-rows-segments", "posenc_jax/attention/context/ring.py",
    "return rows_lib.run(Call(rows, keys.side, keys.v",
    "return rows_lib.run(Call(rows._replace(segments=None), keys.side._replace(segments=None), "
    "keys.v", f"{_KINDS} -k whole_rows"),
  Fault(
    "ring-rows-order", "posenc_jax/attention/context/ring.py",
    "mask = None if mask is None else jnp.take(mask, order, axis=-1)", "pass",
    f"{_PREFIX} -k eight"),
  Fault(
    "cudnn-key-lengths", "posenc_jax/attention/fused/cudnn.py",
    "key_value_seq_lengths=lengths[1]", "key_value_seq_lengths=lengths[0]",
    "tests/attention/test_dispatch.py -k what_cudnn"),
  Fault(
    "numbers-wrap", "posenc_jax/_align.py",
    "if np.dtype(x.dtype).itemsize >= 4:", "if np.dtype(x.dtype).itemsize >= 16:",
    f"{_REFUSALS} -k 'int64 or uint32'"),
  Fault(
    "numbers-stay-unsigned", "posenc_jax/_align.py",
    "  return x.astype(np.int32)\n\n\ndef _outside", "  return x\n\n\ndef _outside",
    f"{_VALUES} -k 'positions_of_every and uint8'"),
  Fault(
    "numbers-at-the-end", "posenc_jax/_align.py",
    "_LEAST, _MOST = -(2**31), 2**31 - 1", "_LEAST, _MOST = -(2**31), 2**31",
    f"{_REFUSALS} -k int64-by-one"),
  Fault(
    "real-nan", "posenc_jax/_align.py",
    "if not np.isfinite(value).all():", "if np.isinf(value).all():",
    f"{_REFUSALS} -k 'nan or infinity'"),
  Fault(
    "real-rounded", "posenc_jax/_align.py",
    "- value).max() > 1e-3:", "- value).max() > 1e9:", f"{_REFUSALS} -k float64-seconds"),
  Fault(
    "bool-positions", "posenc_jax/_align.py",
    'array.dtype.kind not in "iuf"', 'array.dtype.kind not in "iufb"',
    f"{_REFUSALS} -k 'bool-list or lengths-none'"),
  Fault(
    "batch-axes-any", _ARGUMENTS,
    "if any(a not in (1, b) for a, b in zip(np.shape(x), lead, strict=False)):",
    "if any(a % b and a > 1 for a, b in zip(np.shape(x), lead, strict=False)):",
    f"{_REFUSALS} -k 'batch-for-one or other-batch'"),
  Fault(
    "order-of-axes", _ARGUMENTS,
    "plain = encoding.position_axes == 0 and encoding.layer_axes is None and",
    "plain = at.shape[-1] == length and",
    f"{_VALUES} -k as_many_axes"),
  Fault(
    "positions-ignored", _ARGUMENTS,
    '  _align.align_array(x, batch, length, 0, name)\n', "",
    f"{_REFUSALS} -k 'other-tokens or length-none'"),
  Fault(
    "span-traced-only", _ARGUMENTS,
    "if np.max(high - low) >= 2**31:", "if np.max(high - low) > 2**32:", f"{_REFUSALS} -k apart"),
  Fault(
    "mixed-positions", _ARGUMENTS,
    "and a.dtype != b.dtype:", "and a.dtype.itemsize != b.dtype.itemsize:",
    f"{_REFUSALS} -k int-and-float"),
  Fault(
    "scale-per-head", _ARGUMENTS,
    "  if shape:\n    raise _errors.value_error(\"scale\"",
    "  if len(shape) == 1:\n    raise _errors.value_error(\"scale\"",
    f"{_REFUSALS} -k scale"),
  Fault(
    "hooks-nobody-runs", _ARGUMENTS,
    "left = [hook for hook in MODEL_HOOKS if part.has(hook) and hook not in names]",
    "left = [hook for hook in MODEL_HOOKS[2:] if part.has(hook) and hook not in names]",
    f"{_ENCODINGS} -k 'sinusoidal or learned or randomized'"),
  Fault(
    "hooks-of-the-first", _ARGUMENTS,
    "  for part, _, _ in encoding.parts():\n", "  for part in [encoding]:\n",
    f"{_ENCODINGS} -k 'randomized or convolution'"),
  Fault(
    "prefix-without-rule", _ARGUMENTS,
    "if prefix is not None and not rule.uses_order:", "if prefix is not None and rule is None:",
    f"{_REFUSALS} -k prefix"),
  Fault(
    "prefix-by-order", _HIDING,
    "return (k_order <= limit) & (prefix > 0)",
    "return (k_order - xp.min(k_order, axis=-1, keepdims=True) < prefix) & (prefix > 0)",
    f"{_PREFIX} -k begin_anywhere"),
  Fault(
    "prefix-in-documents", _RULE,
    "parts[0] = parts[0] | jnp.asarray(keys.prefix)[..., None, :]",
    "parts[0] = parts[0] | jnp.asarray(keys.prefix)[..., None, :]\n"
    "    queries = queries._replace(segments=None)",
    f"{_PREFIX} -k documents"),
  Fault(
    "prefix-key-range", _RULE,
    "seen = seen | keys.prefix.reshape(-1, size).any(axis=0) if known else np.ones(size, bool)",
    "seen = seen if known else np.ones(size, bool)",
    f"{_PREFIX} -k 'causal_and_window and rows'"),
  Fault(
    "prefix-may-see", _RULE,
    "if rule.uses_order and keys.prefix is None:", "if rule.uses_order:",
    f"{_KINDS} -k some_rows"),
  Fault(
    "prefix-columns", "posenc_jax/attention/bias/columns.py",
    "plain = call.rule.causal and keys.prefix is None", "plain = call.rule.causal",
    f"{_PREFIX} -k later_keys"),
  Fault(
    "prefix-fused", "posenc_jax/attention/fused/obstacles.py",
    "if call.keys.prefix is not None:", "if call.keys.prefix is not None and call.mask:",
    f"{_PREFIX} -k fused"),
  Fault(
    "window-signed", _RULE,
    "behind, ahead = ((x - y).astype(jnp.uint32) for", "behind, ahead = ((x - y) for",
    f"{_VALUES} -k 'both_ends'"),
  Fault(
    "window-reach", _RULE,
    "left, right = (np.uint32(min(w, _REACH)) for w in (left, right))",
    "left, right = (np.uint32(min(w, 2**31 - 1)) for w in (left, right))",
    f"{_VALUES} -k 'both_ends'"),
  Fault(
    "window-key-range", _RULE,
    'wide = np.int64 if q.dtype.kind in "iu" else np.float64', "wide = q.dtype",
    f"{_VALUES} -k 'ends_of_int32'"),
  Fault(
    "window-open-side", _RULE,
    "low = q.min() - left", "low = q.max() - left", f"{_KINDS} -k some_rows"),
  Fault(
    "padding-sees-padding", _HIDING,
    "_PADDED_QUERY, _PADDED_KEY = -1, -2", "_PADDED_QUERY, _PADDED_KEY = -1, -1",
    f"{_KINDS} -k padding"),
  Fault(
    "padding-meets-documents", _HIDING,
    "ids = xp.where(ids < 0, -2 * ids - 1, 2 * ids)", "ids = xp.where(ids < 0, ids, 2 * ids)",
    f"{_KINDS} -k padding"),
  Fault(
    "mask-examples-or-heads", _HIDING,
    "if fits and mask.ndim == batch + 2 and batch and", "if fits and mask.ndim == batch and",
    f"{_REFUSALS} -k mask-examples"),
  Fault(
    "lengths-of-two", _HIDING,
    "lead[-1:] == (2,) and not any(np.ndim(x) for x in pair)",
    "lead[-1:] == (2,) and any(np.ndim(x) for x in pair)", f"{_REFUSALS} -k lengths-pair"),
  Fault(
    "fold-one-axis", "posenc_jax/attention/call.py",
    "if all(n == 1 for n in x.shape[:len(lead)]):", "if x.shape[0] == 1:",
    f"{_KINDS} -k some_are_shared"),
  Fault(
    "fold-order", "posenc_jax/attention/call.py",
    "return xp.broadcast_to(x, lead + x.shape[len(lead):]).reshape(",
    "return xp.broadcast_to(x[:1], lead + x.shape[len(lead):]).reshape(",
    f"{_KINDS} -k some_are_shared"),
  Fault(
    "explain-asks-no-hooks", "posenc_jax/attention/api.py",
    "    _ask_hooks(call)\n", "    del call\n",
    f"{_ENCODINGS} -k 'heads-first-explain or shaw'"),
  Fault(
    "prepare-any-batch", "posenc_jax/attention/api.py",
    'arguments.check_lead(k_positions, k.shape[:-3], "k_positions")', "pass",
    f"{_KINDS} -k prepare"),
  Fault(
    "heads-of-one", "posenc_jax/_heads.py",
    "if came == heads or (came == 1 and e.shared_heads):", "if came in (1, heads):",
    f"{_ENCODINGS} -k one_head"),
  Fault(
    "note-of-a-hook", "posenc_jax/_guard.py", "        error.add_note(", "        str(",
    "tests/attention/test_answers.py -k names_the_hook"),
  Fault(
    "heads-of-columns", "posenc_jax/attention/bias/columns.py",
    'check_heads(part, "bias_columns", most.shape, -2, call.sizes[2])', "pass",
    f"{_ENCODINGS} -k 'other_heads and alibi-alone'"),
  Fault(
    "heads-of-distances", "posenc_jax/attention/bias/distances.py",
    'check_heads(encoding, "distance_bias", bias.shape, 0, heads)', "pass",
    f"{_ENCODINGS} -k transposed"),
  Fault(
    "chain-narrow-bias", "posenc_jax/chain.py",
    "key=lambda d: (d.itemsize, d.name))\n  return a.astype(dtype)",
    "key=lambda d: 0)\n  return a.astype(dtype)", f"{_VALUES} -k bfloat16"),
  Fault(
    "chain-asks-all", "posenc_jax/chain.py",
    "return [one for one in each if hook is None or one[0].has(hook)]", "return list(each)",
    f"{_VALUES} -k parts_of_heads"),
  Fault(
    "chain-outputs-order", "posenc_jax/chain.py",
    'for m, a, _ in reversed(self._with(q_positions, (), "outputs")):',
    'for m, a, _ in self._with(q_positions, (), "outputs"):', f"{_KINDS} -k undo_in_reverse"),
  Fault(
    "chain-one-key", "posenc_jax/chain.py",
    "jax.random.fold_in(key, i))", "key)", f"{_KINDS} -k random_positions"),
  Fault(
    "chain-carries", "posenc_jax/chain.py",
    "m.layer(x, p, carry=c, segments=segments)",
    "m.layer(x, p, carry=carries[-1], segments=segments)",
    f"{_KINDS} -k carries"),
  Fault(
    "put-back-in-place", "posenc_jax/combinators/wrapper.py",
    "return jnp.concatenate([cut(0, where.start), part.astype(x.dtype), cut(where.stop, None)], "
    "axis)",
    "return x.at[(..., where) + (slice(None),) * (-1 - axis)].set(part.astype(x.dtype))",
    f"{_VALUES} -k parts_of_heads"),
  Fault(
    "on-heads-cut-groups", "posenc_jax/combinators/some_heads.py",
    "if heads.start % group or heads.stop % group:", "if (heads.stop - heads.start) % group:",
    f"{_KINDS} -k outside_a_part"),
  Fault(
    "on-heads-spread", "posenc_jax/combinators/some_heads.py",
    "pads[axis] = (heads.start, n - heads.stop)", "pads[axis] = (n - heads.stop, heads.start)",
    f"{_KINDS} -k outside_a_part"),
  Fault(
    "along-first-axis", "posenc_jax/combinators/one_axis.py",
    "return self.inner.distance_bias(distance[..., self.axis])",
    "return self.inner.distance_bias(distance[..., 0])",
    f"{_KINDS} -k one_axis_of_several"),
  Fault(
    "tree-stale-kinds", "posenc_jax/_tree.py",
    "    if self._kinds:\n      new.set_fields(_kinds=self._kinds)\n    return new",
    "    return new",
    f"{_VALUES} -k 'copies and replace'"),
  Fault(
    "tree-kinds-in-transforms", "posenc_jax/_tree.py",
    "    if aux[-1]:\n      e.set_fields(_kinds=aux[-1])", "    pass",
    f"{_VALUES} -k 'copies and tree_map'"),
]
