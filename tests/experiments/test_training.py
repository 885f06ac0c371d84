# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A task of one's own, and what can be swept: any number of the optimizer, model and encoding."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from experiments import config as config_lib
from experiments import encodings, training
from experiments.fields import Faults
from posenc_jax import sweeps
from posenc_jax.sweeps.fingerprint import Fingerprints
from posenc_jax.sweeps.store import manifest
from tests.experiments.test_lanes import make_experiment, packs_of, train
from tests.support import copying

QUIET = sweeps.Options(progress=False, report=False)
TINY = copying.Config(
  encodings=("alibi",), d_model=(8,), seq_len=(8,), seeds=(0,), layers=1, head_dim=4, batch_size=4,
  steps=30, learning_rate=(3e-2,), out=None, options=QUIET)


def change(**changes):
  return dataclasses.replace(TINY, **changes)


def test_a_task_of_forty_lines_learns():
  results = copying.run(change(seeds=(0, 1)))
  assert len(results) == 2
  for record in results:
    assert record["status"] == "ok"
    assert record["metrics"]["loss"] < record["series"]["loss"][0] - 0.1


def test_the_task_is_a_script(tmp_path):
  done = subprocess.run(
    [sys.executable, "-m", "tests.support.copying", "--dry_run", "--dropout=0,0.1", "--layers=1,2",
     f"--out={tmp_path / 'run'}"], capture_output=True, text=True, timeout=300,
    cwd=__file__.rsplit("/", 3)[0])
  assert done.returncode == 0, done.stderr
  text = pathlib.Path(copying.__file__).read_text(encoding="utf-8")
  assert len(text.split("class Copying")[1].splitlines()) < 48


def shapes(config):
  experiment = config.experiment()
  return {experiment.split(cell)[0] for cell in config.cells()}


def test_numbers_share_a_program_and_sizes_do_not():
  """Traced: one static for all values; what shapes the program has one each."""
  for name, values in (("learning_rate", (0.1, 0.2)), ("weight_decay", (0.0, 0.1)),
                       ("clip", (0.5, 1.0)), ("warmup", (0.0, 0.1)), ("beta1", (0.8, 0.9)),
                       ("beta2", (0.9, 0.99)), ("epsilon", (1e-8, 1e-3)), ("dropout", (0.1, 0.2))):
    config = change(**{name: values})
    assert len(config.cells()) == 2 and len(shapes(config)) == 1, name
  for name, values in (("layers", (1, 2)), ("head_dim", (2, 4)), ("batch_size", (2, 4)),
                       ("steps", (3, 4)), ("dropout", (0.0, 0.1))):
    config = change(**{name: values})
    assert len(config.cells()) == 2 and len(shapes(config)) == 2, name
    experiment = config.experiment()
    assert experiment.merge(tuple(shapes(config))) is None, name


def test_dropout_is_of_the_lane():
  """A traced rate does what it says; masks depend on sizes, so other sizes have other programs."""
  experiment = make_experiment()
  cells = [sweeps.Cell(encoding="none", d_model=8, seq_len=8, seed=3, dropout=rate)
           for rate in (0.25, 0.5)]
  shape, = {experiment.split(cell)[0] for cell in cells}
  both = train(experiment, shape, cells)["curve"]
  other = make_experiment(settings=dataclasses.replace(experiment._settings, dropout=0.25))
  alone = train(other, shape, [cells[0]])["curve"]
  np.testing.assert_allclose(both[0], alone[0], atol=1e-5)
  assert abs(both[0] - both[1]).max() > 1e-3
  wide = experiment.split(sweeps.Cell(cells[0], d_model=16))[0]
  assert experiment.merge((shape, wide)) is None


def test_a_setting_that_an_encoding_does_not_read_makes_no_cells():
  config = change(encodings=("alibi", "rotary", "rotary(base=5e5)", "t5+fire", "log-n"),
                  base=(1e3, 1e4), vary=("fire.threshold=8,16,32", "fire.c=1,2"))
  cells = config.cells()
  count = lambda label: sum(cell["encoding"] == label for cell in cells)
  assert count("alibi") == count("log-n") == count("rotary(base=500000.0)") == 1
  assert count("rotary") == 2 and count("t5+fire") == 6
  assert all(("base" in cell) == (cell["encoding"] == "rotary") for cell in cells)
  assert {cell["fire_threshold"] for cell in cells if "fire_threshold" in cell} == {8, 16, 32}


