# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One encoding on a part of the model: one position axis, some heads, some dims of each head.

They stand in place of options in each class: ``along(0, Alibi(4))`` is ALiBi on the first of
several axes, ``on_heads(slice(0, 2), e)`` leaves the other heads without an encoding, and
``on_dims(slice(0, 8), Rotary(8))`` is partial rotary.
"""

from posenc_jax.combinators.one_axis import along as along
from posenc_jax.combinators.shared import share_heads as share_heads
from posenc_jax.combinators.some_dims import on_dims as on_dims
from posenc_jax.combinators.some_heads import on_heads as on_heads
