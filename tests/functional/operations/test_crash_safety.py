"""The harness of `common.operations.testing` on two small operations whose effects are files."""

from __future__ import annotations

import pytest

from common.operations import testing
from tests.functional.operations.cloud import boot_trial, delete_trial


@pytest.mark.parametrize('make', [boot_trial, delete_trial])
def test_every_step_twice(make, tmp_path):
    assert testing.every_step_twice(make, tmp_path)


def test_a_failure_at_every_step_of_a_boot_leaves_nothing(tmp_path):
    steps = testing.fail_at_every_step(boot_trial, tmp_path)
    assert steps == ['choose_host', 'make_ports', 'make_disk', 'start_domain', 'finish']


def test_a_delete_never_gives_up(tmp_path):
    assert testing.fail_at_every_step(delete_trial, tmp_path) == ['clean_host', 'clean_rest']


def test_undo_twice(tmp_path):
    assert testing.undo_twice(boot_trial, tmp_path) == ['finish', 'start_domain', 'make_disk', 'make_ports', 'choose_host']


@pytest.mark.parametrize('make', [boot_trial, delete_trial])
def test_no_message_is_needed(make, tmp_path):
    testing.lose_every_message(make, tmp_path)


def test_a_delete_at_every_step_wins(tmp_path):
    assert testing.delete_at_every_step(boot_trial, tmp_path) == ['choose_host', 'make_ports', 'make_disk', 'start_domain', 'finish']


@pytest.mark.parametrize('make', [boot_trial, delete_trial])
def test_a_process_killed_around_every_record_loses_nothing(make, tmp_path):
    points = testing.crash_before_and_after_every_record(make, tmp_path)
    assert points[0].startswith('before claim:')
    assert len(points) == len(set(points)) >= 6


def test_a_runner_that_vanishes_around_every_record_is_replaced(tmp_path):
    assert testing.crash_in_process_at_every_record(boot_trial, tmp_path)
