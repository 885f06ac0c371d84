# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Processes that the tests of sweeps may kill."""

import pytest

from tests.support.sweep_jobs import Jobs


@pytest.fixture(scope="module")
def server():
  """The process that starts them: one a file of tests, as importing JAX takes a while."""
  with Jobs() as jobs:
    yield jobs


@pytest.fixture
def jobs(server, tmp_path):
  """Starts jobs that print into the test's own directory."""
  return server.into(tmp_path)
