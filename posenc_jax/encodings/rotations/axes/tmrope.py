# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""TMRoPE: ids of audio and video on one clock (positions only; ``MRotary`` reads them).

Xu et al. 2025, "Qwen2.5-Omni", arXiv 2503.20215: one id is 40 ms. Audio counts on all axes; video
has its time, and height and width as in M-RoPE. Chunks of two seconds of video and of audio take
turns.
"""

import numpy as np

from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.axes import _sequences


def tmrope_positions(video: tuple[int, int, int] | None = None, audio: int = 0, *,
                     start: int = 0, seconds_per_frame: float = 1.0, per_second: int = 25,
                     chunk_seconds: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
  """Ids of a video with its sound, in the order in which their tokens stand.

  Args:
    video: (frames, height, width), or None.
    audio: audio tokens, of one id each.
    start: the first id.
    seconds_per_frame: of the video.
    per_second: ids a second.
    chunk_seconds: how much video comes before the audio of the same time.

  Returns:
    (int32 ``[T, 3]``, bool ``[T]``, True for audio).

  Raises:
    TypeError: sizes that are not ints.

  Example:
    >>> ids, sound = tmrope_positions((2, 1, 1), 51, seconds_per_frame=2.0)
    >>> ids[~sound].tolist(), sound[:2].tolist(), int(sound[:51].sum())
    ([[0, 0, 0], [50, 0, 0]], [False, True], 50)
  """
  audio = _checks.size("audio", audio, "The number of audio tokens", least=0)
  sizes = () if video is None else tuple(
      _checks.size("video", n, "(frames, height, width)") for n in video)
  seen = _sequences.index(sizes) if sizes else np.zeros((0, 3))
  seen[:, 0] = np.floor(seen[:, 0] * seconds_per_frame * per_second)
  heard = np.repeat(np.arange(audio)[:, None], 3, axis=1)
  chunk = lambda ids: ids[:, 0] // (per_second * chunk_seconds)
  ids = np.concatenate([seen, heard])
  sound = np.arange(len(ids)) >= len(seen)
  order = np.lexsort((np.arange(len(ids)), sound, chunk(ids)))
  return (ids[order] + start).astype(np.int32), sound[order]
