# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which packages are installed; all else is in setup.cfg.

``experiments`` is too common a name for everybody's site-packages, so the wheel leaves it out. An
editable install, which is of a clone, finds the scripts there from any directory.
"""

import sys

import setuptools


def packages(command: list[str]) -> list[str]:
  """The packages for a command of the build backend."""
  scripts = ["experiments*"] if "editable_wheel" in command else []
  return setuptools.find_packages(include=["posenc_jax*", *scripts])


setuptools.setup(packages=packages(sys.argv))
