"""A testbed for its own tests."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from tools.testbed.bed import Bed

COMMANDS = ('ip', 'nsenter', 'unshare', 'libvirtd', 'virtlogd', 'virsh', 'tgtd', 'ping')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = [name for name in COMMANDS if not shutil.which(name)]
    reason = 'root' if os.geteuid() != 0 else ', '.join(lacking)
    for item in items:
        if 'host/testbed' not in str(item.path):
            continue
        item.add_marker(pytest.mark.host)
        if reason:
            item.add_marker(pytest.mark.skip(reason=f'hosts in namespaces need {reason}'))


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A testbed that is not up yet, and down at the end."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix='pileus-bed-'))
    made = Bed(folder, f't{os.getpid()}-')
    yield made
    made.down()
    shutil.rmtree(folder, ignore_errors=True)
