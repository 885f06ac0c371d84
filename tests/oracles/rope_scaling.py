# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Edits of rotary frequencies as loops over pairs, written from the papers; lists of float64."""

import math


def plain(dim, base):
  return [base ** (-2 * i / dim) for i in range(dim // 2)]


def turns(theta, original):
  """How often a pair turns within L0: L0 / wavelength."""
  return original / (2 * math.pi / theta)


def by_parts(dim, *, factor, original, base, fast=32.0, slow=1.0):
  """YaRN, equations 17 to 19: kept, mixed or divided by the number of turns."""
  out = []
  for theta in plain(dim, base):
    r = turns(theta, original)
    gamma = 0.0 if r < slow else 1.0 if r > fast else (r - slow) / (fast - slow)
    out.append((1 - gamma) * theta / factor + gamma * theta)
  return out


def corrections(dim, *, original, base, fast=32.0, slow=1.0, truncate=True):
  """The pairs that turn ``fast`` and ``slow`` times within L0, found from base^(2i/dim)."""
  ends = []
  for n in (fast, slow):
    wavelength = original / n
    ends.append(dim / 2 * math.log(wavelength / (2 * math.pi), base))
  low, high = ends
  if truncate:
    low, high = math.floor(low), math.ceil(high)
  return max(low, 0), min(high, dim - 1)


def yarn(dim, *, factor, original, base, truncate=True):
  low, high = corrections(dim, original=original, base=base, truncate=truncate)
  out = []
  for i, theta in enumerate(plain(dim, base)):
    part = min(max((i - low) / (high - low or 0.001), 0.0), 1.0)
    out.append(part * theta / factor + (1 - part) * theta)
  return out


def llama3(dim, *, factor, original, base, low=1.0, high=4.0):
  out = []
  for theta in plain(dim, base):
    wavelength = 2 * math.pi / theta
    if wavelength < original / high:
      out.append(theta)
    elif wavelength > original / low:
      out.append(theta / factor)
    else:
      smooth = (original / wavelength - low) / (high - low)
      out.append((1 - smooth) * theta / factor + smooth * theta)
  return out


def mrrope(dim, *, factor, original, base):
  low, high = corrections(dim, original=original, base=base)
  out = []
  for i, theta in enumerate(plain(dim, base)):
    if i <= low:
      out.append(theta)
    elif i >= high:
      out.append(theta / factor)
    else:
      done, whole = sum(range(1, i - low + 1)), sum(range(1, high - low + 1))
      out.append(theta / factor ** (done / whole))
  return out


def resonance(frequencies):
  return [2 * math.pi / round(2 * math.pi / theta) for theta in frequencies]
