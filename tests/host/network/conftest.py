"""Fixtures of the network agent's tests on a real kernel."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.host.network.lab import LabHost


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = [
        name
        for name in ('ip', 'iptables-restore', 'ebtables-restore', 'ipset', 'conntrack', 'dnsmasq', 'busybox')
        if not shutil.which(name)
    ]
    reason = 'needs root' if os.geteuid() != 0 else f'needs {", ".join(lacking)}' if lacking else ''
    for item in items:
        item.add_marker(pytest.mark.host)
        if reason:
            item.add_marker(pytest.mark.skip(reason=f'network agent on a real kernel {reason}'))


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabHost:
    folder = tmp_path_factory.mktemp('lab')
    for place in (folder, *folder.parents):
        if str(place).startswith('/tmp/'):
            place.chmod(0o755)
    host = LabHost(folder)
    yield host
    host.close()
