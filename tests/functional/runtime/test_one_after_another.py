"""Clouds of one process, one after another: what has ended leaves nothing behind."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from tests.functional.runtime.conftest import ROOT

# In a process of its own: the clouds of other tests have threads that come and go.
_PROGRAM = """
import gc, pathlib, sys, threading, weakref
from tests.functional.cloud import eventually, running

def gone():
    gc.collect()
    # The first one of a process stays out of the collector's rounds for ever.
    return not any(runtime() for runtime in left[1:]) and threading.enumerate() == [threading.main_thread()]

left = []
for name in ('first', 'second', 'third'):
    with running(pathlib.Path(sys.argv[1]) / name) as cloud:
        assert cloud.client().ask('GET', 'compute', '/servers')['servers'] == []
        left.append(weakref.ref(cloud.runtime))
    del cloud
try:
    eventually(gone, 30.0)
except AssertionError:
    print([runtime() for runtime in left[1:]], threading.enumerate())
else:
    print('nothing is left of', len(left))
"""


def test_a_runtime_that_has_stopped_is_gone(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, '-c', _PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == 'nothing is left of 3\n'
