# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The report's charts as Altair makes them; altair and vl-convert-python are imported only here.

A chart holds no data: the page's script gives each panel its rows, in fields that we name. So a
name from outside is only ever a value, never a field or an expression.

    lines   x, y, lo, hi (mean and interval), line (which), c o w d (colour, opacity, width,
            dashes), f (a point's filling)
    heat    row, column, v (the value), t (its text), k (the text's colour)
    paired  name, y, lo, hi, c

Each row has texts for the tooltip as well: name, at, mean, interval, seeds. The page's script shows
them; Vega-Lite's own loses the row where it looks for the nearest point.
"""

import functools
from typing import Any

from posenc_jax._errors import explain_fault

HEIGHT = 230
_FONT = "system-ui, sans-serif"


def check_installed() -> None:
  """Raises ImportError, saying what to install, unless the interactive report can be made."""
  try:
    import altair  # noqa: F401
    import vl_convert  # noqa: F401
  except ImportError as error:
    raise ImportError(explain_fault(
      "report.html", f"an environment without {error.name}", "altair and vl-convert-python",
      "Install them: pip install 'posenc_jax[report]'")) from error


@functools.cache
def bundle() -> str:
  """Vega, Vega-Lite and Vega-Embed in one script, as vl-convert-python carries it: no network."""
  import altair
  import vl_convert

  version = ".".join(altair.SCHEMA_VERSION.split(".")[:2])  # the one Altair writes, as "v6.4"
  make: Any = vl_convert.javascript_bundle  # its stub gives the snippet no default
  return make(vl_version=version)


def _raw(alt: Any, channel: str, field: str) -> Any:
  """A channel that takes its field's values as they are, such as a colour."""
  return getattr(alt, channel)(field, scale=None, legend=None)


def _finish(chart: Any) -> dict[str, Any]:
  chart = chart.configure(font=_FONT, background="transparent").configure_axis(
    gridColor="#e7e7e7", domainColor="#888", tickColor="#888", labelColor="#333",
    titleColor="#333", titleFontWeight="normal", labelLimit=150).configure_view(stroke=None)
  spec = chart.to_dict()
  spec["autosize"] = {"type": "fit-x", "contains": "padding"}
  return spec


def line_spec(
  *, x: str, y: str, few: tuple[float, ...], log_x: bool, log_y: bool
) -> dict[str, Any]:
  """Lines with points and bars (``few`` x values) or with bands, zoom and tooltips.

  Args:
    x: title of the axis.
    y: title of the axis.
    few: the x values, if they are few enough to be ticks.
    log_x: powers along x.
    log_y: powers along y.

  Returns:
    A Vega-Lite specification with the datasets "panel", "context" and "mark" left open, and the
    parameters ``low`` and ``high`` for the ends of the y axis.
  """
  import altair as alt

  scale: dict[str, Any] = {"type": "log", "base": 2} if log_x and few else {"zero": False}
  ticks: dict[str, Any] = {"values": list(few), "labelOverlap": True} if few else {"tickCount": 6}
  at = alt.X("x:Q", title=x, axis=alt.Axis(format=".12~g", grid=not few, **ticks),
             scale=alt.Scale(nice=False, padding=14 if few else 2, **scale))
  kind: dict[str, Any] = {"type": "log"} if log_y else {"zero": False}
  up = alt.Scale(nice=False, domainMin=alt.ExprRef("low"), domainMax=alt.ExprRef("high"), **kind)
  value = lambda field: alt.Y(f"{field}:Q", title=y, scale=up,
                              axis=alt.Axis(format=".12~g", tickCount=5))
  detail, colour = alt.Detail("line:N"), _raw(alt, "Color", "c:N")
  opacity, dash = _raw(alt, "Opacity", "o:Q"), _raw(alt, "StrokeDash", "d:N")
  width = _raw(alt, "StrokeWidth", "w:Q")
  base = alt.Chart(alt.NamedData("panel")).encode(x=at)
  mark = alt.Chart(alt.NamedData("mark")).mark_rule(
    strokeDash=[3, 3], color="#999", clip=True).encode(x="x:Q")
  context = alt.Chart(alt.NamedData("context")).mark_line(clip=True).encode(
    x=at, y=value("y"), detail=detail, color=colour, opacity=opacity, strokeWidth=width,
    tooltip="name:N")
  lines = base.mark_line(clip=True).encode(
    y=value("y"), detail=detail, color=colour, strokeDash=dash, strokeWidth=width)
  spread = {"y": value("lo"), "y2": alt.Y2("hi"), "detail": detail}
  zoom = alt.selection_interval(bind="scales", zoom="wheel![event.shiftKey]", name="zoom")
  if few:
    bars = base.mark_rule(clip=True, strokeWidth=1.4, opacity=0.55).encode(color=colour, **spread)
    dots = base.mark_point(clip=True, size=42, opacity=1, strokeWidth=1.6).encode(
      y=value("y"), color=colour, fill=_raw(alt, "Fill", "f:N"), tooltip="name:N")
    layers = [mark, context, bars, lines, dots.add_params(zoom)]
  else:
    band = base.mark_area(clip=True, opacity=0.16).encode(color=colour, **spread)
    near = alt.selection_point(nearest=True, on="pointerover", clear="pointerout", empty=False,
                               encodings=["x", "y"], name="near")
    dots = base.mark_point(clip=True, filled=True, size=50).encode(
      y=value("y"), color=colour, tooltip="name:N",
      opacity=alt.condition(near, alt.value(1), alt.value(0))).add_params(near)
    layers = [mark, context, band, lines.add_params(zoom), dots]
  chart = alt.layer(*layers).add_params(alt.param(name="low", value=0.0),
                                        alt.param(name="high", value=1.0))
  return _finish(chart.properties(width="container", height=HEIGHT))


def heat_spec(*, row: str, column: str, low: float, high: float, log: bool,
              direction: str | None) -> dict[str, Any]:
  """A heat map with its numbers in it; darker is better, or lower if no direction is known.

  Args:
    row: title of the axis.
    column: title of the axis.
    low: lower end of the colours.
    high: their upper end.
    log: spread the colours by powers.
    direction: "min", "max" or None.

  Returns:
    A Vega-Lite specification with the dataset "panel" left open.
  """
  import altair as alt

  high = high if high > low else low + 1.0
  base = alt.Chart(alt.NamedData("panel")).encode(
    x=alt.X("column:N", sort=None, title=column, axis=alt.Axis(orient="top", labelAngle=0)),
    y=alt.Y("row:N", sort=None, title=row, axis=alt.Axis(
      titleAngle=0, titleAlign="right", titleX=-8, titleY=-12)), tooltip="name:N")
  scale = alt.Scale(type="log" if log else "linear", domain=[low, high], scheme="yellowgreenblue",
                    reverse=direction != "max", clamp=True)
  grey = base.mark_rect(stroke="#fff", color="#e8e8e8")
  fields = base.mark_rect(stroke="#fff").encode(color=alt.Color("v:Q", scale=scale, legend=None))
  numbers = base.mark_text(fontSize=11).encode(text="t:N", color=_raw(alt, "Color", "k:N"))
  chart = alt.layer(grey, fields, numbers).resolve_scale(color="independent")
  return _finish(chart.properties(width="container"))


def paired_spec(title: str) -> dict[str, Any]:
  """Differences with their intervals, one a row, and a line at none.

  Returns:
    A Vega-Lite specification with the dataset "panel" left open.
  """
  import altair as alt

  base = alt.Chart(alt.NamedData("panel")).encode(
    y=alt.Y("name:N", sort=None, title=None), color=_raw(alt, "Color", "c:N"),
    tooltip="name:N")
  zero = alt.Chart(alt.NamedData("mark")).mark_rule(color="#999", strokeDash=[3, 3]).encode(x="x:Q")
  at = lambda field: alt.X(f"{field}:Q", title=title, axis=alt.Axis(format=".12~g", tickCount=5),
                           scale=alt.Scale(domainMin=alt.ExprRef("low"), nice=False,
                                           domainMax=alt.ExprRef("high")))
  bars = base.mark_rule(strokeWidth=2, clip=True).encode(x=at("lo"), x2="hi")
  dots = base.mark_point(filled=True, size=55, opacity=1, clip=True).encode(x=at("y"))
  chart = alt.layer(zero, bars, dots).add_params(alt.param(name="low", value=-1.0),
                                                 alt.param(name="high", value=1.0))
  return _finish(chart.properties(width="container"))