def test_a_leaf_is_traced_and_a_static_is_not():
  def programs(text, encoding):
    config = change(encodings=(encoding,), vary=(text,))
    assert config.faults() == [], text
    experiment = config.experiment()
    found = packs_of(experiment, config.cells())
    built = [jax.eval_shape(experiment.make_train(shape).init, *_lane(experiment, cells[0]))
             for shape, cells in found]
    assert len(built) == len(found)
    return len(found)

  assert programs("fire.threshold=8,16", "fire") == 2
  assert programs("log-n.train_length=8,16,32", "log-n") == 1
  assert programs("rotary.base=1e3,1e4", "rotary+alibi") == 1
  assert programs("fire.c=0.1,1", "fire") == 1
  assert programs("t5.num_buckets=8,16", "t5") == 2
  assert programs("rotary.pairing=half,interleaved", "rotary") == 2
  assert programs("fire.multiplier=1,2", "fire") == 1  # a leaf that no constructor sets


def _lane(experiment, cell):
  return {n: np.float32(v) if isinstance(v, float) else np.int32(v)
          for n, v in experiment.split(cell)[1].items()}, jax.random.key(0)


def test_a_varied_leaf_is_what_the_constructor_would_have_made():
  config = change(encodings=("log-n",), vary=("log-n.train_length=3,30",), steps=5)
  experiment = config.experiment()
  (shape, cells), = packs_of(experiment, config.cells())
  both = train(experiment, shape, cells)
  plain = change(encodings=("log-n(train_length=30)",), steps=5)
  cell, = plain.cells()
  alone = train(plain.experiment(), plain.experiment().split(cell)[0], [cell])
  np.testing.assert_allclose(both["curve"][1], alone["curve"][0], atol=1e-5)
  assert abs(both["curve"][0] - both["curve"][1]).max() > 1e-4


@pytest.mark.parametrize("changes, message", [
  ({"vary": ("fire.threshold=8",)},
   "--vary: fire.threshold: got the encoding 'fire', wanted one of --encodings: alibi"),
  ({"encodings": ("fire",), "vary": ("fire.treshold=8",)}, "Did you mean 'threshold'?"),
  ({"encodings": ("fire",), "vary": ("8",)}, "--vary: got '8', wanted name.field=value,value"),
  ({"encodings": ("fire",), "vary": ("fire.threshold=8,",)}, "--vary: got '', wanted a number"),
  ({"encodings": ("fire",), "vary": ("fire.threshold=8,8",)}, "each value once"),
  ({"encodings": ("fire(c=1)",), "vary": ("fire.c=8",)}, "Drop the setting"),
  ({"encodings": ("fire",), "vary": ("fire.threshold=-8",)}, "--head_dim=4, threshold=-8"),
  ({"encodings": ("t5(num_bucket=8)",)}, "Did you mean 'num_buckets'?"),
  ({"encodings": ("t5(num_buckets=-8)",)}, "which cannot be built for --d_model=8"),
  ({"encodings": ("t5(8)",)}, "wanted settings as name=value"),
  ({"encodings": ("t5(num_buckets=open('x'))",)}, "wanted settings as name=value"),
  ({"encodings": ("t5(",)}, "Close every bracket"),
  ({"encodings": ("none(x=1)",)}, "got a setting 'x', wanted one of none"),
  ({"encodings": ("rotary", "rotary()")}, "each encoding once"),
  ({"encodings": ("rotary", "rotary(base=10000)")}, "got 'rotary' and 'rotary(base=10000)', which"),
  ({"encodings": ("t5(num_buckets=32)+log-n", "t5+log-n")}, "which are one model, as the settings"),
  ({"encodings": ("rotary(base=1e5)", "rotary"), "base": (1e5,)}, "which are one model"),
  ({"encodings": ("log-n", "log-n(train_length=8)")}, "each encoding once. Drop one."),
  ({"encodings": ("zzz",)}, "got 'zzz', wanted some of none, sinusoidal"),
])
def test_faults_of_encodings(changes, message):
  with pytest.raises(Faults) as caught:
    copying.run(change(**changes))
  assert len(caught.value.faults) == 1 and message in str(caught.value), caught.value


OWN = '''
import jax
import posenc_jax as px


@px.encoding
class Kerple(px.Encoding):
  """A power of the distance."""

  r: jax.Array = px.parameter()
  power: float = px.static(default=1.0)

  relative = True

  @classmethod
  def init(cls, key, num_heads, power=1.0):
    return cls(jax.random.uniform(key, (num_heads,), minval=0.5), power)

  def distance_bias(self, distance):
    far = abs(distance).astype("float32") ** self.power
    return -self.r.reshape((-1,) + (1,) * far.ndim) * far[None]


def made(sizes, key, scale=1.0):
  return px.Alibi(slopes=[scale * 0.5] * sizes.heads)
'''


