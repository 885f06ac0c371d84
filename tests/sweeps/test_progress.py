# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a run tells while it runs and when it ends: on a terminal, in a notebook, in a log."""

import io
import os
import shlex
import subprocess
import sys
import types

import jax
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.command import how_to_repeat
from posenc_jax.sweeps.run import progress as progress_lib
from posenc_jax.sweeps.run.progress import Progress, columns, fitted
from tests.support import sweep_toy
from tests.support.sweep_toy import Line

PARTS = ["12/24 cells", "group 2/4 step 80/200", "310 steps/s", "4.1e+05 tokens/s", "2 compiles",
         "loss 2.31", "ETA 41 s"]


class Terminal(io.StringIO):
  def isatty(self):
    return True


@pytest.mark.parametrize("width", [200, 88, 80, 60, 50, 20, 5])
def test_a_line_fits_the_terminal_and_drops_what_matters_least(width):
  line = fitted(PARTS, width)
  assert len(line) <= width and line.startswith("12/24"[:width])
  if width >= 60:
    assert "loss 2.31" in line
  if width >= 50:
    assert line.endswith("ETA 41 s")
  assert ("tokens" in line) == (width >= 100)


def test_the_live_line_is_narrower_than_the_terminal(monkeypatch):
  monkeypatch.setattr(progress_lib, "columns", lambda stream: 50)
  stream = Terminal()
  progress = Progress(24, 0, 200, 12, stream=stream, every=0.0)
  progress.start_compile(0)
  progress.compiled(1.0)
  progress.start_group(0, 200, 3, 1000.0)
  for step in range(1, 9):
    progress.advance(step, 1, 0.1, 2.5)
  progress.close()
  shown = stream.getvalue().split("\r")
  assert max(len(line.rstrip("\n")) for line in shown) < 50 and stream.getvalue().count("\n") == 1
  assert shown[1].rstrip() == "0/24 cells | compiling group 1 of 12"


def test_a_terminal_tells_its_width():
  master, slave = os.openpty()
  import fcntl
  import struct
  import termios

  fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 43, 0, 0))
  with os.fdopen(slave, "w") as stream:
    assert columns(stream) == 43
  os.close(master)
  assert columns(io.StringIO()) > 0


def test_each_compile_is_announced_in_a_log(capsys):
  sweeps.run(Line(steps=2), sweep_toy.cells(4), progress=True)
  lines = capsys.readouterr().err.splitlines()
  assert lines[0] == "0/4 cells | compiling group 1 of 2"
  assert "2/4 cells | compiling group 2 of 2" in lines


def test_a_notebook_has_one_live_line_on_stdout(monkeypatch, capsys):
  kernel = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=1))
  monkeypatch.setitem(sys.modules, "IPython", kernel)
  sweeps.run(Line(steps=2), sweep_toy.cells(2, widths=(2,)), progress=True)
  out, err = capsys.readouterr()
  assert out.count("\r") >= 3 and out.count("\n") == 1 and not err
  assert how_to_repeat(None) == "the same call"


@pytest.mark.parametrize("words, told", [
  (["/usr/bin/python3.11", "-m", "experiments.compare", "--out=a b"],
   "python -m experiments.compare '--out=a b'"),
  (["python", "study.py", "-c"], "python study.py -c"),
  (["python", "-c", "import study"], "the same call"),
  (["python"], "the same call"),
  (["python", "-i"], "the same call"),
])
def test_the_hint_is_the_command_of_the_process(words, told, monkeypatch):
  monkeypatch.setattr(sys, "orig_argv", words)
  assert how_to_repeat(None) == told
  assert how_to_repeat(("python", "x.py", "a b")) == "python x.py 'a b'"


def test_the_hint_of_an_interrupted_script_runs(tmp_path):
  """Faults C1 and A7 of the first hour: what the hint said could not be run."""
  script = tmp_path / "study one.py"
  script.write_text(
    "import os, signal, sys, types\n"
    "from posenc_jax import sweeps\n"
    "from tests.support import sweep_toy\n"
    "if sys.argv[2:] and not os.path.exists(sys.argv[1]):\n"
    "  sweep_toy.time = types.SimpleNamespace(sleep=lambda seconds: signal.raise_signal(2))\n"
    "with sweeps.exits():\n"
    "  sweeps.run(sweep_toy.Line(3), sweep_toy.cells(2), sys.argv[1], report=False)\n")
  environment = {**os.environ, "PYTHONPATH": os.getcwd()}
  run = lambda command: subprocess.run(command, capture_output=True, text=True, env=environment)
  first = run([sys.executable, str(script), str(tmp_path / "out"), "stop"])
  assert first.returncode == 130 and "Traceback" not in first.stderr
  again = shlex.split(first.stderr.rpartition("to go on: ")[2])
  assert again[0] == "python" and again[1] == str(script)
  second = run([sys.executable, *again[1:]])
  assert second.returncode == 0 and len(sweeps.load(tmp_path / "out")) == 2


def test_a_share_without_work_and_the_last_share_say_what_to_do(tmp_path, capsys):
  """Fault C2: nothing was said, or that files had been written that are not there."""
  cells = sweep_toy.cells(1)
  share = lambda i: sweeps.run(Line(2), cells, tmp_path / "a b", shard=(i, 2))
  found = share(1)
  text = capsys.readouterr().err
  assert len(found) == 0 and found.missing == cells
  assert "share 1/2 has nothing to run: 1 group left for all shares, none its own" in text
  assert "1 cell left to other shares; when all are done, for the report: python" in text
  share(0)
  text = capsys.readouterr().err
  assert f"all are done, for the report: python -m posenc_jax.sweeps '{tmp_path}/a b'" in text
  assert not (tmp_path / "a b" / "report.html").exists()


def test_a_distributed_run_without_a_coordinator_is_told_plainly(tmp_path, monkeypatch):
  """Fault C4: a traceback and exit status 1."""
  def unknown(**arguments):
    assert arguments == {"num_processes": 2, "timeout": 3}
    raise ValueError("coordinator_address should be defined.")

  monkeypatch.setattr(jax.distributed, "initialize", unknown)
  monkeypatch.setattr(jax.distributed, "is_initialized", lambda: False)
  with pytest.raises(sweeps.NoCoordinator, match="wanted coordinator_address, num_processes") as e:
    sweeps.run(Line(2), sweep_toy.cells(1), tmp_path, distributed=True, num_processes=2,
               distributed_args={"timeout": 3})
  assert e.value.exit_code == 2 and not list(tmp_path.iterdir())
  with pytest.raises(ValueError, match="process_id: got 1 without distributed=True"):
    sweeps.Options(process_id=1)


def test_warnings_point_at_the_caller(tmp_path):
  """Fault C11."""
  tmp_path.chmod(0o770)
  with pytest.warns(sweeps.SweepWarning, match="not used as compile cache") as warned:
    sweeps.run(Line(2), sweep_toy.cells(1), progress=False, compile_cache=str(tmp_path))
  assert [w.filename for w in warned] == [__file__]
