# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures by what they hold: the data of lines and images, labels, how many panels."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import plots, sweeps
from tests.support.repository import ROOT

KEY = jax.random.key(0)


def lines(figure):
  """{label: (x, y)} of the first panel."""
  return {line.get_label(): (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
          for line in figure.axes[0].get_lines()}


def legend(axes):
  found = axes.get_legend()
  return [] if found is None else [text.get_text() for text in found.get_texts()]


def image(figure, panel=0):
  return figure.axes[panel].images[0].get_array()


def test_bias_of_alibi_is_minus_slope_times_distance():
  figure = plots.bias(px.Alibi(8), 5)
  assert len(figure.axes) == 1 and legend(figure.axes[0]) == [f"head {i}" for i in range(8)]
  for head in range(8):
    x, y = lines(figure)[f"head {head}"]
    np.testing.assert_array_equal(x, np.arange(6))
    np.testing.assert_allclose(y, -np.arange(6) / 2.0 ** (head + 1))
  assert figure.axes[0].get_ylabel() == "added to the score"


def test_bias_both_ways_has_negative_distances():
  table = np.arange(4.0, dtype=np.float32)[:, None]  # buckets 0, 1 past and 2, 3 future
  x, y = lines(plots.bias(px.T5Bias(table, max_distance=2, bidirectional=True), 2, both=True))[
    "head 0"]
  np.testing.assert_array_equal(x, [-2, -1, 0, 1, 2])
  np.testing.assert_array_equal(y, [3, 3, 0, 1, 1])


def test_bias_of_absolute_positions_stands_at_the_last_token():
  e = px.Fire.init(KEY, 1, threshold=4.0)
  _, y = lines(plots.bias(e, 6))["head 0"]
  wanted = e.bias(px.Tile(q_positions=jnp.array([6]), k_positions=jnp.arange(7)))[0, 0, ::-1]
  np.testing.assert_allclose(y, wanted, rtol=1e-6)


def test_heads_that_agree_are_one_line():
  found = lines(plots.bias(px.Alibi(slopes=np.ones(3, np.float32)), 4))
  assert list(found) == ["all heads"]


def test_many_heads_are_named_in_part():
  axes = plots.bias(px.Alibi(32), 4).axes[0]
  assert len(axes.get_lines()) == 32
  assert len(legend(axes)) == 12 and {"head 0", "head 31"} <= set(legend(axes))


def test_bias_of_two_axes_has_a_map_for_each_head():
  figure = plots.bias(px.Alibi2D(4), 2)
  assert [axes.get_title() for axes in figure.axes[:4]] == [f"head {i}" for i in range(4)]
  found = image(figure)
  np.testing.assert_allclose(found, px.Alibi2D(4).distance_bias(
    jnp.stack(jnp.meshgrid(*[jnp.arange(-2, 3)] * 2, indexing="ij"), -1))[0], rtol=1e-6)
  assert found[2, 2] == 0 and found[0, 0] < found[1, 2] < 0


def test_wavelengths_are_turns_of_each_pair():
  figure = plots.wavelengths(px.Rotary(8, base=16.0), length=100)
  found = lines(figure)
  np.testing.assert_allclose(found["Rotary"][1], 2 * np.pi * np.array([1, 2, 4, 8]))
  np.testing.assert_array_equal(found["100 tokens"][1], [100, 100])
  assert figure.axes[0].get_yscale() == "log"


def test_pairs_that_stand_still_have_no_wavelength():
  e = px.Rotary.from_frequencies(np.array([1.0, 0.5, 0.0]))
  found = lines(plots.wavelengths(px.chain(e, px.Alibi(2))))
  (name, (x, y)), = found.items()
  assert name == "Rotary (1 of 3 stand still)"
  np.testing.assert_array_equal(x, [0, 1])
  np.testing.assert_allclose(y, [2 * np.pi, 4 * np.pi])


def test_similarity_of_rotary_is_the_mean_cosine():
  (_, (x, y)), = lines(plots.similarity(px.Rotary(6), 6, max_distance=40)).items()
  angles = np.arange(41)[:, None] * 10_000.0 ** (-2 * np.arange(3) / 6)
  np.testing.assert_array_equal(x, np.arange(41))
  np.testing.assert_allclose(y, np.cos(angles).mean(1), atol=1e-6)


def test_similarity_has_a_line_for_each_head():
  e = px.Pope.init(KEY, 2, 8, uniform=True)
  found = lines(plots.similarity(e, 8, heads=2, max_distance=3))
  assert list(found) == ["head 0", "head 1"]
  assert max(np.abs(y).max() for _, y in found.values()) <= 1 + 1e-6


def test_table_is_what_is_added():
  figure = plots.table(px.Sinusoidal(6), 6, length=5)
  np.testing.assert_allclose(image(figure), px.sinusoidal(np.arange(5), 6), atol=1e-6)
  assert figure.axes[0].get_ylabel() == "position"
  assert figure.axes[1].get_ylabel() == "added to the embedding"


def test_table_of_a_factor_shows_what_becomes_of_ones():
  e = px.ComplexOrder()
  figure = plots.table(e, 6, length=5)
  assert figure.axes[1].get_ylabel() == "what becomes of an embedding of ones"
  np.testing.assert_allclose(image(figure), e.inputs(jnp.ones((5, 6)), jnp.arange(5)), rtol=1e-5)


def test_table_takes_positions_of_several_axes():
  at = np.stack(np.meshgrid(np.arange(2), np.arange(3), indexing="ij"), -1).reshape(6, 2)
  e = px.GridSinusoidal(8)
  np.testing.assert_allclose(image(plots.table(e, 8, positions=at)),
                             e.inputs(jnp.zeros((6, 8)), at.astype(np.int32)), atol=1e-6)


def test_attention_has_a_panel_for_each_layer_and_head():
  weights = np.array([[[1.0, 0.0], [0.25, 0.75]]] * 3)
  figure = plots.attention([weights, weights[:, ::-1]], tokens=["a", "$"], mark=1)
  titles = [axes.get_title() for axes in figure.axes if axes.images]
  assert titles == [f"layer {i}, head {j}" for i in range(2) for j in range(3)]
  found = image(figure)
  assert found.mask.tolist() == [[False, True], [False, False]]
  np.testing.assert_allclose(found[1] ** 2, [0.25, 0.75])
  assert [t.get_text() for t in figure.axes[3].get_xticklabels()] == ["a", r"\$"]
  assert len(figure.axes[0].get_lines()) == 2


def test_pattern_is_attention_of_random_queries():
  figure = plots.pattern(px.Alibi(2), 2, 4, length=6, seed=3)
  q, k = np.random.default_rng(3).standard_normal((2, 1, 6, 2, 4)).astype(np.float32)
  scores = np.einsum("tnh,snh->nts", q[0], k[0]) / 2.0
  distance = np.arange(6)[:, None] - np.arange(6)
  scores = np.where(distance >= 0, scores - np.array([1 / 16, 1 / 256])[:, None, None] * distance,
                    -np.inf)
  wanted = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
  for head in range(2):
    np.testing.assert_allclose(image(figure, head).filled(0) ** 2, wanted[head], atol=1e-6)


def test_pattern_of_several_axes_takes_positions():
  at = np.arange(12).reshape(4, 3)
  assert image(plots.pattern(px.MRotary((2, 1, 1)), 1, 8, positions=at)).shape == (4, 4)


def test_receptive_field_of_a_window_ends_with_it():
  found = lines(plots.receptive_field(px.HardAlibi(2, 2), 2, 8, length=16))
  np.testing.assert_array_equal(found["head 0"][0], np.arange(1, 17))
  for head in range(2):
    share = found[f"head {head}"][1]
    assert share[head] > 1 - 1e-6 and (head == 0 or share[head - 1] < 0.9)
  np.testing.assert_allclose(found["_everywhere alike"][1], np.arange(1, 17) / 16)


def results(series, axes):
  records = [{"id": f"{e}{s}", "cell": {"encoding": e, "seed": s}, "status": "ok",
              "metrics": {"loss": 1.0}, "axes": axes,
              "series": {name: [a + s for a in values] for name, values in series.items()}}
             for e in ("rotary", "alibi") for s in (0, 1)]
  return sweeps.Results(tuple(records))


def test_loss_against_length_is_a_mean_over_seeds():
  found = results({"curve": [1.0] * 20, "by_length": [1.0, 2.0]},
                  {"by_length": {"label": "length", "values": [16, 32]}})
  figure = plots.loss_against_length(found)
  drawn = figure.axes[0].get_lines()[0]
  assert drawn.get_xdata().tolist() == [16, 32] and drawn.get_ydata().tolist() == [1.5, 2.5]
  texts = {t.get_text() for owner in figure.legends for t in owner.get_texts()}
  assert texts == {"rotary", "alibi"}


@pytest.mark.parametrize("e, wanted", [
  (px.Encoding(), ("pattern", "receptive_field")),
  (px.Sinusoidal(8), ("table", "wavelengths")),
  (px.Learned(np.zeros((4, 8), np.float32)), ("table",)),
  (px.Rotary(8), ("wavelengths", "similarity", "pattern", "receptive_field")),
  (px.chain(px.Rotary(8), px.Alibi(2)),
   ("bias", "wavelengths", "similarity", "pattern", "receptive_field")),
  (px.MRotary((2, 1, 1)), ("wavelengths", "pattern")),
  (px.Shaw.init(KEY, 8), ("pattern", "receptive_field")),
  (px.Fox.init(KEY, 16, 2), ("attention",)),
  (px.Alibi2D(4), ("bias", "pattern")),
], ids=lambda x: type(x).__name__)
def test_fitting(e, wanted):
  assert plots.fitting(e) == wanted


REFUSED = {
  "bias": lambda e: plots.bias(e),
  "table": lambda e: plots.table(e, 8),
  "wavelengths": lambda e: plots.wavelengths(e),
  "similarity": lambda e: plots.similarity(e, 8),
  "pattern": lambda e: plots.pattern(e, 2, 8),
  "receptive_field": lambda e: plots.receptive_field(e, 2, 8)}


@pytest.mark.parametrize("plot, e, message", [
  ("bias", px.Rotary(8), "plots.bias: e: got Rotary, which answers qk, wanted an encoding whose "
   "bias is a function of positions. Use plots.wavelengths or plots.similarity or plots.pattern or "
   "plots.receptive_field."),
  ("bias", px.Shaw.init(KEY, 8), "Use plots.pattern or plots.receptive_field."),
  ("table", px.Alibi(2), "got Alibi, which answers bias, wanted an encoding that adds to the "
   "embeddings. Use plots.bias"),
  ("wavelengths", px.Alibi(2), "wanted an encoding that keeps frequencies. Use plots.bias"),
  ("similarity", px.Alibi(2), "wanted an encoding that changes q and k by one position a token"),
  ("pattern", px.Sinusoidal(8), "that attention runs alone, without a model. Use plots.table"),
  ("receptive_field", px.Alibi2D(4), "an encoding of one position a token that attention runs"),
  ("bias", px.Fox.init(KEY, 16, 2), "Use plots.attention with the weights of a model, "
   "posenc_jax.nn.attention_maps(model, tokens)."),
])
def test_another_encoding_is_told_which_plot_fits(plot, e, message):
  with pytest.raises(ValueError) as raised:
    REFUSED[plot](e)
  assert message in str(raised.value)


@pytest.mark.parametrize("call, kind, message", [
  (lambda: plots.bias(None), TypeError, "e: got None, wanted an encoding."),
  (lambda: plots.bias(px.Alibi), TypeError, "e: got class Alibi"),
  (lambda: plots.bias(px.Alibi(2), 0), ValueError, "max_distance: got 0"),
  (lambda: plots.bias(px.Alibi(2), 8.0), TypeError, "max_distance: got 8.0"),
  (lambda: plots.bias(px.Alibi(2), both=1), TypeError, "both: got 1"),
  (lambda: plots.bias(px.Alibi2D(32), 2), ValueError, "heads: got 32, wanted at most 16."),
  (lambda: plots.table(px.Sinusoidal(8), 0), ValueError, "dim: got 0"),
  (lambda: plots.table(px.Sinusoidal(8), 8, length=9999), ValueError,
   "length: got 9999, wanted at most 4096. Draw a part."),
  (lambda: plots.table(px.GridSinusoidal(8), 8), ValueError,
   "positions: got None, wanted [T, 2], as GridSinusoidal reads several axes."),
  (lambda: plots.wavelengths(px.Rotary(8), length=0), ValueError, "length: got 0"),
  (lambda: plots.similarity(px.Rotary(8), 8, heads=True), TypeError, "heads: got True"),
  (lambda: plots.pattern(px.Alibi(2), 2, 0), ValueError, "head_dim: got 0"),
  (lambda: plots.pattern(px.Alibi(8), 4, 8), ValueError, "8"),
  (lambda: plots.attention(np.zeros((2, 2))), ValueError, "weights: got shapes [[2]]"),
  (lambda: plots.attention(np.zeros((65, 2, 2))), ValueError, "panels: got 65, wanted at most 64"),
  (lambda: plots.attention([]), ValueError, "weights: got shapes []"),
  (lambda: plots.attention(np.zeros((1, 2, 2)), tokens="abc"), ValueError,
   "tokens: got 3 names, wanted one for each of 2 keys."),
  (lambda: plots.loss_against_length([]), TypeError, "results: got list"),
  (lambda: plots.loss_against_length(results({}, {})), ValueError,
   "series: got no series by length, wanted one of the series of the results: none."),
  (lambda: plots.loss_against_length(results({"a": [1.0]}, {}), "b"), ValueError,
   "series: got 'b', wanted one of the series of the results: a."),
])
def test_messages(call, kind, message):
  with pytest.raises(kind) as raised:
    call()
  assert message in str(raised.value)


def test_no_picture_needs_pyplot_or_matplotlib_before_it_is_made():
  """In a process of its own: what this one has imported proves nothing."""
  code = ("import sys, posenc_jax as px\nfrom posenc_jax import plots\n"
          "assert 'matplotlib' not in sys.modules\n"
          "plots.bias(px.Alibi(2), 4).savefig(sys.stderr.buffer, format='svg')\n"
          "assert 'matplotlib.pyplot' not in sys.modules\n"
          "sys.modules['matplotlib.figure'] = None\n"
          "try: plots.bias(px.Alibi(2), 4)\n"
          "except ImportError as error: print(error)")
  done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                        check=True)
  assert done.stdout == ("posenc_jax.plots: got an environment without matplotlib.figure, wanted "
                         "matplotlib. Install it: pip install 'posenc_jax[plots]'.\n")