@pytest.fixture
def own(tmp_path):
  """A user's file."""
  path = tmp_path / "my_file.py"
  path.write_text(OWN)
  return path


def test_an_encoding_of_a_file_is_told_apart_by_what_is_in_it(own):
  texts = (f"{own}:Kerple", f"{own}:Kerple(power=2.0)+rotary", f"{own}:made(scale=3)")
  config = change(encodings=texts, steps=2, vary=("Kerple.power=1.0,0.5",))
  assert "Drop the setting" in config.faults()[0]
  config = change(encodings=texts[::2], vary=("Kerple.power=1.0,0.5",), steps=2, head_dim=4)
  assert config.faults() == []
  labels = [spec.label for spec in config.specs()]
  assert labels[0].startswith("my_file.py:Kerple@") and labels[1].endswith("(scale=3)")
  assert len(config.cells()) == 3
  results = copying.run(change(encodings=texts[:1], steps=2))
  assert [r["cell"]["encoding"] for r in results] == labels[:1]
  own.write_text(OWN.replace("minval=0.5", "minval=0.6"))
  edited = encodings.parse(texts[0])
  assert edited.label != labels[0] and edited.label.startswith("my_file.py:Kerple@")


@pytest.mark.slow
def test_a_rerun_after_an_edit_trains_the_edited_encoding(own, tmp_path):
  config = change(encodings=(f"{own}:made",), steps=2, out=str(tmp_path / "run"))
  first, = copying.run(config)
  again, = copying.run(config)
  assert first == again
  own.write_text(OWN.replace("0.5] *", "4.0] *"))
  other, = copying.run(config)
  assert other["metrics"]["loss"] != first["metrics"]["loss"]
  assert len(sweeps.load(config.out)) == 2  # the older result is still there


def test_a_label_of_an_earlier_file_is_no_name_in_the_file_of_now(own, monkeypatch):
  label = encodings.parse(f"{own}:Kerple").label
  monkeypatch.delitem(sys.modules, f"my_file_{label.rsplit('@')[-1]}")  # as in another process
  monkeypatch.chdir(own.parent)
  assert encodings.parse(label).label == label
  own.write_text(OWN + "\n")
  with pytest.raises(ValueError, match=f"got '{label}', wanted my_file.py as it is now, @.*Write "
                     "my_file.py:Kerple, if"):
    encodings.parse(label)


@pytest.mark.parametrize("text, message", [
  ("nowhere.py:X", "No such file"), ("{}:Kerpel", "Did you mean 'Kerple'?"),
  ("{}:Kerple(pow=1)", "got a setting 'pow', wanted one of power"),
])
def test_faults_of_files(own, text, message):
  found = change(encodings=(text.format(own),)).faults()
  assert len(found) == 1 and message in found[0], found


def test_a_file_that_does_not_run_is_a_fault(own):
  own.write_text("import nothing_of_that_name\n")
  found = change(encodings=(f"{own}:X",)).faults()
  assert len(found) == 1 and "nothing_of_that_name" in found[0]


@pytest.mark.parametrize("changes", [
  {"encodings": ("rotary", "rotary(base=1e5)")},
  {"encodings": ("rotary", "rotary(base=10000)"), "base": (1e5,)},
  {"encodings": ("rotary", "rotary(base=10000)"), "base": (1e4, 1e5)},
  {"encodings": ("log-n", "log-n(train_length=8)"), "seq_len": (8, 16)},
  {"encodings": ("t5", "t5+log-n", "t5(num_buckets=16)")},
])
def test_encodings_that_differ_somewhere_are_not_refused(changes):
  assert change(**changes).faults() == []


def test_no_default_of_an_encoding_stumbles_over_sizes_that_nobody_knows():
  for size in change(d_model=(16,))._every(change().check()):
    for name in encodings.ENCODINGS:
      member = encodings.parse(name).members[0]
      for setting in member.known:
        member._default(setting, size)


@pytest.mark.parametrize("arguments", [
  "head_dim, key, fast=4.0", "sizes", "num_heads, key", "sizes, head_dim", "*, sizes, key", "",
  "key, sizes"])
def test_a_function_of_other_arguments_is_refused_when_its_file_is_read(own, arguments):
  """It ended in "unsupported operand type(s) for //: 'Sizes' and 'int'"."""
  own.write_text(f"def spiral({arguments}):\n  return 0\n")
  found = change(encodings=(f"{own}:spiral",)).faults()
  assert len(found) == 1 and f"a function of ({arguments}), wanted one that is called" in found[0]
  assert ("f(sizes, key, **settings), where sizes has d_model, heads, head_dim, length, "
          "train_length, base. Take sizes and key first") in found[0]


