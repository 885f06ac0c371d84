# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Spoken digits as frames of log-mel energies, made by eSpeak NG from the package espeakng-loader.

The package brings the synthesiser's library and its voices along; nothing is downloaded. A frame is
25 ms of sound, one every 20 ms. Some of the voices are for evaluation alone.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import synthesiser

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SILENCE, PADDING = 10, 11  # labels of frames that are in no digit, or after the utterance
LABELS = 11
ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp")
# Of eSpeak's variants, some whose breath is noise, which the clock seeds, are left out: f2, f3, f5.
SPEAKERS = {"train": ("m1", "m2", "m3", "m5", "m6", "m8", "f1", "f4", "linda", "belinda", "Andrea",
                      "adam", "max", "shelby"), "valid": ("m4", "m7", "steph", "Annie")}
SPEEDS, PITCHES = (130, 160, 200), (50,)  # words a minute; eSpeak's scale of 0 to 99
BANDS, WINDOW, HOP = 24, 0.025, 0.02  # seconds
LOUDNESS = -4.0  # the log of energies that is taken for silence
LONGEST = 48  # frames of a digit
AUDIBLE = 0.01  # of the largest amplitude that there can be


@dataclasses.dataclass(frozen=True, eq=False)
class Recordings:
  """Digits of some voices.

  Attributes:
    frames: float16 ``[V, 10, R, LONGEST, BANDS]``: voices, digits, recordings of each; after the
      digit's end, silence.
    lengths: int32 ``[V, 10, R]``, frames.
  """

  frames: np.ndarray
  lengths: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Spoken:
  """Recordings to train on, and others of other voices.

  Attributes:
    train, valid: the recordings, less the mean of all frames of ``train``, over their deviation.
    silence: float32 ``[BANDS]``, a frame of silence on that scale.
    sha256: of both.
  """

  train: Recordings
  valid: Recordings
  silence: np.ndarray
  sha256: str


