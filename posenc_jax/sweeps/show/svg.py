# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Charts and heat maps as inline SVG: no script, no style sheet, no font, no other file.

Every piece of text goes through ``html.escape``; numbers are formatted here.
"""

import html
import math

from posenc_jax.sweeps.show.views import Chart, Heat, axes_of, ticks

# Okabe and Ito's colours, which colour-blind readers can distinguish, and four greys and browns.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31",
           "#7f7f7f", "#9467bd")
WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 44


def text(value: object) -> str:
  """Text for HTML and SVG: escaped, without control characters."""
  shown = "".join(c if c.isprintable() else "\ufffd" for c in str(value))
  return html.escape(shown, quote=True)


def number(value: float) -> str:
  """A number in at most four significant digits, as text."""
  return f"{value:.4g}"


class _Axis:
  """From values to pixels, linear or logarithmic, with a margin of 3 percent."""

  def __init__(self, values: list[float], log: bool, start: float, stop: float):
    low, high = min(values), max(values)
    self.log = log and low > 0 and high > low
    low, high = (math.log10(low), math.log10(high)) if self.log else (low, high)
    margin = 0.03 * (high - low) or 0.5
    self._low, self._high = low - margin, high + margin
    self._start, self._stop = start, stop

  def __call__(self, value: float) -> float:
    at = math.log10(value) if self.log else value
    part = (at - self._low) / (self._high - self._low)
    return self._start + part * (self._stop - self._start)

  def ticks(self) -> list[float]:
    if not self.log:
      return ticks(self._low, self._high)
    powers = range(math.ceil(self._low - 1e-9), math.floor(self._high + 1e-9) + 1)
    if len(powers) > 1:
      return [10.0**p for p in powers]
    return [10**at for at in (self._low, (self._low + self._high) / 2, self._high)]


def _frame(title: str, width: int, height: int, body: list[str]) -> str:
  return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
          f'height="{height}" role="img" font-family="sans-serif" font-size="11">'
          f"<title>{text(title)}</title>" + "".join(body) + "</svg>")


def draw_lines(chart: Chart) -> str:
  """A chart as SVG; hovering over a line shows its name."""
  axes = axes_of(chart)
  points = [p for line in chart.lines for p in line.points]
  tops = [p[1] + sign * (p[2] or 0.0) for p in points for sign in (-1, 1)] if axes.few else []
  ends = [end for end in tops if end > 0 or not axes.log_y]
  x = _Axis([p[0] for p in points], axes.log_x, LEFT, WIDTH - RIGHT)
  y = _Axis([p[1] for p in points] + ends, axes.log_y, HEIGHT - BOTTOM, TOP)
  body = []
  for at in y.ticks():
    body.append(f'<path d="M{LEFT} {y(at):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                f'<text x="{LEFT - 6}" y="{y(at) + 4:.1f}" text-anchor="end">{number(at)}</text>')
  for at in axes.few or x.ticks():
    body.append(f'<path d="M{x(at):.1f} {HEIGHT - BOTTOM}v4" stroke="#444"/><text x="{x(at):.1f}" '
                f'y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{number(at)}</text>')
  body.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" '
              'stroke="#444"/>')
  body.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
              f"{text(chart.x)}</text>")
  body.append(f'<text x="12" y="{HEIGHT / 2}" text-anchor="middle" '
              f'transform="rotate(-90 12 {HEIGHT / 2})">{text(chart.y)}</text>')
  for line in chart.lines:
    colour = COLOURS[line.colour % len(COLOURS)]
    path = "M" + "L".join(f"{x(p[0]):.1f} {y(p[1]):.1f}" for p in line.points)
    body.append(f'<g stroke="{colour}" fill="none" stroke-width="1.4"><title>{text(line.label)}'
                f'</title><path d="{path}"/>')
    for at, mean, error in line.points if axes.few else ():
      body.append(f'<circle cx="{x(at):.1f}" cy="{y(mean):.1f}" r="2" fill="{colour}"/>')
      if error and not (y.log and mean - error <= 0):
        body.append(f'<path d="M{x(at):.1f} {y(mean - error):.1f}V{y(mean + error):.1f}"/>')
    body.append("</g>")
  return _frame(chart.title, WIDTH, HEIGHT, body)


def legend(chart: Chart) -> str:
  """What the chart's colours mean, as a line of HTML."""
  return " ".join(
    f'<span class="key"><svg width="14" height="8"><path d="M0 4H14" stroke-width="3" '
    f'stroke="{COLOURS[i % len(COLOURS)]}"/></svg> {text(name)}</span>'
    for i, name in enumerate(chart.colours))


def _shade(part: float) -> tuple[str, str]:
  """Background from dark blue (0, low) to pale yellow (1, high), and a legible foreground."""
  stops = ((33, 55, 102), (44, 127, 142), (122, 190, 140), (253, 246, 190))
  at = min(max(part, 0.0), 1.0) * (len(stops) - 1)
  i = min(int(at), len(stops) - 2)
  rgb = [round(a + (b - a) * (at - i)) for a, b in zip(stops[i], stops[i + 1], strict=True)]
  return "#" + bytes(rgb).hex(), "#fff" if part < 0.5 else "#000"


def draw_heat(heat: Heat, low: float, high: float) -> str:
  """A heat map as SVG with its numbers in it, colours between ``low`` and ``high``."""
  cell_width, cell_height, left, top = 66, 26, 70, 40
  width = left + cell_width * len(heat.columns) + 8
  height = top + cell_height * len(heat.rows) + 8
  body = [f'<text x="{left}" y="14">{text(heat.column)}</text>',
          f'<text x="4" y="{top - 6}">{text(heat.row)}</text>']
  for j, name in enumerate(heat.columns):
    body.append(f'<text x="{left + cell_width * (j + 0.5)}" y="{top - 6}" text-anchor="middle">'
                f"{text(name)}</text>")
  for i, (name, row) in enumerate(zip(heat.rows, heat.values, strict=True)):
    y = top + cell_height * i
    body.append(f'<text x="{left - 8}" y="{y + 17}" text-anchor="end">{text(name)}</text>')
    for j, value in enumerate(row):
      part = 0.5 if value is None or high == low else (value - low) / (high - low)
      back, front = ("#eee", "#777") if value is None else _shade(part)
      x = left + cell_width * j
      body.append(f'<rect x="{x}" y="{y}" width="{cell_width - 1}" height="{cell_height - 1}" '
                  f'fill="{back}"/><text x="{x + cell_width / 2}" y="{y + 17}" fill="{front}" '
                  f'text-anchor="middle">{"-" if value is None else number(value)}</text>')
  return _frame(heat.title, width, height, body)
