# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""``px.config``: implementations that are off, and programs for a platform that is not here.

Exports for TPUs and NVIDIA GPUs are made on a CPU, as whoever compiles ahead of time does.
"""

import importlib
import threading

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.attention import IMPLEMENTATIONS, settings

Q = np.zeros((1, 256, 4, 64), np.float32)
HALF = jax.ShapeDtypeStruct(Q.shape, jnp.bfloat16)
KERNEL = {"gpu": "custom_call @__cudnn$fmhaSoftmax", "tpu": "custom_call @tpu_custom_call"}
LOWERED = {"gpu": "cuda", "tpu": "tpu"}


def _total(q, k, v):
  return jnp.sum(px.attend(q, k, v, causal=True).astype(jnp.float32))


def _text(f, platform):
  """The program for a platform; the calls into kernels are what exports cannot promise to keep."""
  exported = jax.export.export(jax.jit(f), platforms=[LOWERED[platform]],
                               disabled_checks=_CALLS)(HALF, HALF, HALF)
  return exported.mlir_module()


_CALLS = [jax.export.DisabledSafetyCheck.custom_call(name) for name in (
    "tpu_custom_call", "__cudnn$fmhaSoftmax", "__cudnn$fmhaSoftmaxBackward")]


@pytest.fixture
def with_cudnn(monkeypatch):
  """A host on which JAX finds cuDNN, whose version decides about layouts."""
  module = importlib.import_module("jax._src.cudnn.fused_attention_stablehlo")
  monkeypatch.setattr(module, "check_cudnn_version", lambda: 91000)


@pytest.mark.parametrize("call, kind, message", [
  (lambda: px.config(disable="rovs"), ValueError, "disable: got 'rovs', wanted one of rows"),
  (lambda: px.config(disable=("rows", "x")), ValueError, "disable: got 'x'"),
  (lambda: px.config(disable="rows, strip"), ValueError, "disable: got 'rows, strip', wanted one "
   "name, or a tuple of names. Write disable=('rows', 'strip')."),
  (lambda: px.config(disable=3), TypeError, "disable: got 3, wanted a name or a tuple of names."),
  (lambda: px.config(platform="TPU"), ValueError, "platform: got 'TPU', wanted one of cpu, gpu"),
])
def test_a_wrong_name_is_refused_at_the_call(call, kind, message):
  with pytest.raises(kind) as raised:
    call()
  assert message in str(raised.value)


def test_settings_that_no_block_uses_are_told():
  with pytest.warns(UserWarning, match="px.config: got a call whose result was not used, wanted a"):
    px.config(disable="rows")


def test_a_decorator_and_a_block_that_is_entered_twice():
  disabled = lambda: settings.current().disable
  block = px.config(disable="rows")
  with block, px.config(disable="strip"), block:
    assert disabled() == ("rows", "strip")
  assert px.config(disable="splash")(disabled)() == ("splash",)
  assert disabled() == ()


def test_every_implementation_but_the_reference_can_be_switched_off():
  assert ("auto", "reference", *settings.SWITCHES) == IMPLEMENTATIONS


@pytest.mark.parametrize("platform, name, next_best", [
  ("cpu", "rows", "reference"), ("gpu", "cudnn", "rows"), ("tpu", "splash", "strip"),
])
def test_what_is_off_is_neither_chosen_nor_taken(platform, name, next_best):
  assert px.explain(HALF, HALF, HALF, causal=True, platform=platform).chosen == name
  with px.config(disable=name):
    found = px.explain(HALF, HALF, HALF, causal=True, platform=platform)
    assert found.chosen == next_best
    assert found.obstacles[name] == "it is switched off by px.config(disable=...)"
    with pytest.raises(ValueError, match=f"{name} cannot: it is switched off by px.config"):
      px.explain(HALF, HALF, HALF, platform=platform, implementation=name)
  assert px.explain(HALF, HALF, HALF, causal=True, platform=platform).chosen == name


def test_a_jitted_function_follows_the_settings():
  traced = []

  @jax.jit
  def f(q):
    traced.append(px.explain(q, q, q).chosen)
    return px.attend(q, q, q)

  f(Q)
  with px.config(disable="rows"):
    f(Q)
    f(Q)
  f(Q)
  assert traced == ["rows", "reference"]


def test_blocks_nest_and_end_with_their_thread_and_their_error():
  with px.config(disable="strip", platform="tpu"), px.config(disable=("rows", "strip")):
    assert settings.current() == (("strip", "rows"), "tpu")
    others = []
    thread = threading.Thread(target=lambda: others.append(settings.current()))
    thread.start()
    thread.join()
    assert others == [((), None)]
  with pytest.raises(ZeroDivisionError), px.config(disable="rows"):
    raise ZeroDivisionError
  assert settings.current() == ((), None)


def test_the_environment_switches_off(monkeypatch):
  monkeypatch.setenv("POSENC_JAX_DISABLE", "strip,rows")
  found = px.explain(Q, Q, Q)
  assert found.chosen == "reference"
  assert found.obstacles["rows"] == ("it is switched off by the environment variable "
                                     "POSENC_JAX_DISABLE")
  monkeypatch.setenv("POSENC_JAX_DISABLE", "row")
  with pytest.raises(ValueError, match="POSENC_JAX_DISABLE: got 'row', wanted one of rows"):
    px.attend(Q, Q, Q)


@pytest.mark.parametrize("arguments, error, match", [
  ({"disable": "reference"}, ValueError, "disable: got 'reference', wanted one of rows, cudnn"),
  ({"disable": 3}, TypeError, "disable: got 3, wanted a name or a tuple of names"),
  ({"platform": "cuda"}, ValueError, "platform: got 'cuda', wanted one of cpu, gpu, tpu"),
])
def test_mistakes_are_named(arguments, error, match):
  with pytest.raises(error, match=match), px.config(**arguments):
    pass


@pytest.mark.cpu
@pytest.mark.usefixtures("with_cudnn")
@pytest.mark.parametrize("platform", ["gpu", "tpu"])
@pytest.mark.parametrize("f, calls", [(_total, 1), (jax.grad(_total, argnums=(0, 1, 2)), 2)],
                         ids=["forward", "gradient"])
def test_an_export_takes_the_path_of_its_platform(platform, f, calls):
  with px.config(platform=platform):
    text = _text(f, platform)
  assert text.count(KERNEL[platform]) >= calls
  assert KERNEL[platform] not in _text(f, platform)  # which nobody has told


@pytest.mark.cpu
def test_without_cudnn_its_calls_are_not_traced():
  assert px.explain(HALF, HALF, HALF, causal=True, platform="gpu").chosen == "cudnn"
  with px.config(platform="gpu"):
    found = px.explain(HALF, HALF, HALF, causal=True)
    assert found.chosen == "rows" and "JAX finds no cuDNN" in found.obstacles["cudnn"]
    # A function of its own, as JAX keeps the trace of _total that other tests made with cuDNN.
    assert "dot_general" in _text(lambda q, k, v: _total(q, k, v), "gpu")


def test_lowering_ahead_of_time_takes_the_path_of_its_platform():
  with px.config(platform="tpu"):
    traced = jax.jit(_total).trace(HALF, HALF, HALF)
  assert "tpu_custom_call" in traced.lower(lowering_platforms=("tpu",)).as_text()


@pytest.mark.cpu
def test_the_default_device_and_arrays_say_the_platform(monkeypatch):
  assert settings.platform_of() == settings.platform_of(jnp.zeros(1)) == "cpu"
  # As on a machine whose devices are TPUs, but for those that are asked for by name.
  local = jax.local_devices
  tpu = type("Device", (), {"platform": "tpu"})()
  monkeypatch.setattr(jax, "local_devices", lambda backend=None: local(backend=backend)
                      if backend else [tpu])
  assert settings.platform_of() == settings.platform_of(jax.eval_shape(lambda: Q)) == "tpu"
  assert settings.platform_of(jnp.zeros(1)) == "cpu"
  with jax.default_device("cpu"):
    assert settings.platform_of() == "cpu"
  with jax.default_device(local()[0]):
    assert settings.platform_of() == "cpu"
