# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Verses looked up one by one, through the library that brings them."""

import pythonbible

VERSIONS = {"web": pythonbible.Version.WORLD_ENGLISH, "kjv": pythonbible.Version.KING_JAMES}


def verse_text(version, book, chapter, verse):
  """Returns one verse of a translation in VERSIONS, its runs of blanks made one."""
  number = pythonbible.get_verse_id(book, chapter, verse)
  return " ".join(pythonbible.get_verse_text(number, version=VERSIONS[version]).split())
