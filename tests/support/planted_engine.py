# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Planted faults of what runs a sweep: failures, deaths, fingerprints, kept states; see `planted`.
"""

from tests.support.fault import Fault

ENGINE = [
  Fault(
    "failure-ends-all", "posenc_jax/sweeps/run/groups.py",
    "    except SweepError:\n      raise  #", "    except Exception:\n      raise  #",
    "tests/sweeps/test_failing.py::test_a_program_that_cannot_be_traced_stops_no_other"),
  Fault(
    "failure-exits-with-0", "posenc_jax/sweeps/run/runner.py",
    "EXIT_FAILED if failed else 0", "0 if failed else 0",
    "tests/sweeps/test_failing.py::test_a_program_that_cannot_be_traced_stops_no_other"),
  Fault(
    "error-hidden", "posenc_jax/sweeps/run/runner.py",
    "      raise first.cause\n", "      return\n",
    "tests/sweeps/test_failing.py::test_a_mistake_in_all_cells_is_raised_at_the_end"),
  Fault(
    "full-disk-fails-the-cell", "posenc_jax/sweeps/run/groups.py",
    "    except SweepError:\n", "    except ZeroDivisionError:\n",
    "tests/sweeps/test_failing.py::test_ctrl_c_and_a_full_disk_are_no_failures_of_a_cell"),
  Fault(
    "neighbours-fail-too", "posenc_jax/sweeps/run/groups.py",
    'failure.status != "failed" or failure.running', 'failure.status != "failed"',
    "tests/sweeps/test_failing.py::test_a_lane_that_raises_while_it_runs_is_found_by_halves"),
  Fault(
    "statics-fail-together", "posenc_jax/sweeps/run/groups.py",
    "if len(group.shapes) == 1:", "if len(group.shapes) >= 1:",
    "tests/sweeps/test_failing.py::test_a_merged_program_that_fails_is_taken_apart_by_statics"),
  Fault(
    "make-train-stops-the-plan", "posenc_jax/sweeps/plan/packing.py",
    "      except Exception:\n        self._steps", "      except OSError:\n        self._steps",
    "tests/sweeps/test_failing.py::test_a_make_train_that_raises_for_one_static_stops_no_other"),
  Fault(
    "traceback-without-its-end", "posenc_jax/sweeps/records.py",
    "cut + text[-MOST_TRACEBACK:]", "cut + text[:MOST_TRACEBACK]",
    "tests/sweeps/test_failing.py::test_a_long_traceback_keeps_its_end"),
  Fault(
    "timeout-forgets-the-state", "posenc_jax/sweeps/run/groups.py",
    'if failure.status != "timeout":\n      self.store.drop', "if True:\n      self.store.drop",
    "tests/sweeps/test_failing.py::"
    "test_a_timeout_is_recorded_and_more_time_goes_on_where_it_was"),
  Fault(
    "death-of-a-finished-group", "posenc_jax/sweeps/store/journal.py",
    "self._open, self._saved = group, None", "self._open, self._saved = self._open or group, None",
    "tests/sweeps/test_failing.py::test_the_journal_counts_deaths_without_progress"),
  Fault(
    "progress-counts-as-death", "posenc_jax/sweeps/store/journal.py",
    "self.deaths(self._open) + (self._saved != self._open)", "self.deaths(self._open) + 1",
    "tests/sweeps/test_failing.py::test_the_journal_counts_deaths_without_progress"),
  Fault(
    "end-counts-as-death", "posenc_jax/sweeps/store/journal.py",
    'elif event["event"] == "ended":\n      self._open = None',
    'elif event["event"] == "ended":\n      pass',
    "tests/sweeps/test_failing.py::test_the_journal_counts_deaths_without_progress"),
  Fault(
    "torn-journal-kept", "posenc_jax/sweeps/store/journal.py",
    "    if found.torn:\n", "    if False:\n",
    "tests/sweeps/test_failing.py::test_a_torn_journal_loses_its_last_word_only"),
  Fault(
    "crashed-for-ever", "posenc_jax/sweeps/run/groups.py",
    'r.get("deaths", -1) >= deaths', 'r.get("deaths", -1) > deaths',
    "tests/sweeps/test_failing.py::test_a_crashed_cell_is_tried_once_more_when_asked"),
  Fault(
    "packing-for-ever", "posenc_jax/sweeps/plan/planner.py",
    "dict(packed_for) != options.packing", "False",
    "tests/sweeps/test_failing.py::test_a_packing_without_results_follows_the_options"),
  Fault(
    "packing-with-results-made-again", "posenc_jax/sweeps/store/reading.py",
    'or any(i in records for i in g["cells"])}', "}",
    "tests/sweeps/test_failing.py::test_a_packing_without_results_follows_the_options"),
  Fault(
    "closures-not-seen", "posenc_jax/sweeps/fingerprint.py",
    'self._add(node, f"{name}: {variable}", cell.cell_contents)', "cell.cell_contents",
    "tests/sweeps/test_code.py::"
    "test_a_closed_over_number_that_changed_is_told_and_refused"),
  Fault(
    "globals-not-followed", "posenc_jax/sweeps/fingerprint.py",
    "self._add_globals(node, function.__globals__, function.__module__, names_in(code))", "pass",
    "tests/sweeps/test_code.py::test_globals_are_followed_through_functions"),
  Fault(
    "constants-not-seen", "posenc_jax/sweeps/bytecode.py",
    "str(code.co_flags), *texts)", "str(code.co_flags))",
    "tests/sweeps/test_code.py::test_an_edited_helper_is_told"),
  Fault(
    "docstrings-count", "posenc_jax/sweeps/bytecode.py",
    "    constants[0] = None\n", "    pass\n",
    "tests/sweeps/test_code.py::test_comments_line_breaks_and_docstrings_change_nothing"),
  Fault(
    "dtypes-not-seen", "posenc_jax/sweeps/fingerprint.py",
    'about = f"{x.dtype}{list(x.shape)}"', 'about = f"{list(x.shape)}"',
    "tests/sweeps/test_code.py::test_arrays_of_equal_bytes_differ_by_dtype"),
  Fault(
    "steps-not-seen", "posenc_jax/sweeps/run/code.py",
    '"Train.steps": train.steps, ', "",
    "tests/sweeps/test_code.py::test_other_steps_are_told"),
  Fault(
    "split-not-seen", "posenc_jax/sweeps/run/code.py",
    '{"split": self._experiment.split, "init"', '{"init"',
    "tests/sweeps/test_code.py::"
    "test_an_edited_split_is_told_though_the_program_is_the_same"),
  Fault(
    "inputs-not-compared", "posenc_jax/sweeps/run/code.py",
    'inputs if stage == "train" else ()', "()",
    "tests/sweeps/test_code.py::"
    "test_an_edited_split_is_told_though_the_program_is_the_same"),
  Fault(
    "source-decides-alone", "posenc_jax/sweeps/run/code.py",
    "if program == old_program:", "if False:",
    "tests/sweeps/test_code.py::test_an_edit_that_changes_no_program_is_found_out_once"),
  Fault(
    "compiled-program-not-compared", "posenc_jax/sweeps/run/groups.py",
    "if other and self.options.retrain", "if False and self.options.retrain",
    "tests/sweeps/test_code.py::"
    "test_data_that_the_source_does_not_show_is_found_when_the_program_is_made"),
  Fault(
    "checkpoint-of-other-code", "posenc_jax/sweeps/run/training.py",
    "return old[1] == new[1] if old[1][:8] == new[1][:8] else old[0] == new[0]", "return True",
    "tests/sweeps/test_code.py::test_a_checkpoint_is_never_continued_by_other_code"),
  Fault(
    "mended-code-waits-for-retry", "posenc_jax/sweeps/run/runner.py",
    "            and cell_id not in self._changed)", "            )",
    "tests/sweeps/test_code.py::"
    "test_failures_of_code_that_was_mended_are_run_again_unasked"),
  Fault(
    "versions-not-compared", "posenc_jax/sweeps/run/code.py",
    "program[:8] != old_program[:8]", "False",
    "tests/sweeps/test_code.py::test_under_other_versions_an_edit_cannot_be_told"),
  Fault(
    "state-after-its-record", "posenc_jax/sweeps/store/directory.py",
    "      kept.drop_others(self.directory, [self.records[r[\"id\"]] for r in records])\n", "",
    "tests/sweeps/test_kept.py::"
    "test_a_state_is_on_disk_before_its_record_and_goes_after_the_next"),
  Fault(
    "state-of-the-next-lane", "posenc_jax/sweeps/store/kept.py",
    "np.array(leaf[lane]) for leaf", "np.array(leaf[lane - 1]) for leaf",
    "tests/sweeps/test_kept.py::"
    "test_the_reported_numbers_are_those_of_the_restored_weights"),
  Fault(
    "keys-of-one-kind", "posenc_jax/sweeps/store/kept.py",
    "jax.numpy.asarray(leaf), impl=kind)", 'jax.numpy.asarray(leaf)[..., :2], impl="threefry2x32")',
    "tests/sweeps/test_kept.py::test_every_kind_of_leaf_comes_back_bit_for_bit"),
  Fault(
    "evaluated-for-ever", "posenc_jax/sweeps/run/evaluating.py",
    'r["code"]["finish"][0] != source}', "True}",
    "tests/sweeps/test_kept.py::"
    "test_a_new_metric_is_computed_from_kept_states_without_training"),
  Fault(
    "curves-lost-by-evaluation", "posenc_jax/sweeps/run/evaluating.py",
    "make_record(Cell(old[\"cell\"]), arrays,", "make_record(Cell(old[\"cell\"]), {},",
    "tests/sweeps/test_kept.py::"
    "test_a_diverged_lane_stays_so_when_it_is_evaluated_again"),
  Fault(
    "steps-of-thinned-curves", "posenc_jax/sweeps/run/evaluating.py",
    '"first_bad_step": old["first_bad_step"]}', '"first_bad_step": new["first_bad_step"]}',
    "tests/sweeps/test_kept.py::"
    "test_a_diverged_lane_stays_so_when_it_is_evaluated_again"),
  Fault(
    "axes-of-thinned-curves", "posenc_jax/sweeps/run/evaluating.py",
    'axes = {**new["axes"], **{name', 'axes = {**{}, **new["axes"]} or {**{name',
    "tests/sweeps/test_kept.py::"
    "test_a_diverged_lane_stays_so_when_it_is_evaluated_again"),
  Fault(
    "divided-groups-forgotten", "posenc_jax/sweeps/store/directory.py",
    'self.groups() + groups_of(self.manifest, "divided")', "self.groups()",
    "tests/sweeps/test_kept.py::"
    "test_cells_whose_group_was_divided_since_are_compared_and_evaluated"),
  Fault(
    "done-halves-trained", "posenc_jax/sweeps/run/groups.py",
    "[part for part in parts if self.missing(part)]", "list(parts)",
    "tests/sweeps/test_kept.py::"
    "test_cells_whose_group_was_divided_since_are_compared_and_evaluated"),
  Fault(
    "functions-of-every-merge", "posenc_jax/sweeps/plan/packing.py",
    "costs.run(p.merged, p.lanes, p.statics) for p", "costs.run(p.merged, p.lanes) for p",
    "tests/sweeps/test_plan.py::"
    "test_planning_five_thousand_cells_is_quick_and_makes_few_functions"),
  Fault(
    "line-too-long", "posenc_jax/sweeps/run/progress.py",
    "text = clean(fitted(parts, columns(self.stream) - 1))", "pass",
    "tests/sweeps/test_progress.py::test_the_live_line_is_narrower_than_the_terminal"),
  Fault(
    "compile-in-silence", "posenc_jax/sweeps/run/groups.py",
    "      self.progress.start_compile(index)\n      return", "      return",
    "tests/sweeps/test_progress.py::test_each_compile_is_announced_in_a_log"),
  Fault(
    "hint-of-no-command", "posenc_jax/sweeps/command.py",
    'not rest or rest[0] == "-c"', "not rest",
    "tests/sweeps/test_progress.py -k test_the_hint_is_the_command_of_the_process"),
  Fault(
    "saved-step-untold", "posenc_jax/sweeps/run/groups.py",
    "self.check_signal(training.saved)", "self.check_signal()",
    "tests/sweeps/test_faults.py -k test_a_signal_saves_the_state_and_says_how_to_go_on"),
  Fault(
    "warning-at-the-engine", "posenc_jax/sweeps/errors.py",
    "SweepWarning, stacklevel=level)", "SweepWarning, stacklevel=2)",
    "tests/sweeps/test_progress.py::test_warnings_point_at_the_caller"),
  Fault(
    "hangup-not-heard", "posenc_jax/sweeps/run/signals.py",
    '"SIGINT", "SIGTERM", "SIGHUP"', '"SIGINT", "SIGTERM"',
    "tests/sweeps/test_faults.py -k test_a_signal_saves_the_state_and_says_how_to_go_on"),
  Fault(
    "program-of-the-next-group", "posenc_jax/sweeps/run/groups.py",
    "if ahead is None or ahead.wanted != wanted:", "if ahead is None:",
    "tests/sweeps/test_ahead.py::"
    "test_a_divided_group_does_not_get_the_program_of_the_next"),
  Fault(
    "death-beside-a-compile", "posenc_jax/sweeps/run/groups.py",
    "alone = (any(map(deaths, queue)) or ", "alone = (",
    "tests/sweeps/test_ahead.py::test_a_group_is_alone_where_a_process_has_died"),
  Fault(
    "time-limit-beside-a-compile", "posenc_jax/sweeps/run/groups.py",
    "or self.options.timeout_seconds is not None\n", "\n",
    "tests/sweeps/test_ahead.py -k test_a_group_is_alone_where_its_time_counts"),
  Fault(
    "error-of-the-next-group", "posenc_jax/sweeps/run/groups.py",
    "    except Exception:  # It strikes", "    except ZeroDivisionError:  # It strikes",
    "tests/sweeps/test_ahead.py::test_an_error_meets_its_own_group"),
  Fault(
    "signal-while-lowering-ahead", "posenc_jax/sweeps/run/groups.py",
    " or self.listener.signum is not None:\n      return", ":\n      return",
    "tests/sweeps/test_progress.py::test_the_hint_of_an_interrupted_script_runs"),
  Fault(
    "lowered-in-the-thread", "posenc_jax/sweeps/run/ahead.py",
    "    self._lowered, self._about = lower()\n    self.seconds = time.monotonic() - start\n"
    "    self._thread = threading.Thread(target=self._compile, name=\"sweeps compile ahead\")\n"
    "    self._thread.start()\n",
    "    self.seconds = time.monotonic() - start\n"
    "    def work():\n      self._lowered, self._about = lower()\n      self._compile()\n"
    "    self._thread = threading.Thread(target=work, name=\"sweeps compile ahead\")\n"
    "    self._thread.start()\n",
    "tests/sweeps/test_ahead.py::"
    "test_settings_of_the_caller_reach_a_program_that_is_compiled_ahead"),
  Fault(
    "level-over-the-users-flags", "posenc_jax/sweeps/run/program.py",
    ' and level not in os.environ.get("XLA_FLAGS", "")', "",
    "tests/sweeps/test_ahead.py::test_options_of_the_compiler"),
]
