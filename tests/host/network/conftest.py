"""Fixtures of the network agent's tests on a real kernel."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

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
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LabHost]]:
    """Makes hosts: `labs.append(...)` is done by `lab`; all are closed at the end."""
    made: list[LabHost] = []
    yield made
    for host in made:
        host.close()


@pytest.fixture
def lab(labs: list[LabHost], tmp_path_factory: pytest.TempPathFactory) -> LabHost:
    """One host."""
    host = new_host(tmp_path_factory)
    labs.append(host)
    return host


@pytest.fixture
def another_lab(labs: list[LabHost], tmp_path_factory: pytest.TempPathFactory) -> LabHost:
    """Another host."""
    host = new_host(tmp_path_factory)
    labs.append(host)
    return host


def new_host(factory: pytest.TempPathFactory) -> LabHost:
    """A host whose folder the DHCP server may read after it gave up its rights."""
    folder = factory.mktemp('lab')
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.geteuid() and str(place).startswith('/tmp/'):
            place.chmod(0o755)
    return LabHost(folder)
