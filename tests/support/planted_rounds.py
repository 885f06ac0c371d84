# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Planted faults of searches, halving, attached pictures and attention maps; see ``planted``."""

from tests.support.fault import Fault

_ROUNDS, _HALVING = "tests/sweeps/test_rounds.py", "tests/sweeps/test_halving.py"

ROUNDS = [
  Fault("search-other-cells", "posenc_jax/sweeps/rounds/loop.py",
        "      if ids != self.rounds[index]:", "      if False:", f"{_ROUNDS} -k something_else"),
  Fault("search-trains-twice", "posenc_jax/sweeps/rounds/loop.py",
        "new = tuple(cell for cell in cells if cell not in records)", "new = cells",
        f"{_ROUNDS} -k heard_in_its_order"),
  Fault("search-unrecorded-round", "posenc_jax/sweeps/rounds/loop.py",
        "    self.rounds.append(ids)\n    if", "    if", f"{_ROUNDS} -k killed_search"),
  Fault("optuna-first-seed", "posenc_jax/sweeps/rounds/trials.py",
        "math.fsum(values) / len(values)", "values[0]", f"{_ROUNDS} -k mean_over_its_seeds"),
  Fault("optuna-diverged-is-good", "posenc_jax/sweeps/rounds/trials.py",
        'if self.direction == "max" else math.inf', 'if self.direction == "min" else math.inf',
        f"{_ROUNDS} -k diverged_lane"),
  Fault("halving-keeps-bad-settings", "posenc_jax/sweeps/rounds/halving.py",
        "if s.mean is not None and not s.failed]", "if s.mean is not None]",
        f"{_HALVING} -k bad_lane"),
  Fault("halving-keeps-the-worst", "posenc_jax/sweeps/rounds/halving.py",
        'sign = 1.0 if direction == "min" else -1.0', 'sign = -1.0 if direction == "min" else 1.0',
        f"{_HALVING} -k means_over_seeds"),
  Fault("halving-restarts-the-steps", "posenc_jax/sweeps/rounds/continued.py",
        "index + jnp.int32(start)", "index", f"{_HALVING} -k 'random_keys or survivors'"),
  Fault("halving-loses-the-state", "posenc_jax/sweeps/rounds/continued.py",
        "      if not start:\n        return state\n", "      return state\n",
        f"{_HALVING} -k survivors_are_trained"),
  Fault("halving-rounds-words", "posenc_jax/sweeps/rounds/continued.py",
        "  if x.dtype.itemsize == 4:\n    return x.view(np.int32)\n",
        "  if x.dtype.itemsize == 4:\n    return x.astype(np.int32)\n", f"{_HALVING} -k every_bit"),
  Fault("attached-name-unescaped", "posenc_jax/sweeps/show/attached.py",
        "    name = text(one.name)\n", "    name = one.name\n",
        "tests/sweeps/test_report_files.py -k attached_pictures"),
  Fault("map-of-the-smallest", "experiments/maps.py",
        "if rank(record) > rank(best):", "if rank(record) < rank(best):",
        "tests/experiments/test_maps.py -k largest_sizes"),
  Fault("weights-of-the-mask", "posenc_jax/attention/semantics.py",
        "return _numerics.masked_softmax(scores, mask), tile",
        "return _numerics.masked_softmax(scores, None), tile",
        "tests/attention/test_weights.py -k times_the_values"),
]
