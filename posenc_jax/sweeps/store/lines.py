# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A log of JSON lines, each with a checksum that shows whether the line is whole.

Every line carries the CRC-32 of the rest of its content in canonical form, so a tool may reorder
its keys or add a carriage return without harm, but a changed digit is found. Lines are independent:
a damaged line loses one record and no other. A last line without its newline is torn, as a kill or
a full disk stopped its writing.
"""

import dataclasses
import json
import pathlib
import zlib
from typing import Any

from posenc_jax._errors import explain_fault
from posenc_jax.sweeps import files
from posenc_jax.sweeps.errors import CorruptStore

SCHEMA = 1


def canonical(record: dict[str, Any]) -> str:
  """JSON that is the same for equal records; a NaN raises a ValueError."""
  return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)


def encode(record: dict[str, Any]) -> bytes:
  """One line for a record, newline included; NaN raises a ValueError.

  Example:
    >>> encode({"id": "a"})
    b'{"crc32":"19f1fc97","id":"a","schema":1}\\n'
  """
  content = {**record, "schema": SCHEMA}
  crc = f"{zlib.crc32(canonical(content).encode()):08x}"
  return (canonical({**content, "crc32": crc}) + "\n").encode()


def decode(line: bytes) -> dict[str, Any]:
  """The record of a line.

  Raises:
    ValueError: the line cannot be trusted; the text is the reason that ``scan`` reports.
  """
  try:
    record = json.loads(line.decode("utf-8"))
  except (UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
    raise ValueError(f"no JSON: {error}") from error
  if not isinstance(record, dict) or "crc32" not in record:
    raise ValueError("no object with a crc32")
  crc = record.pop("crc32")
  try:
    expected = f"{zlib.crc32(canonical(record).encode()):08x}"
  except ValueError as error:
    raise ValueError(f"a number JSON does not have: {error}") from error
  if crc != expected:
    raise ValueError(f"checksum {crc}, computed {expected}")
  if record.pop("schema", None) != SCHEMA:
    raise ValueError(f"a schema other than {SCHEMA}: written by another version")
  return record


@dataclasses.dataclass(frozen=True)
class BadLine:
  """A line that cannot be trusted: its number from 1, the reason, its bytes."""

  number: int
  reason: str
  content: bytes


@dataclasses.dataclass(frozen=True)
class Scan:
  """What a log holds: the records, the bad lines, and where its whole lines end."""

  records: tuple[dict[str, Any], ...]
  bad: tuple[BadLine, ...]
  size: int
  whole: int
  needs_newline: bool

  @property
  def torn(self) -> int:
    """How many bytes of a torn last line there are."""
    return self.size - self.whole


def scan(path: pathlib.Path) -> Scan:
  """Reads a log without changing it; a missing file is an empty log, a directory CorruptStore.

  A byte order mark, carriage returns and empty lines are passed over.
  """
  try:
    data = files.read(path)
  except FileNotFoundError:
    data = b""
  except OSError as error:
    raise CorruptStore(explain_fault(f"{path}", f"what cannot be read: {error.strerror}",
                                     "a file that a run wrote", "Move it away")) from error
  records, bad = [], []
  whole, needs_newline = 0, False
  for number, line in enumerate(data.splitlines(keepends=True) if data else [], start=1):
    content = line.removeprefix(b"\xef\xbb\xbf").strip(b"\r\n \t")
    ended = line.endswith((b"\n", b"\r"))
    try:
      if content:
        records.append(decode(content))
    except ValueError as error:
      if not ended:
        break  # A torn last line: everything before it is whole.
      bad.append(BadLine(number, str(error), content))
    whole += len(line)
    needs_newline = not ended
  return Scan(tuple(records), tuple(bad), len(data), whole, needs_newline)
