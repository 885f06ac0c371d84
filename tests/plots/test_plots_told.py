# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a picture of an encoding says of itself: its name, gaps, ticks, and what it leaves out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import plots

KEY = jax.random.key(0)
COPE = px.Cope.init(KEY, 8, 8)
SINES = px.Sinusoidal(8)
RANDOM = px.chain(px.Randomized(16, maximum=1000), SINES)


def told(figure):
  return [*figure.get_suptitle().split("\n"), *figure.axes[0].get_title().split("\n")]


def ticks(figure):
  figure.draw_without_rendering()
  axes = figure.axes[0]
  low, high = axes.get_ylim()
  return [text.get_text() for at, text in zip(axes.get_yticks(), axes.get_yticklabels(),
                                              strict=True) if low < at < high and text.get_text()]


@pytest.mark.parametrize("draw, name, without", [
  (lambda: plots.bias(px.chain(px.Alibi(2), COPE), 4), "Alibi", "without Cope"),
  (lambda: plots.bias(px.chain(px.Rotary(8), px.Alibi(2), COPE), 4), "Alibi",
   "without Rotary and Cope"),
  (lambda: plots.bias(px.chain(px.Alibi2D(2), px.AxesRotary((0, 0, 1, 1))), 2), "Alibi2D",
   "without AxesRotary"),
  (lambda: plots.similarity(px.chain(px.Rotary(8), px.Alibi(2)), 8, heads=2, max_distance=4),
   "Rotary", "without Alibi"),
  (lambda: plots.wavelengths(px.chain(px.Rotary(8), px.Alibi(2))), "Rotary", "without Alibi"),
  (lambda: plots.table(px.chain(SINES, px.Alibi(2)), 8), "Sinusoidal", "without Alibi"),
  (lambda: plots.table(RANDOM, 8, length=4, key=KEY), "Randomized + Sinusoidal", ""),
  (lambda: plots.pattern(px.chain(px.Rotary(8), px.VORotary(8)), 2, 8, length=4),
   "Rotary, random queries and keys", "without VORotary"),
  (lambda: plots.receptive_field(px.VORotary(8), 2, 8, length=4), "no encoding",
   "without VORotary"),
  (lambda: plots.receptive_field(px.chain(px.Rotary(8), px.Alibi(2)), 2, 8, length=4),
   "Rotary + Alibi", ""),
  (lambda: plots.receptive_field(px.Encoding(), 2, 8, length=4), "Encoding", ""),
], ids=lambda x: x if isinstance(x, str) else "")
def test_a_picture_names_the_parts_that_act_in_it_and_those_that_do_not(draw, name, without):
  lines = told(draw())
  assert name in lines
  assert [line for line in lines if line.startswith("without")] == ([without] if without else [])


def test_a_key_that_is_hidden_has_no_bias():
  figure = plots.bias(px.chain(px.Alibi(2), px.HardAlibi(2, 2)), 5)
  axes = figure.axes[0]
  assert "gaps: keys that HardAlibi hides" in told(figure)
  one, two = (line.get_ydata().mask.tolist() for line in axes.get_lines())
  assert one == [False] + [True] * 5 and two == [False] * 2 + [True] * 4
  assert axes.get_lines()[0].get_marker() == "o"  # a point alone has no line
  assert axes.get_xlim()[1] > 5  # the gap is in the picture


def test_a_key_that_is_hidden_on_a_map_is_grey():
  @px.encoding
  class Near(px.Encoding):
    position_axes = 2

    def visible(self, tile):
      apart = tile.q_positions[..., :, None, :] - tile.k_positions[..., None, :, :]
      return (jnp.abs(apart).sum(-1) <= 1)[..., None, :, :]

  figure = plots.bias(px.chain(px.Alibi2D(2), Near()), 2)
  line = np.abs(np.arange(-2, 3))
  np.testing.assert_array_equal(figure.axes[0].images[0].get_array().mask,
                                line[:, None] + line > 1)
  assert "gaps: keys that Near hides" in told(figure)


def test_the_lowest_map_of_each_column_has_its_axis():
  figure = plots.bias(px.Alibi2D(5), 2)  # four maps across, so that one is in the second row
  figure.draw_without_rendering()
  assert [axes.get_xlabel() for axes in figure.axes[:5]] == [""] + ["distance, axis 1"] * 4
  assert any(text.get_visible() and text.get_text() for text in figure.axes[3].get_xticklabels())


@pytest.mark.parametrize("positions, wanted", [
  (np.array([1000, 2000, 3000]), ["1000", "2000", "3000"]),
  (np.array([-5, 0, 1_234_567]), ["-5", "0", "1234567"]),
  (np.array([0.5, 0.75, 2.0], np.float32), ["0.5", "0.75", "2"]),
])
def test_the_ticks_of_a_table_are_positions(positions, wanted):
  figure = plots.table(SINES, 8, positions=positions)
  assert ticks(figure) == wanted and figure.axes[0].get_ylabel() == "position"


