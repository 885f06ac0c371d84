# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which rows meet which keys: tiles of query rows in groups of one shape, planned on the host.

Where order or segments are known on the host, a tile gets only the range of keys that its rows can
see: causal, windowed and packed work is left out rather than masked. Tiles of whole rows need no
online softmax; those that see about as many keys form a group, which is one loop. Where the keys
are cut as well, all tiles have one shape, and there is one loop to compile in place of many.
"""

from typing import NamedTuple

from posenc_jax.attention.visibility import Rule, Side, key_range

# Up to T queries, so many rows a tile: measured on CPUs of two makes, see docs/performance.md.
# Fewer rows cut causal work closer, more rows make better matmuls.
ROWS = (31, 32), (128, 64), (511, 128), (2047, 256)
MOST_ROWS = 512


class Group(NamedTuple):
  """Tiles of one shape.

  Attributes:
    rows, keys: the shape of a tile.
    row_starts, key_starts: where each of the n tiles begins. Tuples, as a group is a part of what
      names a compiled program.
    lasts: the last key that any of a tile's rows can see, which may lie in another tile.
  """

  rows: int
  keys: int
  row_starts: tuple[int, ...]
  key_starts: tuple[int, ...]
  lasts: tuple[int, ...]


def schedule(rule: Rule, queries: Side, keys: Side, *, rows: int,
             groups: int) -> tuple[Group, ...]:
  """Cuts T rows in tiles and groups them by the number of keys that they can see.

  Args:
    rule, queries, keys: what hides keys; one batch axis.
    rows: of a tile; the last tile may have fewer.
    groups: at most so many groups of full tiles.

  Returns:
    Groups; rows that see no key at all are in none of them.

  Example:
    >>> import numpy as np
    >>> side = Side(np.ones((1, 4, 1, 2)), order=np.arange(4)[None])
    >>> groups = schedule(Rule(causal=True), side, side, rows=2, groups=8)
    >>> [(g.rows, g.keys, g.row_starts) for g in groups]
    [(2, 2, (0,)), (2, 4, (2,))]
  """
  tiles, s = ranges(rule, queries, keys, rows=rows), keys.x.shape[1]
  full = [x for x in tiles if x[1] - x[0] == rows]
  rest = [x for x in tiles if x[1] - x[0] < rows]
  return tuple(_group(part, s) for part in (*_by_size(full, groups), rest) if part)


def ranges(rule: Rule, queries: Side, keys: Side, *, rows: int) -> list[tuple[int, int, int, int]]:
  """Tiles of rows that see any key, each as (first row, end, first key, end)."""
  t, s = queries.x.shape[1], keys.x.shape[1]
  ends = [(i, min(i + rows, t)) for i in range(0, t, rows)]
  tiles = [(*end, *key_range(rule, queries, keys, *end, s)) for end in ends]
  return [x for x in tiles if x[3] > x[2]]


def blocks(groups: tuple[Group, ...], s: int, *, keys: int) -> tuple[Group, ...]:
  """The same rows against blocks of ``keys`` keys, for a pass that need not see whole rows.

  Args:
    groups: of whole rows.
    s: S.
    keys: of a block; blocks begin at its multiples, and the last one may have fewer.

  Returns:
    At most four groups. What was one or two loops already stays as it is.

  Example:
    >>> import numpy as np
    >>> side = Side(np.ones((1, 4, 1, 2)), order=np.arange(4)[None])
    >>> whole = schedule(Rule(causal=True), side, side, rows=1, groups=4)
    >>> [(g.rows, g.keys, g.row_starts, g.key_starts) for g in blocks(whole, 4, keys=2)]
    [(1, 2, (0, 1, 2, 2, 3, 3), (0, 0, 0, 2, 0, 2))]
  """
  if len(groups) < 3:
    return groups
  found: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
  for group in groups:
    for row, key, last in zip(group.row_starts, group.key_starts, group.lasts, strict=True):
      # A group is as wide as its widest tile; no row of this one sees a key past the last.
      for start in range(key // keys * keys, last + 1, keys):
        shape = group.rows, min(keys, s - start)
        found.setdefault(shape, []).append((row, start, last))
  return tuple(Group(*shape, *zip(*tiles, strict=True)) for shape, tiles in found.items())


def _by_size(tiles, groups):
  """Tiles in at most ``groups`` lists of similar numbers of keys."""
  sizes = sorted({high - low for _, _, low, high in tiles})
  if not sizes:
    return []
  # Equal shares of the different sizes: for a causal mask, each one more tile long, that is best.
  share = {n: i * min(groups, len(sizes)) // len(sizes) for i, n in enumerate(sizes)}
  parts = [[] for _ in range(min(groups, len(sizes)))]
  for tile in tiles:
    parts[share[tile[3] - tile[2]]].append(tile)
  return parts


def _group(tiles, s):
  keys = max(high - low for _, _, low, high in tiles)
  row_starts = tuple(i for i, _, _, _ in tiles)
  key_starts = tuple(min(low, s - keys) for _, _, low, _ in tiles)
  return Group(tiles[0][1] - tiles[0][0], keys, row_starts, key_starts,
               tuple(high - 1 for _, _, _, high in tiles))


def tile_rows(t: int, s: int, heads: int, *, most: int) -> int:
  """Rows of a tile where the caller leaves the choice: ``ROWS``, less for many heads or keys.

  Args:
    t, s: T and S.
    heads: query heads for each key head, which join the rows of one matmul.
    most: rows and heads at most.

  Returns:
    Rows.

  Example:
    >>> [tile_rows(t, t, 1, most=512) for t in (64, 256, 4096, 65536)]
    [64, 128, 512, 128]
  """
  rows = next((rows for most_queries, rows in ROWS if t <= most_queries), MOST_ROWS)
  rows = max(min(rows, most) // heads, 32)
  while rows > 64 and rows * heads * s > 2**23:
    rows //= 2
  return rows


def chunk(batch: int, heads: int, size: int, *, whole_heads: bool, budget: int) -> tuple[int, int]:
  """Examples and key heads in one step: as many as keep a step's scores within the budget.

  Args:
    batch, heads: B and K, which the results divide. A symbolic B (of ``jax.export``) stays whole.
    size: scores of one example and key head.
    whole_heads: take all heads whatever they need.
    budget: scores of one step, about.

  Returns:
    (examples, key heads).

  Example:
    >>> chunk(6, 8, 100, whole_heads=False, budget=3500)
    (3, 8)
  """
  divisor = lambda n, most: max(d for d in range(1, n + 1) if n % d == 0 and d <= max(most, 1))
  many = heads if whole_heads else divisor(heads, budget // size)
  if not isinstance(batch, int):
    return batch, many
  return divisor(batch, budget // (size * many)) if many == heads else 1, many


def cuts_keys(platform: str) -> bool:
  """Whether both passes take square tiles: on TPUs, whose compiler takes long for many loops.

  On CPUs they compile as much faster, and run a fifth slower: see docs/performance.md.
  """
  return platform == "tpu"


def loops(platform: str) -> int:
  """Groups of tiles of whole rows, each a loop that is compiled: one on TPUs, as in ``cuts_keys``.

  One loop makes all of T x S scores where a causal mask leaves half of them; eight make a
  sixteenth too many.
  """
  return 1 if cuts_keys(platform) else 8


def budget(platform: str) -> int:
  """Scores that one step of ``flash`` holds, about: caches on a CPU, enough threads elsewhere."""
  return 2**20 if platform == "cpu" else 2**26
