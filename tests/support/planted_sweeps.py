# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Planted faults of posenc_jax/sweeps; see `planted`."""

from tests.support.fault import Fault

SWEEPS = [
  Fault(
    "cell-whole-floats", "posenc_jax/sweeps/cells.py",
    "int(v) if isinstance(v, float) and v.is_integer() and abs(v) < 2**53 else v", "v",
    "tests/sweeps/test_plan.py::test_equal_values_make_equal_cells_whatever_their_type_and_order"),
  Fault(
    "cell-id-length", "posenc_jax/sweeps/cells.py",
    "hexdigest()[:16]", "hexdigest()[:12]",
    "tests/sweeps/test_plan.py::test_cell_id_is_a_hash_of_the_content"),
  Fault(
    "lane-key-halves", "posenc_jax/sweeps/cells.py",
    "rest >> 32, rest & 0xFFFFFFFF", "rest & 0xFFFFFFFF, rest >> 32",
    "tests/sweeps/test_plan.py::test_a_lanes_key_is_the_documented_one"),
  Fault(
    "lane-key-with-seed", "posenc_jax/sweeps/cells.py",
    'cell.without("seed").id', "cell.id",
    "tests/sweeps/test_plan.py::test_a_lanes_key_is_the_documented_one"),
  Fault(
    "split-bools", "posenc_jax/sweeps/experiment.py",
    " and not isinstance(cell[name], bool)", "",
    "tests/sweeps/test_plan.py::test_split_by_name_keeps_booleans_and_text_static"),
  Fault(
    "traced-int32-bound", "posenc_jax/sweeps/experiment.py",
    "value.max() < 2**31)", "value.max() <= 2**31)",
    "tests/sweeps/test_plan.py -k test_mistakes_are_explained"),
  Fault(
    "shard-bound", "posenc_jax/sweeps/options.py",
    "0 <= shard[0] < shard[1]", "0 <= shard[0] <= shard[1]",
    "tests/sweeps/test_plan.py -k test_mistakes_are_explained"),
  Fault(
    "group-id-width", "posenc_jax/sweeps/group.py",
    "*(c.id for c in self.shapes), str(self.width)]", "*(c.id for c in self.shapes)]",
    "tests/sweeps/test_plan.py::test_a_group_survives_the_manifest_and_tampering_is_noticed"),
  Fault(
    "halves-uneven", "posenc_jax/sweeps/group.py",
    "(len(self.cells) + 1) // 2", "len(self.cells) // 2",
    "tests/sweeps/test_plan.py::test_halves_hold_the_same_cells"),
  Fault(
    "thin-rounds-down", "posenc_jax/sweeps/records.py",
    "size = -(-len(curve) // points)", "size = len(curve) // points",
    "tests/sweeps/test_run.py::test_long_curves_are_averaged_over_bins"),
  Fault(
    "thin-axis-start", "posenc_jax/sweeps/records.py",
    '"start": (size - 1) / 2', '"start": size / 2',
    "tests/sweeps/test_run.py::test_long_curves_are_averaged_over_bins"),
  Fault(
    "first-bad-is-last", "posenc_jax/sweeps/records.py",
    "int(steps[0]) for steps", "int(steps[-1]) for steps",
    "tests/sweeps/test_run.py::test_diverged_is_told_with_its_first_bad_step_and_without_nan"),
  Fault(
    "unwatched-divergence", "posenc_jax/sweeps/records.py",
    "for name in watched or names)", "for name in watched)",
    "tests/sweeps/test_run.py::test_an_infinite_number_that_is_not_watched_is_no_divergence"),
  Fault(
    "vector-hides-curve", "posenc_jax/sweeps/records.py",
    'key = name if name not in series else f"final/{name}"', "key = name",
    "tests/sweeps/test_run.py::test_vectors_keep_their_axes_beside_a_curve_of_the_same_name"),
  Fault(
    "oldest-attempt", "posenc_jax/sweeps/records.py",
    'record.get("attempt", 0) > known', 'record.get("attempt", 0) < known',
    "tests/sweeps/test_faults.py::test_a_diverging_lane_leaves_its_neighbours_untouched"),
  Fault(
    "biased-error", "posenc_jax/sweeps/summaries.py",
    "/ (n - 1) / n)", "/ n / n)",
    "tests/sweeps/test_run.py::test_means_are_over_seeds_and_leave_failures_out"),
  Fault(
    "mean-of-diverged", "posenc_jax/sweeps/summaries.py",
    'r["metrics"].get(metric) if r["status"] == "ok" else None for r',
    'r["metrics"].get(metric) for r',
    "tests/sweeps/test_run.py::test_means_are_over_seeds_and_leave_failures_out"),
  Fault(
    "shares-of-few-groups", "posenc_jax/sweeps/plan/planner.py",
    "min(parts, len(lanes)))", "1)",
    "tests/sweeps/test_plan.py::test_shares_get_groups_of_every_pack"),
  Fault(
    "memory-overfilled", "posenc_jax/sweeps/plan/planner.py",
    "int(machine.memory // need)", "math.ceil(machine.memory / need)",
    "tests/sweeps/test_plan.py::test_groups_fit_into_memory_and_share_one_compile"),
  Fault(
    "recorded-packed-again", "posenc_jax/sweeps/plan/planner.py",
    "for cell in cells if cell.id not in known]", "for cell in cells]",
    "tests/sweeps/test_plan.py::test_a_grown_grid_keeps_its_groups_and_makes_new_ones"),
  Fault(
    "order-of-new-groups", "posenc_jax/sweeps/plan/planner.py",
    "default=-1) + 1)", "default=0))",
    "tests/sweeps/test_plan.py::test_a_grown_grid_keeps_its_groups_and_makes_new_ones"),
  Fault(
    "cost-of-one-lane", "posenc_jax/sweeps/plan/packing.py",
    "return lanes * steps *", "return steps *",
    "tests/sweeps/test_plan.py::test_auto_pads_when_compiling_is_dear_and_not_when_it_is_cheap"),
  Fault(
    "dearest-packing", "posenc_jax/sweeps/plan/packing.py",
    "options[times.index(min(times))]", "options[times.index(max(times))]",
    "tests/sweeps/test_plan.py::test_auto_may_pad_a_part"),
  Fault(
    "joins-that-cost", "posenc_jax/sweeps/plan/packing.py",
    "if saved > 0:", "if saved < 0:",
    "tests/sweeps/test_plan.py::test_auto_may_pad_a_part"),
  Fault(
    "filling-lanes", "posenc_jax/sweeps/run/program.py",
    "fill = [0] *", "fill = [-1] *",
    "tests/sweeps/test_plan.py::test_stacked_lanes_repeat_the_first_and_never_become_double"),
  Fault(
    "mixed-settings", "posenc_jax/sweeps/run/program.py",
    "floats = any(", "floats = all(",
    "tests/sweeps/test_plan.py::test_stacked_lanes_repeat_the_first_and_never_become_double"),
  Fault(
    "curve-shifted", "posenc_jax/sweeps/run/program.py",
    ".at[index - start].set(", ".at[index].set(",
    "tests/sweeps/test_run.py::test_neither_chunks_nor_checkpoints_change_a_bit"),
  Fault(
    "resume-skips-a-step", "posenc_jax/sweeps/run/training.py",
    "self.step, self.seconds = found.step,", "self.step, self.seconds = found.step + 1,",
    "tests/sweeps/test_faults.py::test_a_group_goes_on_at_its_last_checkpoint"),
  Fault(
    "checkpoint-dropped-early", "posenc_jax/sweeps/run/groups.py",
    "    self._add(records, planned, programs, states)\n"
    "    self.store.drop_checkpoint(planned.group)\n",
    "    self.store.drop_checkpoint(planned.group)\n"
    "    self._add(records, planned, programs, states)\n",
    "tests/sweeps/test_faults.py::test_the_order_of_events_is_what_makes_it_safe"),
  Fault(
    "eta-of-one-lane", "posenc_jax/sweeps/run/progress.py",
    "self._finished_steps - step * lanes", "self._finished_steps - step",
    "tests/sweeps/test_run.py::test_eta_counts_the_steps_and_compiles_that_are_left"),
  Fault(
    "control-characters-printed", "posenc_jax/sweeps/run/progress.py",
    "{clean(text)}", "{text}",
    "tests/sweeps/test_run.py::test_progress_can_be_silent_and_notes_carry_no_control_characters"),
  Fault(
    "ignored-signal-heard", "posenc_jax/sweeps/run/signals.py",
    "if signal.getsignal(each) != signal.SIG_IGN:", "if True:",
    "tests/sweeps/test_faults.py::test_a_signal_that_was_switched_off_stays_so"),
  Fault(
    "newest-pruned", "posenc_jax/sweeps/run/extras.py",
    "for _, size, path in entries:", "for _, size, path in reversed(entries):",
    "tests/sweeps/test_run.py::test_a_cache_that_grows_too_large_loses_its_oldest_entries"),
  Fault(
    "group-writable-cache", "posenc_jax/sweeps/run/extras.py",
    "(stat.S_IWGRP | stat.S_IWOTH)", "stat.S_IWOTH",
    "tests/sweeps/test_run.py::test_a_cache_that_others_may_write_is_refused"),
  Fault(
    "checksum-ignored", "posenc_jax/sweeps/store/lines.py",
    "if crc != expected:", "if len(crc) != len(expected):",
    "tests/sweeps/test_store.py::test_a_bad_line_is_named"),
  Fault(
    "torn-line-counted-bad", "posenc_jax/sweeps/store/lines.py",
    "        break  # A torn", "        pass  # A torn",
    "tests/sweeps/test_store.py::test_every_cut_of_the_last_line_leaves_the_others"),
  Fault(
    "append-leaves-a-part", "posenc_jax/sweeps/files.py",
    "os.ftruncate(handle, end)", "os.ftruncate(handle, end + 1)",
    "tests/sweeps/test_store.py::test_a_full_disk_changes_nothing_and_says_what_it_wanted"),
  Fault(
    "append-not-synced", "posenc_jax/sweeps/files.py",
    "      _write_all(handle, data)\n      os.fsync(handle)\n    except",
    "      _write_all(handle, data)\n    except",
    "tests/sweeps/test_store.py::test_what_is_written_is_synced_before_it_counts"),
  Fault(
    "links-followed", "posenc_jax/sweeps/files.py",
    'getattr(os, "O_NOFOLLOW", 0) |', "0 |",
    "tests/sweeps/test_store.py::test_symbolic_links_are_not_written_through"),
  Fault(
    "world-readable-log", "posenc_jax/sweeps/files.py",
    "os.O_CREAT | NOFOLLOW, 0o600)\n  except", "os.O_CREAT | NOFOLLOW, 0o644)\n  except",
    "tests/sweeps/test_store.py::test_short_writes_are_continued"),
  Fault(
    "lock-always-shared", "posenc_jax/sweeps/store/lock.py",
    "fcntl.LOCK_SH if shared else fcntl.LOCK_EX", "fcntl.LOCK_SH",
    "tests/sweeps/test_store.py::test_one_holder_and_who_it_is"),
  Fault(
    "pickle-allowed", "posenc_jax/sweeps/store/arrays.py",
    "allow_pickle=False", "allow_pickle=True",
    "tests/sweeps/test_store.py::test_a_checkpoint_with_pickled_objects_is_not_opened"),
  Fault(
    "padding-lanes-saved", "posenc_jax/sweeps/store/checkpoint.py",
    "np.asarray(_words(x))[:width]", "np.asarray(_words(x))",
    "tests/sweeps/test_store.py::test_a_checkpoint_holds_no_padding_lanes"),
  Fault(
    "other-data-taken-over", "posenc_jax/sweeps/store/manifest.py",
    '"settings", "data")', '"settings")',
    "tests/sweeps/test_store.py::test_each_field_that_decides_results_is_compared"),
  Fault(
    "secrets-recorded", "posenc_jax/sweeps/store/manifest.py",
    ' if k.startswith("JAX_") or k == "XLA_FLAGS"', "",
    "tests/sweeps/test_run.py::test_the_manifest_says_what_was_run"),
  Fault(
    "newline-not-mended", "posenc_jax/sweeps/store/directory.py",
    'files.append(self.results, b"\\n")', 'files.append(self.results, b"")',
    "tests/sweeps/test_store.py::test_a_line_without_its_newline_is_not_joined_to_the_next"),
  Fault(
    "halved-group-kept", "posenc_jax/sweeps/store/directory.py",
    'if g["id"] not in gone]', "if True]",
    "tests/sweeps/test_faults.py::test_out_of_memory_halves_the_group_and_records_it"),
  Fault(
    "torn-counts-as-damage", "posenc_jax/sweeps/store/reading.py",
    'any("torn" not in note for note in why)', "bool(why)",
    "tests/sweeps/test_store.py::test_loading_changes_nothing_and_tells_what_is_wrong"),
  Fault(
    "axis-name-unescaped", "posenc_jax/sweeps/show/page.py",
    "<section><h2>{text(title)}</h2>{kind}", "<section><h2>{title}</h2>{kind}",
    "tests/sweeps/test_report.py::test_hostile_names_of_axes_change_no_tag_of_the_page"),
  Fault(
    "title-unescaped", "posenc_jax/sweeps/show/page.py",
    "<title>{text(title)}</title>", "<title>{title}</title>",
    "tests/sweeps/test_report.py::test_hostile_names_change_no_tag_of_the_page"),
  Fault(
    "data-ends-its-script", "posenc_jax/sweeps/show/payload.py",
    '.replace("<", "\\\\u003c")', "",
    "tests/sweeps/test_report.py::test_hostile_names_change_no_tag_of_the_page"),
  Fault(
    "scripts-of-anyone", "posenc_jax/sweeps/show/page.py",
    "script-src {_digest(bundle)} {_digest(ours)};", "script-src 'unsafe-inline';",
    "tests/sweeps/test_report.py::test_the_page_allows_its_own_two_scripts_and_nothing_else"),
  Fault(
    "scripts-allowed", "posenc_jax/sweeps/show/static.py",
    "\"default-src 'none'; style-src", "\"default-src 'self'; style-src",
    "tests/sweeps/test_report.py::test_the_static_page_runs_nothing"),
  Fault(
    "seeds-that-failed", "posenc_jax/sweeps/show/tables.py",
    'f"{done} of {len(records)} ({told})"', "str(done)",
    "tests/sweeps/test_report.py::test_the_table_holds_mean_interval_and_count"),
  Fault(
    "bold-of-the-worst", "posenc_jax/sweeps/show/tables.py",
    'sign = 1 if column.direction == "min" else -1', "sign = 1",
    "tests/sweeps/test_report.py::test_bold_is_the_best_of_each_panel_in_the_metrics_direction"),
  Fault(
    "bold-without-a-direction", "posenc_jax/sweeps/results.py",
    '"min" if "loss" in name.lower() else None', '"min"',
    "tests/sweeps/test_results.py::test_the_direction_is_the_experiments"),
  Fault(
    "best-of-survivors", "posenc_jax/sweeps/results.py",
    "min(whole or found,", "min(found,",
    "tests/sweeps/test_results.py::test_the_best_has_all_its_seeds_if_any_setting_has"),
  Fault(
    "interval-of-a-normal", "posenc_jax/sweeps/summaries.py",
    "stdtrit(freedom, (1 + LEVEL) / 2)", "stdtrit(10**9, (1 + LEVEL) / 2)",
    "tests/sweeps/test_results.py::test_intervals_are_students"),
  Fault(
    "interval-one-sided", "posenc_jax/sweeps/summaries.py",
    "(1 + LEVEL) / 2)", "LEVEL)",
    "tests/sweeps/test_results.py::test_intervals_are_students"),
  Fault(
    "freedom-of-n", "posenc_jax/sweeps/summaries.py",
    "t_quantile(self.count - 1)", "t_quantile(self.count)",
    "tests/sweeps/test_results.py::test_intervals_are_students"),
  Fault(
    "pairs-turned-round", "posenc_jax/sweeps/pairing.py",
    "other[s] - one[s]", "one[s] - other[s]",
    "tests/sweeps/test_results.py::test_paired_differences_against_scipy"),
  Fault(
    "rates-as-seeds", "posenc_jax/sweeps/show/views.py",
    "without(*REPEATS, *without), [])", 'without(*REPEATS, *without, "learning_rate"), [])',
    "tests/sweeps/test_results.py::test_learning_rates_are_not_averaged_in_lines_and_maps"),
  Fault(
    "smoothed-after-the-mean", "posenc_jax/sweeps/show/views.py",
    'smoothed(r["series"].get(series, []), half)', 'list(r["series"].get(series, []))',
    "tests/sweeps/test_report.py::test_smoothing_is_lane_by_lane_and_keeps_the_ends"),
  Fault(
    "smoothing-bends-the-ends", "posenc_jax/sweeps/show/smooth.py",
    "np.minimum(half, np.minimum(at, len(x) - 1 - at))", "np.minimum(half, at)",
    "tests/sweeps/test_report.py::test_smoothing_is_lane_by_lane_and_keeps_the_ends"),
  Fault(
    "group-seconds-each", "posenc_jax/sweeps/show/tables.py",
    '.get("seconds", 0.0) / lanes(results, r)', '.get("seconds", 0.0)',
    "tests/sweeps/test_report.py::test_plan_wall_time_and_command"),
  Fault(
    "csv-without-lengths", "posenc_jax/sweeps/tidy.py",
    "MOST_ENTRIES = 16", "MOST_ENTRIES = 1",
    "tests/sweeps/test_results.py::test_the_csv_holds_the_loss_at_each_multiple"),
  Fault(
    "formula-by-at", "posenc_jax/sweeps/show/table.py",
    '"-", "@", ', '"-", ',
    "tests/sweeps/test_report.py::test_csv_holds_all_cells_and_no_formula"),
  Fault(
    "series-axis-start", "posenc_jax/sweeps/records.py",
    "float(start + i * step)", "float(i * step)",
    "tests/sweeps/test_report.py::test_curves_are_means_over_seeds_on_their_own_axis"),
  Fault(
    "last-bin-as-long", "posenc_jax/sweeps/records.py",
    "(e + min(e + size, steps) - 1) / 2", "(e + e + size - 1) / 2",
    "tests/sweeps/test_run.py::test_the_last_bin_of_a_curve_is_where_its_steps_are"),
  Fault(
    "heat-of-the-first", "posenc_jax/sweeps/show/heats.py",
    "over_lanes(records, metric, settings)", "over_lanes(records[:1], metric, settings)",
    "tests/sweeps/test_report.py::test_heat_maps_are_width_by_length_for_each_encoding"),
  Fault(
    "figures-dated", "posenc_jax/sweeps/show/figures.py",
    '{"Date": None} if kind == "svg" else {"Software": None}', "{}",
    "tests/sweeps/test_report_files.py::test_figures_are_png_and_svg_the_same_each_time"),
  Fault(
    "own-files-replaced", "posenc_jax/sweeps/show/written.py",
    "in hashes\n  except OSError", "in hashes or True\n  except OSError",
    "tests/sweeps/test_report_files.py::test_files_of_ones_own_stay"),
  Fault(
    "files-outside-removed", "posenc_jax/sweeps/show/written.py",
    'and ".." not in path.parts', "",
    "tests/sweeps/test_report_files.py::test_a_list_that_names_files_elsewhere_removes_none"),
  Fault(
    "list-after-the-files", "posenc_jax/sweeps/show/written.py",
    "{name: [*old.get(name, []), *new.get(name, [])] for name", "{name: old.get(name, []) for name",
    "tests/sweeps/test_report_files.py::test_a_kill_between_two_files_leaves_none_unknown"),
  Fault(
    "path-of-the-script", "posenc_jax/sweeps/command.py",
    "sys.orig_argv if", "sys.argv if",
    "tests/sweeps/test_report.py::test_the_command_is_one_that_runs"),
  Fault(
    "difference-untold", "posenc_jax/sweeps/__main__.py",
    "in manifest.mismatches(first, about)]", "in ()]",
    "tests/sweeps/test_report.py::test_what_differs_between_compared_sweeps_is_told"),
  Fault(
    "damage-ends-with-0", "posenc_jax/sweeps/__main__.py",
    "    with sweeps.exits():\n      return report", "    if True:\n      return report",
    "tests/sweeps/test_report.py::test_mistakes_on_the_command_line_end_with_2"),
]
