# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Scripts: flags of a dataclass, bounds, every fault at once, exit 2 before any compile."""

import dataclasses
import os
import runpy
import subprocess
import sys
import warnings
from typing import ClassVar

import numpy as np
import pytest

from experiments import compare, data, fields, script, sweep_flags
from experiments.fields import option
from posenc_jax import sweeps

ROOT = __file__.rsplit("/", 3)[0]


@dataclasses.dataclass(frozen=True)
class Config:
  """A script's config."""

  PRESETS: ClassVar[dict] = {"small": {"width": (2,), "rate": (1.0,)}, "default": {}}

  width: tuple[int, ...] = option((8,), "widths", low=2, high=64)
  rate: tuple[float, ...] = option((0.1,), "rates", low=0, high=1)
  names: tuple[str, ...] = option(("a",), "names")
  kind: str = option("one", "kind", choices=("one", "two"))
  file: str | None = option(None, "a file")
  loud: bool = option(False, "whether")
  options: sweeps.Options = sweeps.Options()

  def faults(self, bad=()):
    """What is wrong."""
    found = fields.Check(self, bad)
    if found.sound("width", "rate") and len(self.width) != len(self.rate):
      found.add("rate", self.rate, "as many as --width", "Add some")
    return found.faults


def read(*words):
  return script.from_flags(Config, ["x", *words])


def faults(*words):
  with pytest.raises(script.Faults) as caught:
    read(*words)
  return caught.value.faults


def test_lists_by_comma_and_by_repeating():
  config = read("--width=4,16", "--width", "32", "--rate=0.5, 1e-3,1", "--names=t5(a=1, b=2),c",
                "--loud", "--noprogress")
  assert config.width == (4, 16, 32) and config.rate == (0.5, 0.001, 1.0)
  assert config.names == ("t5(a=1, b=2)", "c") and config.loud
  assert not config.options.progress and config.file is None
  assert read() == dataclasses.replace(Config(), options=read().options)


def test_every_fault_is_told_and_no_other():
  found = faults("--width=1", "--rate=2", "--naems=b", "--names=", "stray", "--kind=twoo",
                 "--file=", "--shard=4/4", "--retry=dead", "--max_lanes=0", "--chunk_seconds=soon")
  wanted = ["--width: got 1, wanted a whole number, at least 2, at most 64",
            "--rate: got 2.0, wanted a finite number, at least 0, at most 1", "naems", "--names",
            "got 'stray', wanted flags only", "Did you mean 'two'", "--file=: got an empty value",
            "--shard: got (4, 4)", "--retry", "--max_lanes: got 0", "--chunk_seconds=soon"]
  assert len(found) == len(wanted), found
  for part in wanted:
    assert sum(part in line for line in found) == 1, (part, found)


def test_a_value_that_cannot_be_read_makes_no_further_faults():
  found = faults("--width=4.5", "--rate=0.1,0.2")
  assert len(found) == 1 and "got '4.5', wanted a whole number" in found[0]
  assert faults("--rate=0.1,0.2") == [
    "--rate: got (0.1, 0.2), wanted as many as --width. Add some."]


@pytest.mark.parametrize("flag", ["--file=None", "--file=none", "--profile_dir=None"])
def test_the_word_none_is_no_name_of_a_file(flag):
  name, value = flag.lstrip("-").split("=")
  assert faults(flag) == [
    f"--{name}: got the text {value!r}, wanted a name. From Python {name}=None is without one; "
    f"./{value} is a file of that name."]
  assert read("--file=./None").file == "./None"


def test_a_fault_is_told_once():
  with pytest.raises(script.Faults) as caught:
    script.from_flags(compare.Config, ["x", "--data=foo", "--encodings=none"])
  assert caught.value.faults == ["--data: got 'foo', wanted one of web, kjv, bbe. Choose one."]


def test_flags_override_a_preset():
  assert read("--preset=small").width == (2,)
  assert read("--preset=small", "--width=4").width == (4,)
  assert read("--width=4", "--preset=small").rate == (1.0,)
  assert "--preset: got 'smal'" in faults("--preset=smal")[0]


