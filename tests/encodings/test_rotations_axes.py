# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotations of several axes against their oracles, other packages and numbers counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions as f
from tests import oracles
from tests.goldens import load
from tests.oracles import axes_rotary, dinov3, mixed, vjepa2
from tests.support import jitted as jx

KEY = jax.random.key(0)
GOLDEN = load("rotations_axes")
IMAGE = np.indices((3, 4)).reshape(2, -1).T.astype(np.int32)
VIDEO = np.indices((2, 2, 3)).reshape(3, -1).T.astype(np.int32)


def turned(encoding, x, positions):
  """q of ``encoding.qk``, x being q and k."""
  x = jnp.asarray(x, jnp.float32)
  return encoding.qk(x, x, positions, positions)[0]


def near(got, wanted, atol=3e-6):
  np.testing.assert_allclose(got, wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_axes_rotary(rng, pairing):
  x, at = rng.standard_normal((4, 2, 10)), [[0, 5, 2**30], [1, -7, 3], [2, 0, 10**6], [9, 9, 9]]
  frequencies, axes = [1.0, 0.25, 0.0, 0.001], (2, 0, 1, 1)
  got = turned(px.AxesRotary(axes, frequencies, pairing=pairing), x, np.asarray(at, np.int32))
  near(got, axes_rotary.axes_rotate(x, at, frequencies, axes, pairing=pairing))


def test_axes_rotary_by_attention(rng):
  """The whole attention of a video against the dense oracle: scores see differences of ids."""
  q, k, v = rng.standard_normal((3, 12, 2, 8))
  e = px.AxesRotary(f.videorope_axes((2, 1, 1)), base=100.0)
  order = np.arange(12)
  got = jx.attend(*(jnp.asarray(x, jnp.float32) for x in (q, k, v)), e, q_positions=VIDEO,
                  k_positions=VIDEO, q_order=order, k_order=order, causal=True)
  frequencies = axes_rotary.ladder(8, 100.0)
  turn = lambda x: axes_rotary.axes_rotate(x, VIDEO, frequencies, (1, 2, 0, 0))
  wanted = oracles.attention(turn(q), turn(k), v, mask=np.tril(np.ones((12, 12), bool)))
  near(got, wanted)


def test_text_is_plain_rotary(rng):
  """Equal ids on all axes with one ladder."""
  x, at = jnp.asarray(rng.standard_normal((5, 1, 8)), jnp.float32), jnp.arange(5) * 10**8
  same = jnp.repeat(at[:, None], 3, axis=1)
  np.testing.assert_array_equal(turned(px.AxesRotary(f.videorope_axes((2, 1, 1))), x, same),
                                px.rotate(x, at, px.rotary_frequencies(8)))


def test_axial(rng):
  x = rng.standard_normal((12, 2, 16))
  frequencies, axes = axes_rotary.blocks((8, 8), (100.0, 100.0), (1, 0))
  wanted = axes_rotary.axes_rotate(x, IMAGE, frequencies, axes, pairing="interleaved")
  near(turned(f.axial_rotary(16, order=(1, 0)), x, IMAGE), wanted)
  x = rng.standard_normal((12, 1, 14))  # three blocks of four dims, two dims are left over
  got = turned(f.axial_rotary(14, 3, base=100.0), x, VIDEO)
  frequencies, axes = axes_rotary.blocks((4, 4, 4), (100.0,) * 3)
  near(got, axes_rotary.axes_rotate(x, VIDEO, frequencies, axes, pairing="interleaved"))
  np.testing.assert_array_equal(got[..., 12:], x[..., 12:].astype(np.float32))


def test_axial_rotary_agrees_with_timm_and_transformers():
  x = GOLDEN["vision_x"]
  near(turned(f.axial_rotary(16, base=100.0), x, IMAGE), GOLDEN["timm_axial"])
  near(turned(f.pixtral_rotary(16), x, IMAGE), GOLDEN["hf_pixtral"])


def test_mixed(rng):
  e = px.MixedRotary.init(KEY, 2, 8)
  x, at = rng.standard_normal((5, 4, 8)), rng.integers(-9, 9, (5, 2)).astype(np.int32)
  near(turned(e, x[:, ::2], at), mixed.mixed_rotate(
      x[:, ::2], at, np.asarray(e.directions, np.float64), pairing="interleaved"))
  q, k = (jnp.asarray(y, jnp.float32) for y in (x, x[:, :2]))
  got = e.qk(q, k, at, at)[0]  # two query heads read the directions of one key head
  near(got, mixed.mixed_rotate(x, at, np.asarray(e.directions, np.float64),
                               pairing="interleaved"))


def test_mixed_agrees_with_timm_and_starts_as_the_paper():
  directions = jnp.asarray(GOLDEN["mixed_directions"])
  e = px.MixedRotary(directions, pairing="interleaved")
  near(turned(e, GOLDEN["vision_x"], IMAGE[:, ::-1].copy()), GOLDEN["timm_mixed"])
  assert px.is_parameter(e).directions
  start = np.asarray(px.MixedRotary.init(KEY, 3, 8).directions)
  sizes = np.hypot(*start)
  near(sizes, np.tile([1.0, 10**-0.5] * 2, (3, 1)))
  near((start[..., :2] * start[..., 2:]).sum(0), np.zeros((3, 2)))  # at right angles


def test_golden_directions_are_even():
  units = f.golden_directions(256, 3)
  near(np.linalg.norm(units, axis=1), np.ones(256), 1e-12)
  assert np.abs(units.mean(0)).max() < 0.02
  near(units.T @ units / 256, np.eye(3) / 3, 0.02)
  e = f.golden_rotary(2, 16, zeros=0.25, max_frequency=2.0)
  sizes = np.linalg.norm(e.directions.radians, axis=0)
  near(sizes[0], [0, 0, *np.geomspace(0.2, 2.0, 6)], 1e-12)
  assert not px.is_parameter(e).directions.hi


def test_mochi():
  at = f.mochi_positions(2, 2, 3)
  near(at, GOLDEN["mochi_at"], 1e-5)
  e = px.MixedRotary(jnp.asarray(GOLDEN["mochi_directions"]), pairing="interleaved")
  # Angles are hundreds of radians, which the package forms in float32.
  near(turned(e, GOLDEN["mochi_x"], at), GOLDEN["mochi"], 2e-4)


@pytest.mark.parametrize("normalize", ["separate", "max", "min"])
def test_dinov3(normalize):
  at = f.dinov3_positions(3, 4, normalize=normalize)
  e = px.DinoRotary(16)
  x = GOLDEN["vision_x"]
  near(turned(e, x, at), GOLDEN[f"timm_dino_{normalize}"])
  near(turned(e, x, at), dinov3.dino_rotate(x, dinov3.coordinates(3, 4, 0, normalize)))
  if normalize == "separate":
    near(turned(e, x, at), GOLDEN["hf_dino"])
    near(at[:, :2], GOLDEN["timm_dino_coordinates"], 1e-6)


def test_dinov3_stretches_patches_and_nothing_else():
  at = jnp.asarray(f.dinov3_positions(3, 3, prefix=2))
  e = px.DinoRotary(16, shift=0.1, jitter=1.2, rescale=2.0)
  np.testing.assert_array_equal(e.positions(at), at)
  new = np.asarray(e.positions(at, key=KEY))
  np.testing.assert_array_equal(new[:2], at[:2])
  middle = 2 + 4  # the patch at (0, 0) moves, the class token does not
  assert np.abs(new[middle, :2]).max() > 0
  slope = (new[-1, :2] - new[middle, :2]) / np.asarray(at)[-1, :2]
  near(new[2:, :2], np.asarray(at)[2:, :2] * slope + new[middle, :2], 1e-6)
  assert slope[0] != slope[1] and ((slope > 1 / 2.4) & (slope < 2.4)).all()
  one = f.stretch_coordinates(KEY, at, rescale=3.0)
  slope = np.asarray(one)[-1, :2] / np.asarray(at)[-1, :2]
  near(slope[0], slope[1], 1e-6)


def test_vjepa2(rng):
  x = GOLDEN["vision_x"]
  released = px.VJepa2Rotary(16, compat="released-code")
  assert not released.relative and px.VJepa2Rotary(16).relative
  near(turned(released, x, VIDEO), GOLDEN["hf_vjepa2"])
  frequencies = axes_rotary.ladder(4, 10_000.0)
  for e, fault in ((released, True), (px.VJepa2Rotary(16), False)):
    near(turned(e, x, VIDEO), vjepa2.vjepa2_turn(x, VIDEO, frequencies, released=fault))
  near(turned(px.VJepa2Rotary(16), x, VIDEO), turned(f.axial_rotary(16, 3, base=1e4), x, VIDEO))


def test_atoms():
  near(turned(f.atom_rotary(36), GOLDEN["atoms_x"], GOLDEN["atoms_at"]), GOLDEN["hf_atoms"])


@pytest.mark.parametrize("name, encoding", [
  ("flux", lambda: f.diffusion_rotary("flux")), ("z_image", lambda: f.diffusion_rotary("z-image")),
  ("wan", lambda: f.diffusion_rotary("wan")),
  ("minimax_h3", lambda: f.diffusion_rotary("minimax-h3"))])
def test_diffusion_agrees_with_diffusers(name, encoding):
  near(turned(encoding(), GOLDEN["diffusion_x"], VIDEO), GOLDEN[name])


def test_scaled_axes_agree_with_diffusers():
  x = GOLDEN["diffusion_x"]
  e = f.diffusion_rotary("kandinsky5", scales=(1.0, 2.0, 2.0))
  near(turned(e, x[..., :64], VIDEO), GOLDEN["kandinsky5"])
  near(turned(f.cosmos_rotary(128), x, VIDEO * np.array([2, 1, 1], np.int32)), GOLDEN["cosmos"])
  assert f.centred_positions(3, 2).tolist() == [
    [-2, -1], [-2, 0], [-1, -1], [-1, 0], [0, -1], [0, 0]]


@pytest.mark.parametrize("kind, pairing", [("interleaved", "interleaved"), ("split", "half")])
def test_ltx(kind, pairing):
  at = f.ltx_positions(2, 2, 3)
  near(at, 2 * GOLDEN["ltx_middles"] / np.array([20, 2048, 2048]) - 1, 1e-6)
  e = f.ltx_rotary(2, 10, pairing=pairing)
  # Frequencies reach 15 708 radians, so the package's float32 angles are wrong by 1e-3.
  near(turned(e, GOLDEN[f"ltx_{kind}_x"], at), GOLDEN[f"ltx_{kind}"], 5e-3)


def test_heads_of_one_axis(rng):
  """Key heads 0, 1 turn by axes 0, 1 with the query heads that read them; head 2 does not turn."""
  q, k = (jnp.asarray(rng.standard_normal((12, n, 8)), jnp.float32) for n in (6, 3))
  at = IMAGE
  a, b = f.mh_rotary(8, (1, 1), group=2).qk(q, k, at, at)
  plain = lambda x, axis: px.rotate(x, at[:, axis], px.rotary_frequencies(8))
  for got, x, n in ((a, q, 2), (b, k, 1)):
    near(got[:, :n], plain(x[:, :n], 0))
    near(got[:, n:2 * n], plain(x[:, n:2 * n], 1))
    np.testing.assert_array_equal(got[:, 2 * n:], x[:, 2 * n:])


def test_ids_of_multimodal_text():
  """Counted by hand from the released rules: text of 2, a video of 2 x 3 x 3, text of 1."""
  parts = 2, (2, 3, 3), 1
  ids = f.videorope_positions(*parts)
  assert ids[[2, 10, 11, 19]].tolist() == [[2, 1, 1], [2, 3, 3], [4, 3, 3], [4, 5, 5]]
  assert ids[-1].tolist() == [5, 5, 5]
  assert f.videorope_positions((1, 2, 2)).tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]]
  ids = f.mm_rope_positions(*parts)
  assert ids[[2, 19, 20]].tolist() == [[2, 2, 2], [6, 18, 18], [19, 19, 19]]
  ids = f.omni_positions(*parts)
  assert ids[[2, 19, 20]].tolist() == [[2, 0, 0], [3, 2, 2], [5, 5, 5]]
  ids = f.reset_positions(*parts, stride=4)
  assert ids[[2, 19, 20]].tolist() == [[2, 0, 0], [6, 2, 2], [7, 7, 7]]
  ids = f.v2pe_positions(2, (1, 4, 8), 1)
  assert ids[[1, 2, 33, 34]].tolist() == [1, 1.5, 17, 18]
  assert f.mm_rope_axes(8) == (0, 0, 1, 2, 1, 2, 1, 2)
  assert f.videorope_axes() == (1, 2) * 24 + (0,) * 16
  none = f.hope_video_rotary((1, 1, 1)).frequencies.tolist()
  assert none[2] == 0 and none[0] == 1


