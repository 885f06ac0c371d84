# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Plants faults in a copy of the repository, one at a time, and runs the test that must notice.

    python -m tests.support.plant                     every fault of tests/support/planted.py
    python -m tests.support.plant --only ID ID        some of them
    python -m tests.support.plant --shard 0/4         the first of four shares

For each fault the verdict is one of

    killed               the test passes without the fault and fails with it
    survived             the test passes with the fault, so it tests less than it should
    red without it       the test fails without the fault, so its failure says nothing
    pattern not found    the line is gone or written otherwise, or there are several such lines
    broken               pytest could not run the test: no such test, or an error while importing

The exit status is 0 if all are killed, else 1. Only the copy is changed.
"""

import argparse
import dataclasses
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.support.fault import Fault
from tests.support.planted import PLANTED
from tests.support.repository import ROOT, repository_files

PYTEST = ("-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider")
PASSED, FAILED = 0, 1  # pytest's exit statuses; others say that it could not run the tests
KILLED = "killed"


class PatternNotFound(Exception):
  """The text to be changed is not in its file exactly once."""


@dataclasses.dataclass(frozen=True)
class Verdict:
  """What became of one fault; `output` is the end of what pytest printed, if that explains it."""

  fault: Fault
  verdict: str
  seconds: float
  output: str = ""

  def __str__(self) -> str:
    line = f"{self.verdict:<18} {self.fault.id:<34} {self.seconds:5.1f} s  {self.fault.test}"
    return f"{line}\n{self.output}".rstrip()


def plant(text: str, fault: Fault) -> str:
  """A file's text with the fault in it.

  Raises:
    PatternNotFound: the fault's `old` is not there exactly once.
  """
  count = text.count(fault.old)
  if count != 1:
    raise PatternNotFound(f"{fault.file} has {count} times {fault.old!r}")
  return text.replace(fault.old, fault.new)


def copy_tree(root: pathlib.Path, names: Iterable[str], target: pathlib.Path) -> None:
  """Copies the named files of a tree."""
  for name in names:
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / name, target / name)


class Tree:
  """A copy of a repository in which tests are run, with one fault at a time.

  Args:
    directory: the copy.
    environment: more environment variables of the tests.
    timeout: seconds after which a test counts as failed.
  """

  def __init__(self, directory: pathlib.Path, *, environment: Mapping[str, str] | None = None,
               timeout: float = 600.0):
    self.directory, self._timeout = directory, timeout
    # Byte code would outlive the fault: a file that is restored within a second looks unchanged.
    self._environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1",
                         **(environment or {})}
    self._without: dict[str, tuple[int, str]] = {}

  def run(self, test: str) -> tuple[int, str]:
    """Runs a test; returns pytest's exit status and the end of its output."""
    command = [sys.executable, *PYTEST, *shlex.split(test)]
    try:
      done = subprocess.run(command, cwd=self.directory, env=self._environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            timeout=self._timeout)
    except subprocess.TimeoutExpired:
      return FAILED, f"no end after {self._timeout:g} s"
    return done.returncode, "\n".join(done.stdout.splitlines()[-12:])

  def judge(self, fault: Fault) -> Verdict:
    """Plants a fault, runs its test and restores the file."""
    start = time.monotonic()
    path = self.directory / fault.file
    say = lambda verdict, output="": Verdict(fault, verdict, time.monotonic() - start, output)
    try:
      whole = path.read_text(encoding="utf-8")
      planted = plant(whole, fault)
    except (FileNotFoundError, PatternNotFound) as error:
      return say("pattern not found", str(error))
    if fault.test not in self._without:
      self._without[fault.test] = self.run(fault.test)
    status, output = self._without[fault.test]
    if status != PASSED:
      return say("red without it" if status == FAILED else "broken", output)
    try:
      path.write_text(planted, encoding="utf-8")
      status, output = self.run(fault.test)
    finally:
      path.write_text(whole, encoding="utf-8")
    if status == FAILED:
      return say(KILLED)
    return say("survived") if status == PASSED else say("broken", output)


def choose(faults: Sequence[Fault], only: Sequence[str] = (), shard: str = "0/1") -> list[Fault]:
  """The faults that a command line asks for.

  Args:
    faults: all of them.
    only: ids; empty for all.
    shard: "i/n" takes the i-th of n shares, i from 0. Faults of one test stay in one share, so
      that the test runs without a fault once.

  Raises:
    ValueError: an id is unknown, or the shard is not of that form.
  """
  unknown = set(only) - {fault.id for fault in faults}
  if unknown:
    raise ValueError(f"--only: got {sorted(unknown)}, wanted ids of the list. Correct them.")
  part, _, count = shard.partition("/")
  if not (part.isdecimal() and count.isdecimal() and int(part) < int(count)):
    raise ValueError(f"--shard: got {shard!r}, wanted i/n. The first of four shares is 0/4.")
  wanted = [fault for fault in faults if not only or fault.id in only]
  tests = list(dict.fromkeys(fault.test for fault in wanted))
  own = set(tests[int(part)::int(count)])
  return [fault for fault in wanted if fault.test in own]


def judge_all(tree: Tree, faults: Sequence[Fault], tell: Callable[[object], None]) -> list[Verdict]:
  """The verdict of each fault, each handed to `tell` as it comes."""
  verdicts = []
  for fault in faults:
    verdicts.append(tree.judge(fault))
    tell(verdicts[-1])
  return verdicts


def main(argv: Sequence[str] | None = None) -> int:
  """Judges the faults that the command line asks for; returns the exit status."""
  parser = argparse.ArgumentParser(prog="python -m tests.support.plant", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="faults to plant")
  parser.add_argument("--shard", default="0/1", metavar="I/N", help="which share of the list")
  args = parser.parse_args(argv)
  try:
    faults = choose(PLANTED, args.only, args.shard)
  except ValueError as error:
    parser.error(str(error))
  with tempfile.TemporaryDirectory() as directory:
    copy_tree(ROOT, repository_files(untracked=True), pathlib.Path(directory))
    tell = lambda verdict: print(verdict, flush=True)
    verdicts = judge_all(Tree(pathlib.Path(directory)), faults, tell)
  killed = sum(verdict.verdict == KILLED for verdict in verdicts)
  print(f"{killed} of {len(verdicts)} killed")
  return 0 if killed == len(verdicts) else 1


if __name__ == "__main__":
  sys.exit(main())
