# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the text comes from: the translations' verses, and what bad files are told."""

import gzip
import hashlib
import lzma
import os
import re
import sys

import pytest
import pythonbible

from experiments import data, texts
from tests.support.bibles import VERSIONS


@pytest.mark.parametrize("name", VERSIONS)
def test_verses_agree_with_the_numbers_printed_in_the_text(name):
  # Another edition of the same package carries the verse numbers inside its text, so that its
  # chapters and verses can be told apart without the index that the package keeps.
  printed = pythonbible.get_bible(VERSIONS[name], "html").scripture_content
  pieces = re.split("<sup>([0-9]+)</sup>", re.sub("</?p>", "", printed))
  chapters = iter(
    (book, chapter)
    for book in list(pythonbible.Book)[:66]
    for chapter in range(1, pythonbible.get_number_of_chapters(book) + 1)
  )
  expected = {}
  for number, text in zip(map(int, pieces[1::2]), pieces[2::2], strict=True):
    if number == 1:
      book, chapter = next(chapters)
    expected[book.value * 1_000_000 + chapter * 1_000 + number] = " ".join(text.split())
  assert next(chapters, None) is None
  verses = texts.bible_verses(name)
  missing = {"web": {45014024, 45014025, 45014026}, "kjv": set()}[name]
  assert expected.keys() - verses.keys() == missing
  assert verses == {verse: text for verse, text in expected.items() if verse not in missing}
  assert list(verses) == sorted(verses)


def test_verses_of_basic_english_are_refused():
  with pytest.raises(ValueError, match="name: got 'bbe', wanted 'web' or 'kjv'"):
    texts.bible_verses("bbe")


@pytest.mark.parametrize("name", texts.BIBLES)
def test_missing_packages_are_named(name, monkeypatch):
  message = rf"data: got '{name}' .*, which is not installed, .* pip install -e '.\[experiments\]'"
  with monkeypatch.context() as patch:
    patch.setitem(sys.modules, "pythonbible", None)
    with pytest.raises(ImportError, match=message):
      data.load_text(name)

  def without_text(*args, **kwargs):
    raise pythonbible.MissingBiblePackageError

  monkeypatch.setattr(pythonbible, "get_verse_text", without_text)
  monkeypatch.setattr(pythonbible, "get_bible", without_text)
  with pytest.raises(ImportError, match=message):
    data.load_text(name)


def test_hash_covers_a_file_longer_than_one_chunk(text_file):
  content = bytes(97 + number % 26 for number in range(2_500_000))
  corpus = data.load_text(data_file=text_file(content))
  assert corpus.sha256 == hashlib.sha256(content).hexdigest()
  assert len(corpus.train) + len(corpus.valid) == len(content)


@pytest.mark.parametrize(
  ("raw", "cleaned"),
  [
    ("\ufeffstart", "start"),
    ("a\r\nb\rc\n", "a\nb\nc\n"),
    ("\x1b[1;31mred\x1b[0m", "red"),
    ("\x1b]0;title\x07text", "text"),
    ("\x1b]8;;link\x1b\\text", "text"),
    ("\x9b31mred", "red"),
    ("a\x00b\x07c\x7fd\x85e", "abcde"),
    ("tab\tand\nline", "tab\tand\nline"),
    ("café 清晨 𝄞", "café 清晨 𝄞"),
  ],
)
def test_control_characters_are_dropped(raw, cleaned):
  assert texts.clean(raw) == cleaned


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (b"", "data_file: got .*text.txt', which is empty, wanted a file that holds text"),
    (b" \n\x1b[0m\x00", "holds only blanks and control characters"),
    ("In the beginning".encode("utf-16-le") * 9, "holds 144 NUL bytes, the first at position 1, "
     "wanted a UTF-8 text file. It looks like UTF-16 without its mark. .* iconv -f UTF-16LE -t UT"),
    ("In the beginning".encode("utf-16-be") * 9, "position 0, .* iconv -f UTF-16BE -t UTF-8"),
    ("In the beginning".encode("utf-32-le") * 9, "iconv -f UTF-32LE -t UTF-8"),
    (b"text and \0 more text" * 9, "holds 9 NUL bytes, the first at position 9, .*Is it binary"),
    (b"abc\xffdef", "is not UTF-8: byte 0xff at position 3 .*invalid start byte.*iconv"),
    ("清晨".encode("gb18030"), "is not UTF-8: byte 0xc7 at position 0"),
    (b"caf\xe9 " * 9, "In which encoding .* a wrong guess, such as latin-1, may work and give"),
    ("清晨".encode("utf-16"), "It begins as UTF-16 does. .* iconv -f UTF-16 -t UTF-8"),
    ("清晨".encode("utf-32"), "It begins as UTF-32 does. .* iconv -f UTF-32 -t UTF-8"),
    (gzip.compress(b"text" * 99, mtime=0), "It is packed by gzip. Unpack it with: gunzip"),
    (lzma.compress(b"text" * 99), "It is packed by xz. Unpack it with: unxz"),
    (b"a" * 2_000_000 + "é".encode()[:1], "byte 0xc3 at position 2000000 .*unexpected end of data"),
    (b"a" * 3_000_001, "is longer than 3000000 bytes, wanted .* Cut a part.*head -c 3000000"),
    (
      b"abc" * 50,
      "with 150 characters, 15 of them in the evaluation part, wanted at least 33 .* of 32",
    ),
    (b"a", "with 1 characters, 1 of them in the training part"),
  ],
)
def test_bad_file_is_refused(text_file, content, message):
  with pytest.raises(ValueError, match=message):
    data.load_text(data_file=text_file(content), longest_window=32, max_bytes=3_000_000)


def test_missing_file_directory_and_device_are_refused(tmp_path):
  with pytest.raises(ValueError, match="data_file: got .*none.txt', .* be found.*Check the path"):
    data.load_text(data_file=str(tmp_path / "none.txt"))
  with pytest.raises(ValueError, match="data_file: got .* cannot be found: .*embedded null"):
    data.load_text(data_file="a\0b")
  with pytest.raises(ValueError, match="is a directory, wanted .*Name one file inside"):
    data.load_text(data_file=str(tmp_path))
  with pytest.raises(ValueError, match="is not a regular file, wanted .*Copy the text into"):
    data.load_text(data_file=os.devnull)


def test_file_that_fails_while_it_is_read_is_refused(text_file, monkeypatch):
  def failing_open(*args):
    raise OSError(5, "Input/output error")

  path = text_file("text")
  monkeypatch.setattr(texts, "open", failing_open, raising=False)
  with pytest.raises(ValueError, match="data_file: got .* cannot be read: .*Input/output error, w"):
    data.load_text(data_file=path)


def test_error_does_not_print_the_name_raw(text_file):
  with pytest.raises(ValueError) as caught:
    data.load_text(data_file=text_file(b"", "a\x1b[31mb\nc.txt"))
  assert re.fullmatch("[ -~]+", str(caught.value))
  assert texts.file_name("folder/a\x1b[31mb\nc.txt") == "ab c.txt"