def test_circle():
  """All patches are as far from every token of text, and lie on the circle."""
  ring = f.circle_grid(3, 4, radius=10.0)
  near(ring.sum(1), np.zeros(12), 1e-12)
  near(np.linalg.norm(ring, axis=1), np.full(12, 10.0), 1e-12)
  ids = f.circle_positions(3, (2, 3, 4), 1).astype(float)
  far = np.linalg.norm(ids[:3, None] - ids[None, 3:15], axis=-1)
  near(far, np.repeat(far[:, :1], 12, axis=1), 1e-5)
  near(ids[15:27], ids[3:15] + 1, 1e-5)
  near(ids[27], np.full(3, ids[15:27].max() + 1), 1e-5)
  # One row of two patches, alpha 1: directions 180 and 0 degrees from the middle, turned to 2 pi
  # and 0, so both stand at the angle 0: the plane's first direction (height, width) = (1, -1).
  near(f.circle_grid(1, 2, radius=2**0.5, alpha=1.0), [[0, 1, -1]] * 2, 1e-12)
  plain = f.circle_grid(1, 2, mix=1.0)
  near(plain, [[0, -0.5 / 2**0.5, 0.5 / 2**0.5], [0, 0.5 / 2**0.5, -0.5 / 2**0.5]], 1e-12)


