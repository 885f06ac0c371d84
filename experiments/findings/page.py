# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pages of verdicts: ``docs/results/NAME.md`` with its pictures.

Beside each page stands NAME.json with its verdicts, from which ``catalogue`` makes the index of all
pages. The same results make the same files, but for the date and the time.
"""

import dataclasses
import json
import os
import pathlib
import platform
import re
import shlex
import time
from typing import TYPE_CHECKING, Any

import jax

from experiments.findings import forest as forest_lib
from experiments.findings import tables
from experiments.findings.statistics import Interval
from experiments.findings.verdict import Judged, Verdict
from experiments.timing import cores
from posenc_jax import sweeps
from posenc_jax._errors import explain_fault, value_error
from posenc_jax.selfcheck.check import processor
from posenc_jax.sweeps.show.figures import to_bytes

if TYPE_CHECKING:
  from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of texts.

  Attributes:
    title: a sentence on what it shows.
    head: names of its columns.
    rows: as long as the head.
  """

  title: str
  head: tuple[str, ...]
  rows: tuple[tuple[str, ...], ...]

  def __post_init__(self):
    if any(len(row) != len(self.head) for row in self.rows):
      raise value_error("rows", sorted({len(row) for row in self.rows}),
                        f"rows of {len(self.head)} texts, as the head has", "Fill each row")


@dataclasses.dataclass(frozen=True)
class Picture:
  """A matplotlib Figure, made without pyplot.

  Attributes:
    name: of its file, after the page's name: letters, digits and hyphens.
    caption: a sentence on what it shows.
    figure: the Figure.
  """

  name: str
  caption: str
  figure: "Figure"

  def __post_init__(self):
    if not re.fullmatch(r"[a-z0-9-]+", self.name):
      raise value_error("name", repr(self.name), "small letters, digits and hyphens", "Rename it")


@dataclasses.dataclass(frozen=True)
class Page:
  """What a script found.

  Attributes:
    name: of the script and of the page's file: "extrapolation".
    title: the headline.
    question: what the script asks, a paragraph.
    setup: data, models, training, seeds: a paragraph.
    verdicts: of its expectations.
    tables, pictures: in the order shown.
    left_out: (what was not reproduced, why).
    unwell: settings with lanes that did not end well, a sentence each.
  """

  name: str
  title: str
  question: str
  setup: str
  verdicts: tuple[Verdict, ...]
  tables: tuple[Table, ...] = ()
  pictures: tuple[Picture, ...] = ()
  left_out: tuple[tuple[str, str], ...] = ()
  unwell: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Made:
  """How, when and where a page was made.

  Attributes:
    command: that makes it again.
    date: the day, as 2026-01-31.
    seconds: the whole run.
    machine: processor or accelerator, with how many cores or devices.
  """

  command: str
  date: str
  seconds: float
  machine: str

  @classmethod
  def now(cls, seconds: float, command: str | None = None) -> "Made":
    """For a page that is written now, by this process."""
    return cls(shlex.join(sweeps.command_line()) if command is None else command,
               time.strftime("%Y-%m-%d"), seconds, machine())

  @property
  def duration(self) -> str:
    """Its seconds as text."""
    minutes, rest = divmod(round(self.seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

  @property
  def preset(self) -> str:
    """The preset that the command names.

    Example:
      >>> Made("python -m experiments.all --preset=smoke --seeds=1", "", 1.0, "").preset
      'smoke'
    """
    found = re.findall(r"--?preset[= ](\S+)", self.command)
    return found[-1] if found else "default"


def machine() -> str:
  """The processor and its cores, or the accelerators, and JAX's version."""
  device = jax.local_devices()[0]
  if device.platform == "cpu":
    what = f"{processor()}, {cores()} cores"
  else:
    what = f"{jax.device_count()} x {device.device_kind}"
  return f"{what}; JAX {jax.__version__}, Python {platform.python_version()}"


def write(page: Page, directory: str | os.PathLike[str], made: Made) -> pathlib.Path:
  """Writes the page, its pictures, one of the claims' intervals first, and its data.

  Args:
    page: the content.
    directory: of all pages, made if missing.
    made: how, when and where.

  Returns:
    The path of the page.

  Raises:
    CannotWrite: a file of its name is there that no such page is.
  """
  folder = pathlib.Path(directory)
  folder.mkdir(parents=True, exist_ok=True)
  path = folder / f"{page.name}.md"
  if path.exists() and read(path.with_suffix(".json")) is None:
    raise sweeps.CannotWrite(explain_fault(
      "--pages", f"{str(path)!r}, beside which no {page.name}.json of such a page is",
      "no file of this name, or a page that this project made",
      "Move it, or name another directory: finished cells in --out are not trained again"))
  intervals = forest_lib.forest(page.verdicts)
  if intervals is not None:
    shown = Picture("intervals", forest_lib.CAPTION, intervals)
    page = dataclasses.replace(page, pictures=(shown, *page.pictures))
  for picture in page.pictures:
    (folder / f"{page.name}-{picture.name}.png").write_bytes(to_bytes(picture.figure, "png"))
  data = {"name": page.name, "title": page.title, "made": dataclasses.asdict(made),
          "verdicts": [dataclasses.asdict(v) for v in page.verdicts]}
  (folder / f"{page.name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
  path.write_text(text_of(page, made), encoding="utf-8")
  return path


def text_of(page: Page, made: Made) -> str:
  """The page in Markdown."""
  parts = [f"# {page.title}", page.question, f"    {made.command}",
           f"Made on {made.date} in {made.duration} by this command; {made.machine}.",
           "## How", page.setup, tables.WORDS]
  if page.unwell:
    parts += ["## Lanes that did not end well", tables.UNWELL,
              "\n".join(f"- {line}" for line in page.unwell)]
  parts += ["## Verdicts", tables.tally(page.verdicts), tables.ROLL,
           tables.verdict_table(page.verdicts)]
  if any(v.claims for v in page.verdicts):
    parts += ["## Numbers", tables.RULES, tables.claim_table(page.verdicts)]
  for picture in page.pictures:
    alt = picture.caption.split(". ")[0].rstrip(".")
    parts += [f"![{alt}]({page.name}-{picture.name}.png)", f"*{picture.caption}*"]
  for table in page.tables:
    parts += [f"## {table.title}", tables.markdown_table(table.head, table.rows)]
  if page.left_out:
    parts += ["## Not reproduced", "\n".join(f"- {what}: {why}" for what, why in page.left_out)]
  return "\n\n".join(part.strip("\n") for part in parts) + "\n"


@dataclasses.dataclass(frozen=True)
class Data:
  """What NAME.json says of a page.

  Attributes:
    name, title, verdicts: of the page.
    made: how, when and where.
  """

  name: str
  title: str
  made: Made
  verdicts: tuple[Verdict, ...]


def read(path: pathlib.Path) -> Data | None:
  """What a file says of the page of its name; None if it is no such file."""
  try:
    found = json.loads(path.read_text(encoding="utf-8"))
    data = Data(found["name"], found["title"], Made(**found["made"]),
                tuple(map(_read_verdict, found["verdicts"])))
    return data if data.name == path.stem and data.made.duration else None
  except (OSError, ValueError, KeyError, TypeError):
    return None


def _read_verdict(found: dict[str, Any]) -> Verdict:
  claims = tuple(Judged(**{**c, "interval": Interval(**c["interval"])}) for c in found["claims"])
  return Verdict(**{**found, "claims": claims})