def test_notebooks_get_the_checks_of_the_command_line():
  for changes, message in (
      ({"width": 8}, "--width: got 8, wanted a tuple of values"),
      ({"width": (8.0,)}, "--width: got 8.0, wanted a whole number, at least 2, at most 64. "
       "Write 8"),
      ({"width": (True,)}, "--width: got True"),
      ({"width": ()}, "--width: got no values, so the grid is empty"),
      ({"rate": (float("nan"),)}, "--rate: got nan, wanted a finite number"),
      ({"rate": ("1",)}, "--rate: got '1'"),
      ({"names": "ab"}, "--names: got 'ab', wanted a tuple of values"),
      ({"names": ("a", "a")}, "--names: got ['a', 'a'], wanted each value once"),
      ({"kind": 3}, "--kind: got 3, wanted a text"),
      ({"file": ""}, "--file: got an empty text"),
      ({"loud": 1}, "--loud: got 1, wanted True or False")):
    found = Config(**changes).faults()
    assert found and message in found[0], (changes, found)
  assert Config(width=[4], rate=[np.float32(0.5)]).faults() == []


def test_every_option_of_a_sweep_is_a_flag():
  names = {f.name for f in dataclasses.fields(sweeps.Options)}
  assert names <= set(sweep_flags.FLAGS) | set(sweep_flags.WITHOUT)
  table = sweep_flags.table()
  for name in names - set(sweep_flags.WITHOUT):
    assert table[name][2] == getattr(sweeps.Options(), name), name


def test_flags_of_a_sweep_reach_its_options():
  options = read("--batching=padded", "--max_lanes=3", "--shard=1/4", "--retry=oom,diverged",
                 "--memory_limit=1e9", "--checkpoint_seconds=0", "--noreport").options
  assert (options.batching, options.max_lanes, options.shard) == ("padded", 3, (1, 4))
  assert options.retry == ("oom", "diverged") and options.memory_limit == 1e9
  assert options.checkpoint_seconds == 0 and not options.report
  assert options.argv == sweeps.command_line()
  cluster = read("--distributed", "--coordinator_address=a:1", "--num_processes=2",
                 "--process_id=0").options
  assert (cluster.coordinator_address, cluster.num_processes, cluster.process_id) == ("a:1", 2, 0)
  found = faults("--process_id=1")
  assert len(found) == 1 and "process_id" in found[0] and "distributed" in found[0]


def test_a_second_run_in_one_process_is_as_the_first(monkeypatch, capsys, tmp_path):
  """As by %run: lists are not added to those of the first run, single values are the defaults."""
  plans = []
  for words in (["--encodings=none", "--seeds=0", "--steps=7"], ["--encodings=alibi"],
                ["--encodings=alibi"]):
    monkeypatch.setattr(sys, "argv", ["compare", "--dry_run", f"--out={tmp_path / 'run'}", *words])
    with pytest.raises(SystemExit) as end:
      runpy.run_path(compare.__file__, run_name="__main__")
    assert end.value.code == 0
    plans.append(capsys.readouterr().out)
  assert plans[0].startswith("4 cells") and "steps=7" in plans[0]
  assert plans[1].startswith("12 cells") and "steps=240" in plans[1]
  assert plans[1] == plans[2]


def _run(*arguments):
  return subprocess.run([sys.executable, "-m", "experiments.compare", *arguments], cwd=ROOT,
                        capture_output=True, text=True, timeout=300)


def test_a_script_lists_all_faults_and_exits_with_2(tmp_path):
  (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 100)
  done = _run("--encodings=rotry,alibi", "--d_model=20,32", "--head_dim=15", "--steps=0",
              f"--data_file={tmp_path / 'latin.txt'}", "--sheed=1", f"--out={tmp_path / 'run'}")
  assert done.returncode == 2, done.stderr
  for part in ("Did you mean 'rotary'", "--d_model: got 20, wanted a multiple of --head_dim=15",
               "steps", "latin.txt", "byte", "sheed",
               "Nothing was run. See python -m experiments.compare --help."):
    assert part in done.stderr, (part, done.stderr)
  assert not (tmp_path / "run").exists()