def test_what_cannot_be_built_from_a_file_says_what_is_missing(own):
  own.write_text("""
import posenc_jax as px
def wrong(sizes, key):
  return px.Alibi(sizes.num_heads)
@px.encoding
class Bare(px.Encoding):
  speed: object = px.parameter()
  def distance_bias(self, distance):
    return distance[None] * self.speed
""")
  wrong, = change(encodings=(f"{own}:wrong",)).faults()
  assert "which asks for what sizes lack" in wrong and "d_model, heads, head_dim" in wrong
  bare, = change(encodings=(f"{own}:Bare",)).faults()
  assert "which nothing says how to build" in bare and "f(sizes, key, **settings)" in bare


@pytest.mark.parametrize("arguments", ["sizes, key", "s, rng, fast=4.0", "*all", "a, b, /, *, c=1"])
def test_a_function_may_name_its_arguments_as_it_likes(own, arguments):
  own.write_text(f"import posenc_jax as px\ndef made({arguments}):\n  return px.Alibi(2)\n")
  assert change(encodings=(f"{own}:made",)).faults() == []


def test_a_file_read_before_is_no_part_of_the_code(own):
  """A cache of files was: a run without them said that it was gone, and lowered all again."""
  config = change(encodings=("none",))
  shape, = shapes(config)
  of = lambda: Fingerprints().parts(train=config.experiment().make_train(shape))
  before = of()
  assert encodings.parse(encodings.parse(f"{own}:Kerple").label).label.startswith("my_file.py:Ker")
  assert of() == before


def test_a_file_whose_name_commands_a_terminal_is_refused(own):
  evil = own.with_name("a\x1b[31mb.py")
  evil.write_text(OWN)
  with pytest.raises(ValueError, match="a file whose name can be printed. Rename it") as told:
    encodings.parse(f"{evil}:Kerple")
  assert "\x1b" not in str(told.value)


def test_base_shares_a_program():
  config = change(encodings=("rotary",), base=(1e3, 1e4))
  assert len(shapes(config)) == 1 and len(config.cells()) == 2


def test_only_what_was_written_is_said_to_be(tmp_path, capsys):
  """--noreport named a report, and kept weights had it written."""
  config = change(encodings=("none",), d_model=(8,), head_dim=4, seeds=(0,), steps=2,
                  out=str(tmp_path / "run"),
                  options=dataclasses.replace(QUIET, keep=("weights",)))
  assert config_lib.show(config, str) == 0
  assert capsys.readouterr().out.endswith(f"written to {config.out}: results.jsonl\n")
  assert not (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_a_narrower_call_says_that_its_report_is_of_some_cells(tmp_path, capsys):
  """--noprogress, and kept weights, whose report is written last, must not hide it."""
  config = change(encodings=("none", "alibi"), d_model=(8,), steps=2, out=str(tmp_path / "run"),
                  options=dataclasses.replace(QUIET, report=True))
  assert config_lib.show(config, str) == 0
  assert "note:" not in capsys.readouterr().out
  assert config_lib.show(dataclasses.replace(config, encodings=("alibi",)), str) == 0
  assert capsys.readouterr().out.endswith(
    f"note: report of 1 of 2 cells; python -m posenc_jax.sweeps {config.out} shows all\n")


def test_a_manifest_names_no_setting_that_its_cells_have(tmp_path):
  """It said 240 steps of models that had trained two; and an old one is to be read as before."""
  config = change(encodings=("none",), steps=2, out=str(tmp_path / "run"))
  assert not set(config_lib.NUMBERS) & set(config.experiment().settings)
  first, = copying.run(config)
  shutil.copytree(tmp_path / "run", tmp_path / "fresh")
  path = tmp_path / "run" / "manifest.json"
  about = json.loads(path.read_text())
  assert about["settings"] == {} and [c["steps"] for c in about["cells"].values()] == [2]
  about["settings"] = dataclasses.asdict(training.Settings())  # as they once were written
  about["crc32"] = manifest.checksum(about)
  path.write_text(json.dumps(about))
  assert list(copying.run(config)) == [first]
  assert len(sweeps.load(config.out, tmp_path / "fresh")) == 1
  with pytest.raises(ValueError, match="cell: learning_rate: got none, wanted a value of each of"):
    config.experiment().split({"encoding": "none", "d_model": 8, "seq_len": 8, "seed": 0})
