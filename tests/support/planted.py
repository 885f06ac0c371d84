# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Faults that a change could bring, each with the fast test that must fail with it.

A new fault goes into the list of its folder (`planted_sweeps` and so on; a new folder gets a file
of its own, added below); `fault.Fault` says what an entry holds. Then run

    python -m tests.support.plant --only ID
"""

from tests.support.planted_attention import ATTENTION
from tests.support.planted_engine import ENGINE
from tests.support.planted_experiments import EXPERIMENTS
from tests.support.planted_nn import NN
from tests.support.planted_rounds import ROUNDS
from tests.support.planted_sweeps import SWEEPS

PLANTED = [*ATTENTION, *SWEEPS, *ENGINE, *ROUNDS, *EXPERIMENTS, *NN]
