"""A boot that began under an older definition is ended under it."""

from __future__ import annotations

from compute.operations import DEFINITIONS
from compute.operations.boot import BOOT, BOOT_1


def test_boots_that_began_before_volumes_were_made_keep_their_steps() -> None:
    versions = {operation.version: [step.name for step in operation.steps] for operation in DEFINITIONS if operation.kind == 'server.boot'}
    assert sorted(versions) == [1, 2] and max(versions) == BOOT.version and BOOT_1.version == 1
    assert versions[1] == [
        'choose_host', 'make_ports', 'connect_volumes', 'fetch_image', 'make_disk', 'make_config_drive', 'wait_for_network', 'spawn',
        'complete_volumes',
    ]  # fmt: skip
    assert versions[2] == ['make_volumes', *versions[1]]