def test_a_missing_file_and_an_odd_head(monkeypatch, capsys, tmp_path):
  monkeypatch.setattr(sys, "argv", ["compare", "--encodings=rotary", "--d_model=15",
                                    "--head_dim=15", f"--data_file={tmp_path / 'nowhere.txt'}"])
  with pytest.raises(SystemExit) as end:
    script.start(compare.Config, compare.main)
  told = capsys.readouterr().err
  assert end.value.code == 2
  assert "nowhere.txt" in told and "--head_dim=15" in told and "even" in told, told


def test_help_names_every_flag(monkeypatch, capsys):
  monkeypatch.setattr(sys, "argv", ["compare", "--help"])
  with pytest.raises(SystemExit) as end:
    script.start(compare.Config, compare.main, compare.__doc__)
  told = capsys.readouterr().out
  assert end.value.code == 0 and "python -m experiments.compare" in told
  for name in (*fields.options_of(compare.Config), *sweep_flags.table(), "preset"):
    assert f"--{name}\n" in told or f"--[no]{name}\n" in told, name


def test_a_flag_that_is_no_truth_value_is_told_in_our_words():
  assert faults("--loud=maybe") == ["flag --loud=maybe: got 'maybe', wanted true or false. Choose."]


DEVICES = """
import builtins, os, sys
import jax
from experiments import compare, script

def asked(*words):
  sys.argv = ["compare", "--preset=none", *words]  # a fault, so that nothing is run
  try:
    script.start(compare.Config, compare.main)
  except SystemExit:
    return jax.config.jax_num_cpu_devices

cores = len(os.sched_getaffinity(0))
assert asked("--distributed") == -1  # Processes have one each.
builtins.__IPYTHON__ = True
assert asked() == -1                 # A notebook's process is not the script's.
del builtins.__IPYTHON__
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=3"
assert asked() == -1
del os.environ["XLA_FLAGS"]
assert asked() == min(cores, script.MOST_CPU_DEVICES)
jax.config.update("jax_num_cpu_devices", 5)
assert asked() == 5 == jax.device_count()
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_a_sweep_has_a_device_a_core_unless_someone_chose():
  environment = {k: v for k, v in os.environ.items() if k != "JAX_NUM_CPU_DEVICES"}
  done = subprocess.run([sys.executable, "-c", DEVICES], cwd=ROOT, capture_output=True, text=True,
                        timeout=300, env=environment)
  assert done.returncode == 0, done.stderr


def test_messages_of_a_script_name_flags(monkeypatch, capsys):
  """The mend of a refused directory was Python, for someone at a shell."""
  def main(config):
    from posenc_jax.sweeps import errors
    with sweeps.exits():
      errors.warn("with repair=True it is mended")
      raise sweeps.SettingsChanged('With retrain="changed", evaluate_only=True or keep="weights"')

  monkeypatch.setattr(sys, "argv", ["x", "--width=2"])
  form = warnings.formatwarning
  with pytest.warns(sweeps.SweepWarning, match="^with --repair it is mended$"):
    with pytest.raises(SystemExit) as stop:
      script.start(Config, main)
  assert stop.value.code == 2 and warnings.formatwarning is form
  assert capsys.readouterr().err == ("SettingsChanged: With --retrain=changed, --evaluate_only or "
                                     "--keep=weights\n")


def test_a_warning_of_a_script_is_one_line():
  """With the line of code that it came from, it read like an error."""
  with script._quiet():
    told = warnings.formatwarning(sweeps.SweepWarning("with repair=True"), sweeps.SweepWarning, "f",
                                  3)
    assert told == "warning: with --repair\n"
    assert "f:3: RuntimeWarning" in warnings.formatwarning("x", RuntimeWarning, "f", 3)


def test_an_argument_that_is_a_flag_is_told_as_one(monkeypatch, capsys):
  monkeypatch.setattr(Config, "load", lambda self: data.load_text(data_file="gone"), raising=False)
  monkeypatch.setattr(sys, "argv", ["x"])
  with pytest.raises(SystemExit):
    script.start(Config, lambda config: 0)
  assert "error: data_file: got 'gone'" in capsys.readouterr().err  # Config has no such flag
  monkeypatch.setattr(sys, "argv", ["x", "--data_file=gone", "--encodings=rotary"])
  with pytest.raises(SystemExit):
    script.start(compare.Config, lambda config: 0)
  assert "error: --data_file: got 'gone'" in capsys.readouterr().err
