# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether posenc_jax is right on the machine at hand, and how fast.

``posenc_jax.selfcheck()``, or ``python -m posenc_jax.selfcheck``.
"""

from posenc_jax.selfcheck.check import selfcheck as selfcheck
from posenc_jax.selfcheck.report import Report as Report
