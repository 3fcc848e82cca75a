"""Clouds of one process, one after another: what has ended leaves nothing behind."""

from __future__ import annotations

import gc
import pathlib
import threading
import weakref

from tests.functional.cloud import running


def test_a_runtime_that_has_stopped_is_gone(tmp_path: pathlib.Path) -> None:
    before = set(threading.enumerate())
    left = []
    for name in ('first', 'second', 'third'):
        with running(tmp_path / name) as cloud:
            assert cloud.client().ask('GET', 'compute', '/servers')['servers'] == []
            left.append(weakref.ref(cloud.runtime))
        del cloud
    gc.collect()
    # The first one of a process stays out of the collector's rounds for ever.
    assert [name for name, runtime in zip(('second', 'third'), left[1:], strict=True) if runtime() is not None] == []
    assert set(threading.enumerate()) <= before
