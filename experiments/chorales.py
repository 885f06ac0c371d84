# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Four-part chorales of Bach as tokens, from the scores that the package music21 brings along.

A chorale is a grid of pitches: a row a step of time, a column a voice. Its tokens are the grid row
by row, soprano first, after BEGIN. A held note is its pitch again in every step, so that a grid
does not tell one long note from two short ones of the same pitch.
"""

import dataclasses
import hashlib
import io
import pathlib
import zipfile
from collections.abc import Iterable, Sequence

import numpy as np

from posenc_jax._errors import explain_fault, value_error
from posenc_jax.sweeps import files

VOICES = ("soprano", "alto", "tenor", "bass")
PADDING, BEGIN, SILENCE = 0, 1, 2
LOWEST, HIGHEST = 24, 96  # MIDI numbers, far beyond what four voices sing
VOCABULARY = SILENCE + 1 + HIGHEST - LOWEST + 1
EVALUATED = 5  # one chorale of so many
FORMAT = 1  # of the file that keeps parsed chorales

Note = tuple[float, float, int]  # start and length in quarter notes, MIDI number


@dataclasses.dataclass(frozen=True, eq=False)
class Chorales:
  """Grids of pitches in the order of a fixed shuffle.

  Attributes:
    names: of the scores.
    grids: uint8 ``[steps, 4]`` each, MIDI numbers, 0 where a voice is silent.
    resolution: steps a quarter note.
    version: of music21.
  """

  names: tuple[str, ...]
  grids: tuple[np.ndarray, ...]
  resolution: int
  version: str

  @property
  def sha256(self) -> str:
    """Of names and pitches."""
    digest = hashlib.sha256(repr((self.names, self.resolution)).encode())
    for grid in self.grids:
      digest.update(repr(grid.shape).encode() + grid.tobytes())
    return digest.hexdigest()


def grid_of(voices: Sequence[Iterable[Note]], resolution: int) -> np.ndarray:
  """What each voice sounds at the start of each step: uint8 ``[steps, voices]``, 0 for silence.

  Args:
    voices: the notes of each.
    resolution: steps a quarter note.

  Raises:
    ValueError: a pitch outside LOWEST to HIGHEST, or no note at all.

  Example:
    >>> grid_of([[(0, 1, 60), (1, 0.5, 62)], [(0.5, 1, 48)]], 2).tolist()
    [[60, 0], [60, 48], [62, 48]]
  """
  voices = [list(notes) for notes in voices]
  ends = [start + length for notes in voices for start, length, _ in notes]
  if not ends:
    raise value_error("voices", "no notes", "at least one", "Leave the score out")
  grid = np.zeros((int(np.ceil(max(ends) * resolution - 1e-6)), len(voices)), np.uint8)
  for column, notes in enumerate(voices):
    for start, length, pitch in notes:
      if not LOWEST <= pitch <= HIGHEST:
        raise value_error("voices", f"a pitch of {pitch}", f"{LOWEST} to {HIGHEST}",
                          "Leave the score out")
      first, stop = (int(np.ceil(x * resolution - 1e-6)) for x in (start, start + length))
      grid[first:stop, column] = pitch
  return grid


def notes_of(grid: np.ndarray, resolution: int) -> list[list[Note]]:
  """The notes of each voice, neighbours of one pitch as one note.

  Example:
    >>> notes_of(np.array([[60, 0], [60, 48], [62, 48]], np.uint8), 2)
    [[(0.0, 1.0, 60), (1.0, 0.5, 62)], [(0.5, 1.0, 48)]]
  """
  found: list[list[Note]] = []
  for column in np.asarray(grid, int).T:
    borders = [0, *(np.flatnonzero(np.diff(column)) + 1), len(column)]
    found.append([(float(a / resolution), float((b - a) / resolution), int(column[a]))
                  for a, b in zip(borders[:-1], borders[1:], strict=True) if column[a]])
  return found


def encode(grid: np.ndarray) -> np.ndarray:
  """BEGIN and the ids of a grid, row by row: int32 ``[1 + steps * voices]``."""
  flat = np.asarray(grid, np.int32).reshape(-1)
  ids = np.where(flat == 0, SILENCE, flat - LOWEST + SILENCE + 1)
  return np.concatenate([np.array([BEGIN]), ids]).astype(np.int32)


def decode(ids: np.ndarray) -> np.ndarray:
  """The grid of such ids, uint8 ``[steps, 4]``.

  Raises:
    ValueError: they are not a BEGIN and whole rows of pitches.
  """
  ids = np.asarray(ids)
  body = ids[1:]
  if not len(ids) or ids[0] != BEGIN or len(body) % len(VOICES) or (body < SILENCE).any():
    raise value_error("ids", f"{len(ids)} of them", "BEGIN and rows of four pitches",
                      "Cut them at the end of a row")
  pitches = np.where(body == SILENCE, 0, body + LOWEST - SILENCE - 1)
  return pitches.astype(np.uint8).reshape(-1, len(VOICES))


def split(chorales: Chorales) -> tuple[list[np.ndarray], list[np.ndarray]]:
  """Ids of the chorales to train on, and of every fifth, which is for evaluation."""
  ids = [encode(grid) for grid in chorales.grids]
  return ([x for i, x in enumerate(ids) if i % EVALUATED != EVALUATED - 1],
          [x for i, x in enumerate(ids) if i % EVALUATED == EVALUATED - 1])


def windows_of(pieces: Sequence[np.ndarray], length: int) -> np.ndarray:
  """Windows that predict every token but BEGIN once: int32 ``[W, length + 1]``, filled with 0.

  A window begins where the one before ends: its first token is the last one's last target.

  Example:
    >>> windows_of([np.array([1, 5, 6, 7, 8, 9, 10]), np.array([1, 3, 4])], 4)
    array([[ 1,  5,  6,  7,  8],
           [ 8,  9, 10,  0,  0],
           [ 1,  3,  4,  0,  0]], dtype=int32)
  """
  rows = [piece[start:start + length + 1] for piece in pieces
          for start in range(0, len(piece) - 1, length)]
  found = np.full((len(rows), length + 1), PADDING, np.int32)
  for row, ids in zip(found, rows, strict=True):
    row[:len(ids)] = ids
  return found


def starts_of(pieces: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray]:
  """(all pieces in a row, where windows of ``length + 1`` may begin), int32.

  They begin before the soprano of any step, so that a place in the window tells the voice, and end
  in the same piece; a piece that is shorter than a window is filled with 0.

  Example:
    >>> starts_of([np.arange(1, 14), np.array([1, 3, 4, 5, 6])], 8)[1].tolist()
    [0, 4, 13]
  """
  stream, starts, at = [], [], 0
  for piece in pieces:
    whole = np.pad(piece, (0, max(0, length + 1 - len(piece))))
    starts.append(at + np.arange(0, len(whole) - length, len(VOICES)))
    stream.append(whole)
    at += len(whole)
  return np.concatenate(stream).astype(np.int32), np.concatenate(starts).astype(np.int32)


def load(count: int | None = None, resolution: int = 4, cache: pathlib.Path | None = None, *,
         write: bool = True) -> Chorales:
  """Chorales, read from a file that an earlier call has left if there is one.

  Args:
    count: how many, the first ones of a fixed shuffle of all scores; None for all.
    resolution: steps a quarter note.
    cache: directory of that file; None for no file. One that is damaged, or of another version of
      music21, is written anew.
    write: whether the file is written if there is none.

  Raises:
    ImportError: music21 is not installed.
    CannotWrite: the directory or the file cannot be written.
  """
  version = _music21().__version__
  if cache is None:
    return parse(count, resolution)
  path = cache / f"chorales-{'all' if count is None else count}-{resolution}.npz"
  found = _read(path, resolution, version)
  if found is None:
    found = parse(count, resolution)
    if not write:
      return found
    files.make_directory(cache)
    stream = io.BytesIO()
    np.savez_compressed(
      stream, format=FORMAT, version=version, names=np.array(found.names), sha256=found.sha256,
      lengths=[len(grid) for grid in found.grids], pitches=np.concatenate(found.grids))
    files.write_atomic(path, stream.getvalue())
  return found


def _read(path: pathlib.Path, resolution: int, version: str) -> Chorales | None:
  """What the file holds; None if there is none, or none that this version wrote whole."""
  try:
    with np.load(io.BytesIO(files.read(path)), allow_pickle=False) as kept:
      if int(kept["format"]) != FORMAT or str(kept["version"]) != version:
        return None
      grids = np.split(kept["pitches"], np.cumsum(kept["lengths"])[:-1])
      found = Chorales(tuple(map(str, kept["names"])), tuple(grids), resolution, version)
      return found if found.sha256 == str(kept["sha256"]) else None
  except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
    return None


def _music21():
  try:
    import music21
  except ImportError as error:
    raise ImportError(explain_fault(
      "chorales", "no music21, whose scores they are", "an environment with it",
      "Run: pip install -e '.[tasks]'")) from error
  return music21


def parse(count: int | None, resolution: int) -> Chorales:
  """Chorales from the scores, by music21's own reader; a tenth of a second each.

  Of the scores by Bach, those count that have four parts named soprano, alto, tenor and bass, and
  that no earlier one is equal to, transposed or not. See ``load``.
  """
  music21 = _music21()
  paths = sorted((p for p in music21.corpus.getComposer("bach") if p.suffix in (".mxl", ".xml")),
                 key=lambda p: p.name)
  names, grids, seen = [], [], set()
  for i in np.random.default_rng(0).permutation(len(paths)):
    if len(names) == count:
      break
    voices = _voices(music21.converter.parseFile(paths[i], forceSource=True, storePickle=False))
    if voices is None:
      continue
    grid = grid_of(voices, resolution)
    shape = (grid.astype(int) - int(grid.max())) * (grid > 0)
    if shape.tobytes() in seen:
      continue
    seen.add(shape.tobytes())
    names.append(paths[i].name.rsplit(".", 1)[0])
    grids.append(grid)
  return Chorales(tuple(names), tuple(grids), resolution, music21.__version__)


def _voices(score) -> list[list[Note]] | None:
  """The notes of the four voices, the highest of a chord; None for scores of other parts."""
  parts = list(score.parts)
  if [str(p.partName or p.id).strip().rstrip(".").lower() for p in parts] != list(VOICES):
    return None
  return [[(float(n.offset), float(n.quarterLength), max(p.midi for p in n.pitches))
           for n in part.flatten().notes if n.pitches and not n.duration.isGrace]
          for part in parts]