def test_tmrope():
  ids, sound = f.tmrope_positions((4, 1, 2), 100, start=3, seconds_per_frame=1.0)
  assert ids.shape == (108, 3) and sound.sum() == 100
  # Two seconds of video (2 frames of 2 patches), then 50 tokens of audio, and again.
  assert sound[:54].tolist() == [False] * 4 + [True] * 50
  assert ids[:4].tolist() == [[3, 3, 3], [3, 3, 4], [28, 3, 3], [28, 3, 4]]
  assert ids[[4, 53, 54, 58]].tolist() == [[3] * 3, [52] * 3, [53, 3, 3], [53] * 3]


@pytest.mark.parametrize("call, message", [
  (lambda: px.AxesRotary(4), r"axes: got 4, wanted an axis for each pair"),
  (lambda: px.AxesRotary(()), r"axes: got \(\), wanted an axis for each pair"),
  (lambda: px.AxesRotary((0, 1), [1.0]), r"frequencies: got 1 of them, wanted one for each of the"),
  (lambda: px.AxesRotary((0, -1)), r"axes: got -1, wanted an int, at least 0"),
  (lambda: px.AxesRotary((0, 0, 0)).qk(jnp.ones((1, 1, 4)), jnp.ones((1, 1, 4)), [[0]], [[0]]),
   r"axes: got 6 dims that turn, wanted at most the 4 dims"),
  (lambda: px.AxesRotary.per_axis((4, 4), base=[1.0]), r"base: got 1 entries, wanted one for each"),
  (lambda: f.axial_rotary(3), r"head_dim: got 3, wanted two dims for each of 2 axes"),
  (lambda: f.pixtral_rotary(6), r"head_dim: got 6, wanted a multiple of 4"),
  (lambda: f.diffusion_rotary("flux3"), r"model: got 'flux3', wanted one of .*Did you mean 'flux"),
  (lambda: px.MixedRotary(np.ones((2, 4))), r"directions: got shape \(2, 4\), wanted \[P, K, pair"),
  (lambda: px.MixedRotary.init(KEY, 2, 6), r"head_dim: got 6, wanted a multiple of 4"),
  (lambda: px.MixedRotary.init(KEY, 2, 4).qk(jnp.ones((1, 4, 4)), jnp.ones((1, 4, 4)), [[0, 0]],
                                             [[0, 0]]),
   r"directions: got 2 heads, wanted 1 or the 4 key heads"),
  (lambda: f.golden_rotary(2, 8, zeros=2.0), r"head_dim, zeros: got 8 and 2.0, wanted"),
  (lambda: px.DinoRotary(6), r"head_dim: got 6, wanted a multiple of 4"),
  (lambda: px.DinoRotary(8, jitter=0.5), r"jitter: got 0.5, wanted a factor, at least 1"),
  (lambda: f.dinov3_positions(2, 2, normalize="maximum"), r"normalize: got 'maximum', .*'max'"),
  (lambda: px.VJepa2Rotary(8, compat="released"), r"compat: got 'released', .*'released-code'"),
  (lambda: px.VJepa2Rotary(5), r"head_dim: got 5, wanted an int, at least 6"),
  (lambda: f.ltx_rotary(1, 6), r"head_dim: got 6, wanted even, with two pairs an axis"),
  (lambda: f.atom_rotary(8), r"head_dim: got 8, wanted 32 or more"),
  (lambda: f.videorope_axes((2, 1, 3)), r"sections: got \(2, 1, 3\), wanted pairs of time, height"),
  (lambda: f.videorope_positions((2, 2)), r"parts: got \(2, 2\), wanted a number of text tokens"),
  (lambda: f.mh_rotary(8, (1, 1)).qk(jnp.ones((1, 4, 8)), jnp.ones((1, 2, 8)), jnp.zeros((1, 2)),
                                     jnp.zeros((1, 2))),
   r"group: got 4 query heads for 2 key heads, wanted groups of 1.*group=2"),
  (lambda: f.circle_grid(2, 2, alpha=7.0), r"alpha: got 7.0, wanted a number in \[0, 1\]"),
  (lambda: f.circle_grid(2, 2, mix=-1.0), r"mix: got -1.0, wanted a number in \[0, 1\]"),
  (lambda: f.circle_grid(2, 2, radius=0.0), r"radius: got 0.0"),
  (lambda: f.mm_rope_positions(1, scales=(4, 8)), r"scales: got .*wanted three numbers"),
  (lambda: f.mh_rotary(8, ()), r"sections: got \(\), wanted key heads of each axis"),
])
def test_messages(call, message):
  with pytest.raises((TypeError, ValueError), match=message):
    call()
