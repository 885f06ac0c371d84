# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The files of a sweep: what is on disk after every way a write can end, and what is made of it."""

import errno
import json
import os
import pathlib
import stat
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps import files
from posenc_jax.sweeps.devices import Lanes
from posenc_jax.sweeps.store import checkpoint, lines, lock, manifest
from posenc_jax.sweeps.store.checkpoint import Checkpoint
from posenc_jax.sweeps.store.directory import Store
from posenc_jax.sweeps.store.reading import read_manifest, read_records
from tests.support import sweep_toy
from tests.support.sweep_toy import Line

RECORDS = [{"id": "a", "x": 0.1, "series": {"loss": [1.5, None]}},
           {"id": "b", "text": "café\n</script>"}, {"id": "c", "n": 3}]


def write_lines(path, records=RECORDS):
  path.write_bytes(b"".join(lines.encode(r) for r in records))
  return path


def test_a_line_is_json_with_a_checksum_of_the_rest():
  line = lines.encode(RECORDS[0])
  found = json.loads(line)
  crc = found.pop("crc32")
  text = json.dumps(found, sort_keys=True, separators=(",", ":"))
  assert line.count(b"\n") == 1 and crc == f"{zlib.crc32(text.encode()):08x}"
  assert [lines.decode(lines.encode(r)) for r in RECORDS] == RECORDS


def test_no_line_can_hold_nan():
  with pytest.raises(ValueError, match="JSON compliant"):
    lines.encode({"x": float("nan")})
  with pytest.raises(ValueError, match="a number JSON does not have"):
    lines.decode(b'{"crc32":"0","x":NaN}')


def test_every_cut_of_the_last_line_leaves_the_others(tmp_path):
  path = write_lines(tmp_path / "r.jsonl")
  whole = path.read_bytes()
  end = len(whole) - len(lines.encode(RECORDS[-1]))
  for size in range(end, len(whole)):
    path.write_bytes(whole[:size])
    found = lines.scan(path)
    complete = size == len(whole) - 1  # Only the newline is missing.
    assert list(found.records) == RECORDS[:3 if complete else 2]
    assert not found.bad and found.torn == (0 if complete else size - end)
    assert found.needs_newline == complete


def test_every_flipped_bit_is_found(tmp_path):
  path = write_lines(tmp_path / "r.jsonl")
  whole = path.read_bytes()
  for place in range(len(whole)):
    data = bytearray(whole)
    data[place] ^= 1 << (place % 8)
    path.write_bytes(bytes(data))
    found = lines.scan(path)
    # Lines are independent: no record is ever changed, and at most two are lost (a lost newline
    # joins two).
    assert all(r in RECORDS for r in found.records) and len(found.records) >= 1
    assert len(found.records) == 3 or found.bad or found.torn


def test_what_editors_do_to_a_file_does_no_harm(tmp_path):
  path = write_lines(tmp_path / "r.jsonl")
  whole = path.read_bytes()
  for data in (whole.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + whole, b"\n" + whole + b"\n\n"):
    path.write_bytes(data)
    found = lines.scan(path)
    assert list(found.records) == RECORDS and not found.bad and not found.torn
  path.write_bytes(b"")
  assert lines.scan(path) == lines.scan(tmp_path / "missing") == lines.Scan((), (), 0, 0, False)


def test_a_bad_line_is_named(tmp_path):
  path = write_lines(tmp_path / "r.jsonl")
  parts = path.read_bytes().splitlines(keepends=True)
  parts[1] = parts[1].replace(b'"b"', b'"d"')
  parts[0] = b"[1, 2]\n"
  path.write_bytes(b"".join(parts))
  found = lines.scan(path)
  assert [(b.number, b.reason[:8]) for b in found.bad] == [(1, "no objec"), (2, "checksum")]
  other = {"schema": 99, "crc32": format(zlib.crc32(b'{"schema":99}'), "08x")}
  with pytest.raises(ValueError, match="schema other than 1"):
    lines.decode(json.dumps(other).encode())