def mel_filters(rate: int, size: int, bands: int) -> np.ndarray:
  """Triangles of equal width in mels over a spectrum: ``[size // 2 + 1, bands]``.

  mel(f) = 2595 log10(1 + f / 700) (O'Shaughnessy 1987), from 80 Hz to half of the rate.

  Args:
    rate: samples a second.
    size: samples of the transform.
    bands: how many triangles.
  """
  mel = lambda hertz: 2595 * np.log10(1 + np.asarray(hertz) / 700)
  corners = np.linspace(mel(80.0), mel(rate / 2), bands + 2)
  at = mel(np.arange(size // 2 + 1) * rate / size)[:, None]
  up = (at - corners[:-2]) / (corners[1:-1] - corners[:-2])
  down = (corners[2:] - at) / (corners[2:] - corners[1:-1])
  return np.maximum(0, np.minimum(up, down))


def log_mels(sound: np.ndarray, rate: int) -> np.ndarray:
  """Log energies ``[T, BANDS]`` of a sound ``[samples]`` of amplitude 1 at most."""
  width, hop = round(WINDOW * rate), round(HOP * rate)
  size = 1 << (width - 1).bit_length()
  count = max(1, -(-len(sound) // hop))
  padded = np.pad(np.asarray(sound, np.float64), (0, (count - 1) * hop + width - len(sound))
                  if (count - 1) * hop + width > len(sound) else (0, 0))
  pieces = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop][:count]
  power = np.abs(np.fft.rfft(pieces * np.hanning(width), size)) ** 2
  return np.log(power @ mel_filters(rate, size, BANDS) + np.exp(LOUDNESS))


def load() -> Spoken:
  """All recordings, made anew, in a few seconds.

  Raises:
    ImportError: espeakng-loader is not installed, or its library does not start.
  """
  parts = {name: _record([f"{accent}+{speaker}" for accent in ACCENTS for speaker in speakers])
           for name, speakers in SPEAKERS.items()}
  frames, lengths = parts["train"]
  real = frames[np.arange(LONGEST) < lengths[..., None]]
  mean, deviation = real.mean(axis=0), real.std(axis=0)
  made = {name: Recordings(((x - mean) / deviation).astype(np.float16), n)
          for name, (x, n) in parts.items()}
  digest = hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for one in made.values()
                                   for x in (one.frames, one.lengths)))
  silence = ((LOUDNESS - mean) / deviation).astype(np.float32)
  return Spoken(made["train"], made["valid"], silence, digest.hexdigest())


def _record(voices: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
  """(frames, lengths) of ``Recordings``, silence at both ends cut off."""
  ways = [(speed, pitch) for speed in SPEEDS for pitch in PITCHES]
  rate, sounds = synthesiser.say([(voice, word, speed, pitch) for voice in voices
                                  for word in WORDS for speed, pitch in ways])
  frames = np.full((len(sounds), LONGEST, BANDS), LOUDNESS, np.float32)
  lengths = np.zeros(len(sounds), np.int32)
  for i, sound in enumerate(sounds):
    loud = np.flatnonzero(np.abs(sound) > AUDIBLE)
    found = log_mels(sound[loud[0]:loud[-1] + 1], rate)[:LONGEST]
    frames[i, :len(found)], lengths[i] = found, len(found)
  shape = len(voices), len(WORDS), len(ways)
  return frames.reshape(*shape, LONGEST, BANDS), lengths.reshape(shape)


def utterance(frames: Any, lengths: Any, gaps: Any, digits: Any, count: Any, silence: Any,
              length: int) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Digits one after another, each after some frames of silence, and as many at the end as first.

  Args:
    frames: ``[K, LONGEST, BANDS]`` of each digit.
    lengths: int ``[K]``, of them the frames that count.
    gaps: int ``[K]``, frames of silence before each.
    digits: int ``[K]``, 0 to 9.
    count: how many of the K are said; may be traced.
    silence: ``[BANDS]``.
    length: T; what is longer is cut.

  Returns:
    Frames float32 ``[T, BANDS]``; int32 ``[T]``, the digit, SILENCE or PADDING of each; int32
    ``[T]``, which of the K it is in, K for none.
  """
  said = jnp.arange(lengths.shape[0]) < count
  ends = jnp.cumsum(jnp.where(said, gaps + lengths, 0))
  starts = ends - lengths
  at = jnp.arange(length)
  place = jnp.sum(at[:, None] >= ends[None], axis=1)  # the first whose end is not reached
  which = jnp.minimum(place, lengths.shape[0] - 1)
  inside = (place < count) & (at >= starts[which])
  within = jnp.clip(at - starts[which], 0, frames.shape[1] - 1)
  # A frame at a time is read: a whole row would be converted to float32 first.
  found = frames[which, within].astype(jnp.float32)
  labels = jnp.where(inside, digits[which], SILENCE)
  labels = jnp.where(at < ends[-1] + gaps[0], labels, PADDING)
  return (jnp.where(inside[:, None], found, jnp.asarray(silence)[None]), labels.astype(jnp.int32),
          jnp.where(inside, which, lengths.shape[0]).astype(jnp.int32))


def scores(logits: jax.Array, labels: jax.Array, which: jax.Array, most: int
           ) -> tuple[jax.Array, ...]:
  """(digits that are right, digits, nats, frames) of each utterance, float32 ``[B]``.

  Args:
    logits: ``[B, T, LABELS]``.
    labels: ``[B, T]``, with PADDING.
    which: ``[B, T]``, the digit of the row that a frame is in, ``most`` for none.
    most: digits that a row may have.
  """
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
  inside = jax.nn.one_hot(which, most)  # zeros for none
  sums = jnp.einsum("btk,btc->bkc", inside, log_p[..., :SILENCE])
  heard = jnp.sum(inside, axis=1) > 0
  spoke = jnp.max(jnp.where(inside > 0, labels[..., None], 0), axis=1)
  right = (jnp.argmax(sums, axis=-1) == spoke) & heard
  real = labels != PADDING
  nats = -jnp.take_along_axis(log_p, jnp.where(real, labels, 0)[..., None], axis=-1)[..., 0]
  total = lambda x: jnp.sum(x.astype(jnp.float32), axis=1)
  return total(right), total(heard), total(jnp.where(real, nats, 0.0)), total(real)
