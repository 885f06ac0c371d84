# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Scripts that compare position encodings; each runs as ``python -m experiments.NAME``."""
