# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""eSpeak NG from the package espeakng-loader, in a process of its own.

The library sets the locale of its process, and what it says depends a little on what it said
before: a new process says the same again, sample by sample. This file is the program of that
process too, and imports there what it needs alone.
"""

import ctypes
import io
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

Wanted = tuple[str, str, int, int]  # voice, text, words a minute, pitch from 0 to 99
_SPEED, _PITCH, _BY_CALLBACK, _UTF8 = 1, 3, 2, 1  # numbers of eSpeak's header
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int,
                             ctypes.c_void_p)


def say(wanted: Sequence[Wanted]) -> tuple[int, list[np.ndarray]]:
  """Says texts, in their order.

  Args:
    wanted: what to say, and how.

  Returns:
    Samples a second; each text's sound, float64 in -1 to 1.

  Raises:
    ImportError: espeakng-loader is not installed, or its library does not start.
    ValueError: there is no such voice, or it says nothing.
  """
  from posenc_jax._errors import explain_fault, value_error

  try:
    import espeakng_loader
  except ImportError as error:
    raise ImportError(explain_fault(
      "spoken digits", "no espeakng-loader, whose synthesiser speaks them",
      "an environment with it", "Run: pip install -e '.[tasks]'")) from error
  task = {"library": espeakng_loader.get_library_path(), "data": espeakng_loader.get_data_path(),
          "wanted": list(wanted)}
  done = subprocess.run([sys.executable, "-P", str(pathlib.Path(__file__))],
                        input=json.dumps(task).encode(), capture_output=True)
  if done.returncode:
    told = done.stderr.decode(errors="replace").strip().split("\n")[-1]
    raise ImportError(explain_fault(
      "spoken digits", f"an eSpeak NG that does not start: {told or done.returncode}",
      "one that does", "Install espeakng-loader anew"))
  with np.load(io.BytesIO(done.stdout), allow_pickle=False) as found:
    rate, lengths = int(found["rate"]), found["lengths"]
    sounds = np.split(found["samples"] / 2.0**15, np.cumsum(lengths)[:-1])
  for sound, (voice, *_) in zip(sounds, wanted, strict=True):
    if not sound.any():
      raise value_error("voice", repr(voice), "one that eSpeak NG has and that speaks",
                        "Choose another")
  return rate, sounds


def _speak(library_path: str, data: str, wanted: Sequence[Any]) -> tuple[int, list[np.ndarray]]:
  """(samples a second, int16 samples of each; none for a voice that there is not)."""
  library = ctypes.CDLL(library_path)
  rate = library.espeak_Initialize(_BY_CALLBACK, 0, data.encode(), 0)
  if rate <= 0:
    raise OSError(f"espeak_Initialize returned {rate}")
  pieces: list[np.ndarray] = []

  def take(samples, count, events):
    if samples and count > 0:
      pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
    return 0

  callback = _CALLBACK(take)  # kept in a name, or Python would drop it
  library.espeak_SetSynthCallback(callback)
  sounds = []
  for voice, text, speed, pitch in wanted:
    pieces.clear()
    if library.espeak_SetVoiceByName(voice.encode()) == 0:
      library.espeak_SetParameter(_SPEED, speed, 0)
      library.espeak_SetParameter(_PITCH, pitch, 0)
      words = text.encode()
      library.espeak_Synth(words, ctypes.c_size_t(len(words) + 1), 0, 0, 0, _UTF8, None, None)
      library.espeak_Synchronize()
    sounds.append(np.concatenate([np.zeros(0, np.int16), *pieces]))
  library.espeak_Terminate()
  return rate, sounds


def _main() -> None:
  task = json.load(sys.stdin)
  rate, sounds = _speak(task["library"], task["data"], task["wanted"])
  stream = io.BytesIO()
  np.savez(stream, rate=rate, lengths=[len(s) for s in sounds], samples=np.concatenate(sounds))
  sys.stdout.buffer.write(stream.getvalue())


if __name__ == "__main__":
  _main()