def test_the_ticks_of_a_table_are_the_positions_that_were_drawn():
  drawn = [str(x) for x in np.asarray(RANDOM.positions(jnp.arange(4), key=KEY))]
  assert drawn != ["0", "1", "2", "3"]
  assert ticks(plots.table(RANDOM, 8, length=4, key=KEY)) == drawn


def test_the_ticks_of_a_table_of_two_axes_are_pairs():
  figure = plots.table(px.GridSinusoidal(8), 8, positions=np.array([[0, 7], [1, 8]]))
  assert ticks(figure) == ["(0, 7)", "(1, 8)"]
  assert figure.axes[0].get_ylabel() == "position (axes 0 to 1)"


def test_a_table_of_zeros_adds_zeros():
  figure = plots.table(px.Learned(np.zeros((4, 8), np.float32)), 8, length=4)
  assert not figure.axes[0].images[0].get_array().any()
  assert figure.axes[1].get_ylabel() == "added to the embedding"
  assert "every value is 0" in told(figure)


def test_a_receptive_field_of_one_token_is_a_point():
  line = plots.receptive_field(px.Alibi(4), 4, 8, length=1).axes[0].get_lines()[0]
  assert (line.get_ydata().tolist(), line.get_marker(), line.get_markevery()) == ([1.0], "o", [0])
  line = plots.receptive_field(px.Alibi(4), 4, 8, length=2).axes[0].get_lines()[0]
  assert line.get_marker() == ""


def test_many_names_are_thinned_and_long_ones_cut():
  names = [f"token{i:02d}" for i in range(39)] + ["z" * 200]
  figure = plots.attention(np.full((1, 40, 40), 1 / 40), tokens=names)
  axes = figure.axes[0]
  for axis in (axes.xaxis, axes.yaxis):
    assert axis.get_ticklocs().tolist() == list(range(0, 40, 3))
    assert [t.get_text() for t in axis.get_ticklabels()][:2] == ["token00", "token03"]
  assert axes.get_xticklabels()[-1].get_text() == "z" * 11 + "…"
  assert told(figure)[0] == "names cut to 12 letters; named: 1 key in 3 and 1 query in 3"
  few = plots.attention(np.full((1, 2, 40), 1 / 40), tokens=names[:39] + ["\n"])
  assert told(few)[0] == "named: 1 key in 3"
  assert [t.get_text() for t in few.axes[0].get_yticklabels()] == ["token38", r"\n"]
  assert told(plots.attention(np.full((1, 2, 2), 0.5), tokens=["a", "b"]))[0] == ""


@pytest.mark.parametrize("layers, heads, shape", [
  (1, 64, (8, 8)), (1, 9, (2, 5)), (2, 12, (4, 6)), (12, 1, (2, 8)), (2, 3, (2, 3))])
def test_panels_are_a_grid(layers, heads, shape):
  figure = plots.attention([np.full((heads, 2, 2), 0.5)] * layers)
  used = [axes for axes in figure.axes if axes.images]
  assert used[0].get_gridspec().get_geometry() == shape
  where = "layer {}, head {}" if layers > 1 else "head {1}"
  assert {axes.get_title() for axes in used} == {
    where.format(i, j) for i in range(layers) for j in range(heads)}
  assert all(axes.get_visible() == bool(axes.images) for axes in figure.axes[:shape[0] * shape[1]])
  assert max(figure.get_size_inches()) < 17


@pytest.mark.parametrize("draw", [plots.wavelengths, plots.fitting,
                                  lambda e: plots.wavelengths(px.chain(e, e))])
@pytest.mark.parametrize("make", [lambda base: px.Rotary(8, base=base),
                                  lambda base: px.AxesRotary((0, 0, 1, 1), base=base)])
def test_frequencies_of_several_encodings_are_refused(draw, make):
  stack = jax.vmap(make)(jnp.array([1e3, 1e4, 1e5]))
  with pytest.raises(ValueError, match=r"frequencies: got shape \(3, .*\), wanted those of"):
    draw(stack)
  one = jax.tree.map(lambda x: x[1], stack)  # what the message says
  lines = plots.wavelengths(one).axes[0].get_lines()
  assert [line.get_label() for line in lines] == [type(one).__name__]


def test_rows_of_frequencies_of_one_encoding_are_lines():
  e = px.StringCayley.init(KEY, 8, axes=2, num_heads=2)
  assert len(plots.wavelengths(e).axes[0].get_lines()) == np.prod(e.frequencies.shape[:-1])


def test_a_class_is_no_encoding_and_none_is_none_either():
  for given in (px.Rotary, "rotary"):
    with pytest.raises(TypeError) as raised:
      plots.fitting(given)
    assert "wanted an encoding. Build one, such as posenc_jax.Rotary(head_dim)." in str(
      raised.value)