class FullDisk:
  """An os.write that has room for some bytes, writes part of what does not fit, then fails."""

  def __init__(self, room, code=errno.ENOSPC):
    self.room, self.code, self.write = room, code, os.write

  def __call__(self, handle, data):
    if not len(data):
      return 0
    if self.room <= 0:
      raise OSError(self.code, os.strerror(self.code))
    part = bytes(data)[:self.room]
    self.room -= len(part)
    return self.write(handle, part)


@pytest.mark.parametrize("room", [0, 1, 7, 19])
def test_a_full_disk_changes_nothing_and_says_what_it_wanted(tmp_path, monkeypatch, room):
  path = tmp_path / "file"
  path.write_bytes(b"old\n")
  for write in (files.append, files.write_atomic):
    with monkeypatch.context() as patch:
      patch.setattr(os, "write", FullDisk(room))
      text = "file: got a write of 20 bytes that failed: No space.*, wanted room for them"
      with pytest.raises(sweeps.StorageFull, match=text) as error:
        write(path, b"x" * 20)
    assert error.value.exit_code == 74
    assert path.read_bytes() == b"old\n" and os.listdir(tmp_path) == ["file"]


def test_short_writes_are_continued(tmp_path, monkeypatch):
  write = os.write
  monkeypatch.setattr(os, "write", lambda handle, data: write(handle, bytes(data)[:3]))
  files.append(tmp_path / "log", b"0123456789")
  files.append(tmp_path / "log", b"abc\n")
  files.write_atomic(tmp_path / "whole", b"0123456789")
  assert (tmp_path / "log").read_bytes() == b"0123456789abc\n"
  assert (tmp_path / "whole").read_bytes() == b"0123456789"
  assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_what_is_written_is_synced_before_it_counts(tmp_path, monkeypatch):
  """A log is synced after its write; a whole file before its new name, and its directory after."""
  events = []

  def record(name):
    real = getattr(os, name)

    def call(first, *rest):
      kind = "directory" if isinstance(first, int) and stat.S_ISDIR(os.fstat(first).st_mode) else ""
      events.append(f"{name} {kind}".strip())
      return real(first, *rest)

    monkeypatch.setattr(os, name, call)

  for name in ("write", "fsync", "replace"):
    record(name)
  files.append(tmp_path / "log", b"a\n")
  assert events == ["write", "fsync", "fsync directory"]
  events.clear()
  files.append(tmp_path / "log", b"b\n")
  assert events == ["write", "fsync"]
  events.clear()
  files.write_atomic(tmp_path / "whole", b"c")
  assert events == ["write", "fsync", "replace", "fsync directory"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_the_systems_own_full_disk():
  with pytest.raises(sweeps.StorageFull, match="/dev/full: got a write of 3 bytes"):
    files.append(pathlib.Path("/dev/full"), b"abc")


def test_symbolic_links_are_not_written_through(tmp_path):
  target = tmp_path / "precious"
  target.write_bytes(b"keep")
  link = tmp_path / "results.jsonl"
  link.symlink_to(target)
  with pytest.raises(sweeps.CannotWrite, match="results.jsonl: got a write .*, wanted a file"):
    files.append(link, b"x")
  with pytest.raises(sweeps.CannotWrite, match="results.jsonl"):
    files.truncate(link, 0)
  (tmp_path / "run.lock").symlink_to(target)
  with pytest.raises(sweeps.CannotWrite, match="run.lock: got no lock file: .*, wanted"):
    with lock.held(tmp_path / "run.lock"):
      pass
  assert target.read_bytes() == b"keep"


def test_too_little_space_is_told_before_the_sweep(tmp_path):
  with pytest.raises(sweeps.StorageFull, match="a disk with .* bytes free, wanted about 461"):
    files.check_space(tmp_path, 2**62)


def test_one_holder_and_who_it_is(tmp_path):
  path = tmp_path / "run.lock"
  with lock.held(path) as real:
    assert real
    text = f"in use by process {os.getpid()} on .* since 20.*, wanted one that no other run"
    with pytest.raises(sweeps.DirectoryInUse, match=text) as error:
      with lock.held(path):
        pass
    assert error.value.exit_code == 75
    with pytest.raises(sweeps.DirectoryInUse), lock.held(path, shared=True):
      pass
  with lock.held(path, shared=True), lock.held(path, shared=True):
    with pytest.raises(sweeps.DirectoryInUse), lock.held(path):
      pass
  with lock.held(path):
    path.write_text("garbage")
    with pytest.raises(sweeps.DirectoryInUse, match="in use by another process"), lock.held(path):
      pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_the_run_says_so_and_goes_on(tmp_path, monkeypatch, code):
  def flock(handle, kind):
    raise OSError(code, os.strerror(code))

  monkeypatch.setattr(lock.fcntl, "flock", flock)
  with pytest.warns(sweeps.SweepWarning, match="no lock is available here"):
    with lock.held(tmp_path / "run.lock") as real:
      assert not real


def state():
  """Every kind of leaf a training state may have, for three lanes."""
  return {"w": jnp.arange(6.0).reshape(3, 2), "half": jnp.arange(3).astype(jnp.bfloat16),
          "f8": jnp.arange(3).astype(jnp.float8_e4m3fn), "count": jnp.arange(3, dtype=jnp.int32),
          "on": jnp.array([True, False, True]), "key": jax.random.split(jax.random.key(1), 3),
          "rbg": jax.random.split(jax.random.key(1, impl="rbg"), 3), "empty": jnp.zeros((3, 0))}


def saved(path):
  tree = state()
  checkpoint.save(path, "group", Checkpoint(
    5, checkpoint.to_host(tree, 3), {"loss": np.ones((3, 5), np.float32)}, 1.5))
  return jax.tree.map(checkpoint.kind_of, tree)


def test_a_checkpoint_gives_back_every_bit(tmp_path):
  path = tmp_path / "checkpoints" / "group.npz"
  kinds = saved(path)
  found, why = checkpoint.load(path, "group")
  assert why is None and found.step == 5 and found.seconds == 1.5
  assert (found.curves["loss"] == np.ones((3, 5))).all()
  back = checkpoint.to_state(found.leaves, kinds, Lanes(3, jax.devices()))
  raw = lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
  for a, b in zip(jax.tree.leaves(state()), jax.tree.leaves(back), strict=True):
    assert a.dtype == b.dtype and np.asarray(raw(a)).tobytes() == np.asarray(raw(b)).tobytes()


def test_a_checkpoint_holds_no_padding_lanes():
  """So that another number of devices, which pads otherwise, can go on from it."""
  padded = jax.tree.map(lambda x: jnp.concatenate([x, x[:1]]), state())
  wanted, found = (checkpoint.to_host(tree, 3) for tree in (state(), padded))
  assert [x.tobytes() for x in found] == [x.tobytes() for x in wanted]


def test_a_damaged_or_foreign_checkpoint_is_none(tmp_path):
  path = tmp_path / "checkpoints" / "group.npz"
  kinds = saved(path)
  whole = path.read_bytes()
  assert checkpoint.load(tmp_path / "missing", "group") == (None, None)
  assert checkpoint.load(path, "other")[1] == "belongs to another packing or version"
  for place in range(0, len(whole), 37):
    data = bytearray(whole)
    data[place] ^= 0x10
    path.write_bytes(bytes(data))
    found, why = checkpoint.load(path, "group")
    if found is None:
      assert why
    else:  # Bytes that zip files carry but nobody reads.
      checkpoint.to_state(found.leaves, kinds, Lanes(3, jax.devices()))
      assert found.leaves[-1].tobytes() == np.asarray(state()["w"]).tobytes()
  for size in range(0, len(whole), 97):
    path.write_bytes(whole[:size])
    assert "damaged" in checkpoint.load(path, "group")[1]


def test_a_checkpoint_with_pickled_objects_is_not_opened(tmp_path):
  class Evil:
    def __reduce__(self):
      return os.mkdir, (str(tmp_path / "owned"),)

  path = tmp_path / "evil.npz"
  np.savez(path, header=np.array([Evil()], dtype=object))
  assert "allow_pickle=False" in checkpoint.load(path, "group")[1]
  assert not (tmp_path / "owned").exists()


def test_a_checkpoint_of_another_state_does_not_fit(tmp_path):
  path = tmp_path / "group.npz"
  kinds = saved(path)
  leaves = checkpoint.load(path, "group")[0].leaves
  lanes = Lanes(3, jax.devices())
  with pytest.raises(ValueError, match="8 arrays, the state has 7"):
    checkpoint.to_state(leaves, {k: v for k, v in kinds.items() if k != "w"}, lanes)
  wider = {**kinds, "w": checkpoint.Kind((4,), np.dtype("float32"))}
  with pytest.raises(ValueError, match=r"float32\[3, 2\], the state has float32\[3, 4\]"):
    checkpoint.to_state(leaves, wider, lanes)


def open_store(directory, steps=3, cells=2, **kwargs):
  new = manifest.describe(Line(steps), None, None)
  return Store.open(directory, new, cells=sweep_toy.cells(cells), log=lambda text: None, **kwargs)


def test_a_line_without_its_newline_is_not_joined_to_the_next(tmp_path):
  records = [{"id": c.id, "cell": dict(c), "metrics": {}} for c in sweep_toy.cells(2)]
  path = tmp_path / "results.jsonl"
  with open_store(tmp_path) as store:
    store.add(records[:1])
  path.write_bytes(path.read_bytes()[:-1])
  with open_store(tmp_path) as store:
    store.add(records[1:])
  assert list(lines.scan(path).records) == records and not lines.scan(path).bad


def test_a_changed_setting_is_refused_field_by_field(tmp_path):
  with open_store(tmp_path):
    pass
  before = (tmp_path / "manifest.json").read_bytes()
  with pytest.raises(sweeps.SettingsChanged) as error, open_store(tmp_path, steps=4):
    pass
  text = str(error.value)
  assert text.startswith(f"{tmp_path}: got other settings than the sweep in it:\n")
  assert "\n  settings.steps: was 3, now 4\n, wanted the same ones" in text
  assert error.value.exit_code == 2
  assert (tmp_path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("field, value", [
  ("experiment", "other"), ("data", "sha"), ("settings", {}), ("schema", 2)])
def test_each_field_that_decides_results_is_compared(tmp_path, field, value):
  with open_store(tmp_path):
    pass
  new = {**manifest.describe(Line(3), None, None), field: value}
  with pytest.raises(sweeps.SettingsChanged, match=field):
    with Store.open(tmp_path, new, cells=(), log=print):
      pass


def test_another_version_is_warned_of(tmp_path, monkeypatch):
  with open_store(tmp_path):
    pass
  monkeypatch.setattr(jax, "__version__", "0.0.1")
  new = manifest.describe(Line(3), None, None)
  new["versions"] = {**new["versions"], "jax": "0.0.1"}
  with pytest.warns(sweeps.SweepWarning, match="versions.jax: was .*, now '0.0.1'"):
    with Store.open(tmp_path, new, cells=(), log=print):
      pass


def test_a_damaged_manifest_is_refused_or_kept_aside(tmp_path):
  with open_store(tmp_path):
    pass
  path = tmp_path / "manifest.json"
  for bad in (path.read_bytes().replace(b'"steps": 3', b'"steps": 4'), b"{", b"[]", b""):
    path.write_bytes(bad)
    with pytest.raises(sweeps.CorruptStore, match="With repair=True") as error:
      with open_store(tmp_path):
        pass
    assert error.value.exit_code == 65
  with open_store(tmp_path, repair=True) as store:
    assert store.manifest["settings"]["steps"] == 3
  assert len(list(tmp_path.glob("manifest.corrupt-*.json"))) == 1
  assert read_manifest(tmp_path)["cells"]


def test_results_without_a_manifest_are_not_taken_over(tmp_path):
  write_lines(tmp_path / "results.jsonl")
  with pytest.raises(sweeps.CorruptStore, match="got results but no manifest .*, wanted"):
    with open_store(tmp_path):
      pass
  with open_store(tmp_path, repair=True) as store:
    assert set(store.records) == {"a", "b", "c"}


def test_a_directory_where_the_results_should_be(tmp_path):
  (tmp_path / "results.jsonl").mkdir()
  with pytest.raises(sweeps.CorruptStore, match="results.jsonl: got what cannot be read: Is a dir"):
    with open_store(tmp_path):
      pass


def test_a_file_where_the_directory_should_be(tmp_path):
  (tmp_path / "file").write_text("keep")
  with pytest.raises(sweeps.CannotWrite, match="file is a file, wanted a directory"):
    sweeps.plan(Line(3), sweep_toy.cells(2), tmp_path / "file")


def test_shares_are_merged_and_the_highest_attempt_counts(tmp_path):
  with open_store(tmp_path, share=(0, 2)) as first, open_store(tmp_path, share=(1, 2)) as second:
    first.add([{"id": "a", "v": 1}, {"id": "b", "v": 1, "attempt": 1}])
    second.add([{"id": "b", "v": 2}, {"id": "c", "v": 2}, {"id": "a", "v": 2}])
    with pytest.raises(sweeps.DirectoryInUse), open_store(tmp_path, share=(1, 2)):
      pass
    with pytest.raises(sweeps.DirectoryInUse), open_store(tmp_path):
      pass
  with open_store(tmp_path) as store:
    assert {i: r["v"] for i, r in store.records.items()} == {"a": 1, "b": 1, "c": 2}
  assert len(read_records(tmp_path)[0]) == 5


def test_loading_changes_nothing_and_tells_what_is_wrong(tmp_path):
  with open_store(tmp_path) as store:
    store.add([{"id": c.id, "cell": dict(c), "metrics": {}} for c in sweep_toy.cells(2)])
  path = tmp_path / "results.jsonl"
  path.write_bytes(path.read_bytes()[:-5])
  before = path.read_bytes()
  found = sweeps.load(tmp_path)
  assert len(found) == 1 and found.missing == sweep_toy.cells(2)[1:]
  assert "torn" in found.notes[0] and found.exit_code == 0
  path.write_bytes(before.replace(b"id", b"di", 1))
  assert sweeps.load(tmp_path).exit_code == 65
  path.write_bytes(before)
  with open_store(tmp_path):
    assert len(sweeps.load(tmp_path)) == 1  # While a run holds the directory.
  with pytest.raises(ValueError, match="load: directory: got .*manifest.json"):
    sweeps.load(tmp_path / "checkpoints")
  with pytest.raises(ValueError, match="load: directories: got none"):
    sweeps.load()


def test_scripts_end_with_the_right_code(capsys):
  for error, code in [(sweeps.DirectoryInUse("a"), 75), (sweeps.StorageFull("a"), 74),
                      (sweeps.CannotWrite("a"), 73), (sweeps.CorruptStore("a"), 65),
                      (sweeps.SettingsChanged("a"), 2), (sweeps.Interrupted("a", 15), 143)]:
    with pytest.raises(SystemExit) as stop, sweeps.exits():
      raise error
    assert stop.value.code == code == sweeps.exit_code(error)
    assert capsys.readouterr().err == f"{type(error).__name__}: a\n"
  with pytest.raises(ZeroDivisionError), sweeps.exits():
    _ = 1 / 0


def test_a_cell_with_the_id_of_another_is_refused(tmp_path):
  with open_store(tmp_path) as store:
    first, *_ = store.manifest["cells"]
    store.manifest["cells"][first] = {"lr": 0.5}
    store.note_run({})
  with pytest.raises(sweeps.CorruptStore, match=f"cells: got cell {first} with settings of"):
    sweeps.plan(Line(3), sweep_toy.cells(2), tmp_path)


def test_a_dry_run_refuses_what_a_run_would(tmp_path):
  """Other settings than the directory's, and results without a manifest."""
  cells = sweep_toy.cells(2)
  with open_store(tmp_path):
    pass
  assert len(sweeps.plan(Line(3), cells, tmp_path).todo) == 2
  told = []
  for start in (sweeps.plan, sweeps.run):
    with pytest.raises(sweeps.SettingsChanged, match="settings.steps: was 3, now 4") as error:
      start(Line(4), cells, tmp_path)
    told.append(str(error.value))
  assert told[0] == told[1]
  (tmp_path / "manifest.json").unlink()
  (tmp_path / "results.jsonl").write_text("{}\n")
  for start in (sweeps.plan, sweeps.run):
    with pytest.raises(sweeps.CorruptStore, match="results but no manifest"):
      start(Line(3), cells, tmp_path)
  assert sweeps.plan(Line(3), cells, tmp_path, repair=True).todo
