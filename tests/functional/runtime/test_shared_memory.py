"""What the processes of a supervisor share: everything is imported and built before it forks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.functional.runtime.conftest import ROOT

# As pileus.service does before it forks, then as a child does. Which modules does the child import that others would need too?
PROGRAM = """
import pathlib, sys
from common.config import Settings
from common.runtime import Runtime
service, part, config = sys.argv[1:]
settings = Settings.load([pathlib.Path(config)])
Runtime.preload(['identity', service])
runtime = Runtime(settings, embedded=False)
runtime.build([service])
runtime.warm()
import threading
assert threading.active_count() == 1, threading.enumerate()
before = set(sys.modules)
runtime.start([(service, part)])
print(*sorted(set(sys.modules) - before))
runtime.stop(1.0)
"""


@pytest.mark.parametrize(('service', 'part'), [('image', 'api'), ('image', 'conductor'), ('metadata', 'api')])
def test_a_child_imports_nothing_that_its_parent_could_have_imported(site, service, part):
    one = site(messaging={'url': 'pileus-memory://x'})
    one.start('--prepare', 'identity', 'api')
    command = [sys.executable, '-c', PROGRAM, service, part, str(one.config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert [name for name in done.stdout.split() if not name.startswith('common.messaging.')] == []
