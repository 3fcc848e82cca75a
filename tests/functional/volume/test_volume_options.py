"""Options of `openstack volume` that change what a volume is: read-only, what is known of its image, and the sum of all."""

from __future__ import annotations

import uuid

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud
from tests.functional.volume.conftest import NEW, Volumes
from tests.openstack_shell import CommandFailed, OpenStack


@pytest.fixture(scope='module')
def openstack(cloud: TestCloud, member: Client) -> OpenStack:
    return cloud.openstack(member.user, member.project, member.password)


def test_a_read_only_volume_is_only_read(cloud: TestCloud, theirs: Volumes, openstack: OpenStack) -> None:
    volume = theirs.create()['id']
    openstack('volume set', '--read-only', volume)
    assert openstack.show('volume show', volume)['properties'] == {'readonly': 'True'}
    assert attached(cloud, volume) == ('ro', 'ro')
    body = {'volume_uuid': volume, 'instance_uuid': str(uuid.uuid4()), 'mode': 'rw'}
    status, told = theirs.ask('POST', '/attachments', {'attachment': body})
    assert (status, 'only read' in told['badRequest']['message']) == (400, True)
    theirs.reach(volume, 'available')
    openstack('volume set', '--read-write', volume)
    assert attached(cloud, volume) == ('rw', 'rw')


def attached(cloud: TestCloud, volume: str) -> tuple[str, str]:
    """(mode of an attachment, mode that the host is told); the attachment is gone again afterwards."""
    admin = cloud.client()
    body = {'volume_uuid': volume, 'instance_uuid': str(uuid.uuid4()), 'connector': {'initiator': 'iqn.x', 'host': 'h', 'ip': '192.0.2.1'}}
    made = admin.ask('POST', 'volumev3', '/attachments', {'attachment': body}, headers=NEW)['attachment']['id']
    try:
        found = admin.ask('GET', 'volumev3', f'/attachments/{made}', headers=NEW)['attachment']
        return found['attach_mode'], found['connection_info']['access_mode']
    finally:
        admin.ask('DELETE', 'volumev3', f'/attachments/{made}', headers=NEW)


def test_what_is_known_of_the_image_is_changed(theirs: Volumes, openstack: OpenStack) -> None:
    volume = theirs.create()['id']
    openstack('volume set', '--image-property', 'os_distro=pileus', '--image-property', 'a=b', volume)
    assert theirs.show(volume)['volume_image_metadata'] == {'os_distro': 'pileus', 'a': 'b'}
    openstack('volume unset', '--image-property', 'a', volume)
    assert theirs.show(volume)['volume_image_metadata'] == {'os_distro': 'pileus'}
    with pytest.raises(CommandFailed):
        openstack('volume unset', '--image-property', 'none-such', volume)


def test_the_sum_of_all_volumes(theirs: Volumes, openstack: OpenStack) -> None:
    theirs.create(size=2, metadata={'use': 'data'})
    theirs.create(size=3, metadata={'use': 'logs'})
    shown = openstack.show('volume summary')
    assert (shown['Total Count'], shown['Total Size'], shown['Metadata']) == (2, 5, {'use': ['data', 'logs']})
    with pytest.raises(CommandFailed, match='nothing at /v3/.*/backups/detail'):
        openstack('volume backup list')


def test_an_administrator_sees_pools_and_the_workers_of_a_host(cloud: TestCloud) -> None:
    admin = cloud.openstack()
    worker = admin.show('volume service list')[0]['Host']
    pool = admin.show('volume backend pool list', '--long')[0]
    assert pool['Name'].startswith(worker) and pool['Capabilities']['total_capacity_gb'] >= pool['Capabilities']['free_capacity_gb'] > 0
    assert [one['Host'] for one in admin.show('volume service list', '--host', worker)] == [worker]
    assert admin.show('volume service list', '--host', 'none-such') == []
    assert admin.show('volume service list', '--service', 'none-such') == []


def test_no_filter_of_volumes_is_left_out_unseen(theirs: Volumes, cloud: TestCloud) -> None:
    volume = theirs.create()['id']
    default = theirs.ask('GET', '/types/default')[1]['volume_type']
    for query, found in (
        (f'volume_type={default["name"]}', True), (f'volume_type={default["id"]}', True), ('volume_type=none-such', False),
        (f'volume_type_id={default["id"]}', True), ('volume_type_id=none-such', False), ('user_id=none-such', False),
    ):  # fmt: skip
        listed = theirs.ask('GET', f'/volumes?{query}')[1]['volumes']
        assert (volume in [entry['id'] for entry in listed]) is found, query
    assert theirs.ask('GET', '/volumes?limit=0')[1]['volumes'] == []
    assert theirs.ask('GET', '/volumes?colour=red')[0] == theirs.ask('GET', '/snapshots/detail?colour=red')[0] == 400
    assert theirs.ask('GET', '/volumes?host=none-such')[0] == 403
    admin = cloud.client()
    assert admin.ask('GET', 'volumev3', '/volumes?host=none-such', headers=NEW)['volumes'] == []
    assert admin.raw('GET', f'{admin.catalog["volumev3"]}/volumes?colour=red')[0] == 200, 'before 3.31 unknown parameters are not looked at'
