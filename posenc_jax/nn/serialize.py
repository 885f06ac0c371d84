# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encodings in ``flax.serialization``: parameters that hold them can be written and read.

Flax asks a table of types how to take an object apart. Importing ``posenc_jax.nn`` adds this
package's own types to it, and encodings that are defined later as well; no other type is touched.

Example:
  >>> import jax, posenc_jax as px
  >>> from flax import serialization
  >>> params = {"bias": px.Alibi(2)}
  >>> stored = serialization.to_bytes(params)
  >>> target = {"bias": px.Alibi(slopes=[0.0, 0.0])}
  >>> serialization.from_bytes(target, stored)["bias"].slopes.tolist()
  [0.0625, 0.00390625]
"""

from flax import serialization

from posenc_jax import _errors, _tree


def to_state(tree: _tree.Tree) -> dict:
  """The leaf fields by name; static fields are the business of the target that is restored to."""
  return {name: serialization.to_state_dict(getattr(tree, name)) for name in tree._leaf_fields}


def from_state(tree: _tree.Tree, state: dict) -> _tree.Tree:
  """The target with the stored leaves.

  Raises:
    ValueError: other fields than the target's.
  """
  if set(state) != set(tree._leaf_fields):
    raise _errors.value_error("state", f"fields {sorted(state)}",
                              f"those of {type(tree).__name__}: {sorted(tree._leaf_fields)}",
                              "Restore into an encoding of the class that was stored")
  return tree.replace(**{name: serialization.from_state_dict(getattr(tree, name), state[name],
                                                             name=name) for name in state})


def _add(cls: type) -> None:
  serialization.register_serialization_state(cls, to_state, from_state, override=True)


_tree.watch(_add)
