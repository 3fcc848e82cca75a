"""Where the harness of operations strikes."""

from __future__ import annotations

import pytest

from common.operations.trial import Points

RUN = ['before claim:a', 'after claim:a', 'before retried:a', 'after retried:a', 'before claim:a', 'after claim:a', 'before done:a']


def seen_until_struck(points: Points, events: list[str]) -> list[str]:
    for event in events:
        when, _, what = event.partition(' ')
        points.record(when, what, None)  # type: ignore[arg-type]
    return points.seen


@pytest.mark.parametrize('index', range(len(RUN)))
def test_every_point_is_struck_once(index: int) -> None:
    struck = []
    points = Points(RUN, index, lambda: struck.append(len(points.seen) - 1))
    seen_until_struck(points, RUN)
    assert struck == [index]


def test_a_further_try_of_a_step_moves_nothing() -> None:
    struck = []
    smooth = ['before claim:a', 'before done:a', 'before done:b']
    points = Points(smooth, 2, lambda: struck.append(points.seen[-1]))
    seen_until_struck(points, ['before claim:a', 'before retried:a', 'before claim:a', 'before done:a', 'before done:b'])
    assert struck == ['before done:b']


def test_what_another_run_may_do_without() -> None:
    assert [Points.may_be_missing(RUN, index) for index in range(len(RUN))] == [False, False, True, True, True, True, False]
