# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Calls as one program: alone, each of their operations would be compiled for itself."""

import jax

import posenc_jax as px


def attend(q, k, v, encoding=None, **options):
  """``px.attend``; what is known on the host, positions and leaves too, stays known there."""
  return jax.jit(lambda q, k, v: px.attend(q, k, v, encoding, **options))(q, k, v)
