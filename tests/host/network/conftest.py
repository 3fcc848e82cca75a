"""Fixtures of the network agent's tests on a real kernel."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.network.lab import LabHost

COMMANDS = ('ip', 'iptables-restore', 'ebtables-restore', 'ipset', 'conntrack', 'dnsmasq', 'busybox')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = [name for name in COMMANDS if not shutil.which(name)]
    reason = 'root' if os.geteuid() != 0 else ', '.join(lacking)
    for item in items:
        if 'host/network' not in str(item.path):
            continue
        item.add_marker(pytest.mark.host)
        if reason:
            item.add_marker(pytest.mark.skip(reason=f'network agent on a real kernel needs {reason}'))


@pytest.fixture
def labs() -> Iterator[list[LabHost]]:
    """The hosts of a test, which are closed at its end."""
    made: list[LabHost] = []
    yield made
    for host in made:
        host.close()
        shutil.rmtree(host.folder, ignore_errors=True)


@pytest.fixture
def lab(labs: list[LabHost]) -> LabHost:
    """One host."""
    labs.append(new_host())
    return labs[-1]


@pytest.fixture
def another_lab(labs: list[LabHost]) -> LabHost:
    """Another host."""
    labs.append(new_host())
    return labs[-1]


def new_host() -> LabHost:
    """A host whose folder the DHCP server may read after it gave up its rights (pytest's own folders are closed to it)."""
    folder = Path(tempfile.mkdtemp(prefix='pileus-lab-'))
    folder.chmod(0o755)
    return LabHost(folder)
