"""What hostile users try against the volume service: data of other projects, and limits."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.cloud import TestCloud, eventually
from tests.functional.volume.conftest import Volumes

OCTETS = {'Content-Type': 'application/octet-stream'}
NOWHERE = '00000000-1111-4222-8333-444444444444'


@pytest.fixture
def secret(volumes: Volumes) -> Iterator[dict[str, str]]:
    """A volume, a snapshot and an image that belong to another project than the attacker's."""
    volume = volumes.create(name='secret name')['id']
    snapshot = volumes.ask('POST', '/snapshots', {'snapshot': {'volume_id': volume, 'name': 'secret name'}})[1]['snapshot']['id']
    eventually(lambda: volumes.ask('GET', f'/snapshots/{snapshot}')[1]['snapshot']['status'] == 'available', what='a snapshot')
    body = {'name': 'secret name', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'private'}
    image = volumes.client.ask('POST', 'image', '/v2/images', body)['id']
    volumes.client.ask('PUT', 'image', f'/v2/images/{image}/file', b'secret', headers=OCTETS)
    yield {'source_volid': volume, 'snapshot_id': snapshot, 'imageRef': image}
    volumes.client.ask('DELETE', 'image', f'/v2/images/{image}')
    volumes.ask('DELETE', f'/snapshots/{snapshot}')
    eventually(lambda: volumes.ask('GET', f'/snapshots/{snapshot}')[0] == 404, what='deletion of the snapshot')


def answers(theirs: Volumes, method: str, path: str, body: Any, real: str) -> tuple[tuple[int, str], tuple[int, str]]:
    """What a stranger is told of a thing that there is, and of one that there is not, with the same words for both ids."""

    def told(name: str) -> tuple[int, str]:
        asked = json.loads(json.dumps([path, body]).replace('ID', name))
        status, answer = theirs.ask(method, *asked)
        return status, json.dumps(answer).replace(name, 'ID')

    return told(real), told(NOWHERE)


def test_nothing_is_made_of_what_belongs_to_others(volumes: Volumes, theirs: Volumes, secret: dict[str, str]) -> None:
    for field, real in secret.items():
        one, other = answers(theirs, 'POST', '/volumes', {'volume': {field: 'ID', 'size': 1}}, real)
        assert one == other and one[0] in (400, 404), one
    one, other = answers(theirs, 'POST', '/snapshots', {'snapshot': {'volume_id': 'ID', 'force': True}}, secret['source_volid'])
    assert one == other and one[0] == 404, one
    snapshot = '/snapshots/ID'
    for method, path, body in (
        ('GET', snapshot, None), ('DELETE', snapshot, None), ('PUT', snapshot, {'snapshot': {'name': 'mine'}}),
        ('GET', f'{snapshot}/metadata', None), ('POST', f'{snapshot}/metadata', {'metadata': {'a': 'b'}}),
        ('PUT', f'{snapshot}/metadata', {'metadata': {}}), ('DELETE', f'{snapshot}/metadata/a', None),
    ):  # fmt: skip
        one, other = answers(theirs, method, path, body, secret['snapshot_id'])
        assert one == other and one[0] == 404, (method, path, one, other)
    for action in ({'os-reset_status': {'status': 'error'}}, {'os-force_delete': {}}):
        one, other = answers(theirs, 'POST', f'{snapshot}/action', action, secret['snapshot_id'])
        assert one == other and one[0] == 403, (action, one, other)
    for query in ('', '?all_tenants=1', f'?volume_id={secret["source_volid"]}', f'?project_id={volumes.client.project_id}&all_tenants=1'):
        for path in ('/snapshots', '/snapshots/detail'):
            status, answer = theirs.ask('GET', path + query)
            assert (status, answer['snapshots']) == (200, []), (path, query)
    one, other = answers(theirs, 'GET', '/snapshots?marker=ID', None, secret['snapshot_id'])
    assert one == other and 'secret name' not in one[1], one
    assert volumes.ask('GET', f'/snapshots/{secret["snapshot_id"]}')[1]['snapshot']['status'] == 'available'


def test_an_image_does_not_say_which_image_a_volume_was_made_of(theirs: Volumes) -> None:
    client = theirs.client
    body = {'name': 'liar', 'disk_format': 'raw', 'container_format': 'bare', 'image_id': NOWHERE, 'image_name': 'the real one'}
    image = client.ask('POST', 'image', '/v2/images', body)['id']
    client.ask('PUT', 'image', f'/v2/images/{image}/file', b'data', headers=OCTETS)
    made = theirs.create(imageRef=image)
    assert (made['volume_image_metadata']['image_id'], made['volume_image_metadata']['image_name']) == (image, 'liar')
    client.ask('DELETE', 'image', f'/v2/images/{image}')


def test_a_project_cannot_race_past_its_limits(cloud: TestCloud, theirs: Volumes) -> None:
    admin = Volumes(cloud.client())
    volume = theirs.create()['id']
    limits = f'/os-quota-sets/{theirs.client.project_id}'
    assert admin.ask('PUT', limits, {'quota_set': {'snapshots': 2}})[0] == 200
    found: list[tuple[int, Any]] = []
    try:
        barrier = threading.Barrier(6)

        def make() -> None:
            barrier.wait()
            found.append(theirs.ask('POST', '/snapshots', {'snapshot': {'volume_id': volume}}))  # each thread has a connection of its own

        threads = [threading.Thread(target=make) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(status for status, _ in found) == [202, 202, 413, 413, 413, 413]
    finally:
        admin.ask('DELETE', limits)
        made = [answer['snapshot']['id'] for status, answer in found if status == 202]
        for snapshot in made:
            eventually(lambda s=snapshot: theirs.ask('DELETE', f'/snapshots/{s}')[0] in (202, 404), what='deletion')
        eventually(lambda: all(theirs.ask('GET', f'/snapshots/{s}')[0] == 404 for s in made), what='they are gone')
