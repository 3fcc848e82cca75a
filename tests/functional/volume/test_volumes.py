"""Volumes over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.volume.conftest import Volumes

NOWHERE = '11111111-1111-4111-8111-111111111111'


def test_a_volume_is_made_shown_changed_and_deleted(theirs: Volumes) -> None:
    made = theirs.create(name='data', description='of the shop', metadata={'a': 'b'})
    assert (made['name'], made['size'], made['metadata'], made['volume_type']) == ('data', 1, {'a': 'b'}, '__DEFAULT__')
    assert made['bootable'] == 'false' and made['attachments'] == [] and made['availability_zone'] == 'nova'
    status, changed = theirs.ask('PUT', f'/volumes/{made["id"]}', {'volume': {'name': 'other', 'metadata': {'c': 'd'}}})
    assert status == 200 and changed['volume']['name'] == 'other' and changed['volume']['metadata'] == {'c': 'd'}
    assert changed['volume']['description'] == 'of the shop'
    assert theirs.ask('DELETE', f'/volumes/{made["id"]}')[0] == 202
    theirs.clear()


def test_lists_are_paged_sorted_and_filtered(theirs: Volumes) -> None:
    made = [theirs.create(name=name, size=size, metadata={'n': name})['id'] for name, size in (('a', 3), ('b', 1), ('c', 2))]
    listed = theirs.client.ask('GET', 'volumev3', '/volumes/detail?sort=size:asc')['volumes']
    assert [volume['name'] for volume in listed] == ['b', 'c', 'a']
    first = theirs.client.ask('GET', 'volumev3', '/volumes?sort=size:asc&limit=2')
    assert [volume['name'] for volume in first['volumes']] == ['b', 'c'] and first['volumes_links'][0]['rel'] == 'next'
    rest = theirs.client.ask('GET', 'volumev3', f'/volumes?sort=size:asc&limit=2&marker={made[2]}')['volumes']
    assert [volume['id'] for volume in rest] == [made[0]]
    for query in ('name=b', 'metadata={"n": "b"}', "metadata={'n': 'b'}"):
        found = theirs.client.ask('GET', 'volumev3', f'/volumes?{query.replace(" ", "%20")}')['volumes']
        assert [volume['id'] for volume in found] == [made[1]], query
    assert theirs.ask('GET', f'/volumes?marker={NOWHERE}')[0] == 400


def test_metadata_item_by_item(theirs: Volumes) -> None:
    path = f'/volumes/{theirs.create()["id"]}/metadata'
    assert theirs.ask('POST', path, {'metadata': {'a': '1', 'b': '2'}})[1] == {'metadata': {'a': '1', 'b': '2'}}
    assert theirs.ask('PUT', f'{path}/a', {'meta': {'a': '3'}})[1] == {'meta': {'a': '3'}}
    assert theirs.ask('PUT', f'{path}/a', {'meta': {'b': '3'}})[0] == 400
    assert theirs.ask('GET', f'{path}/b')[1] == {'meta': {'b': '2'}}
    assert theirs.ask('DELETE', f'{path}/b')[0] == 200 and theirs.ask('GET', f'{path}/b')[0] == 404
    assert theirs.ask('PUT', path, {'metadata': {'z': '9'}})[1] == {'metadata': {'z': '9'}}


def test_a_volume_grows_and_does_not_shrink(theirs: Volumes) -> None:
    volume = theirs.create()['id']
    assert theirs.act(volume, {'os-extend': {'new_size': 3}})[0] == 202
    assert theirs.reach(volume, 'available')['size'] == 3
    status, answer = theirs.act(volume, {'os-extend': {'new_size': 3}})
    assert status == 400 and 'greater than current size' in answer['badRequest']['message']


def test_quota_is_counted_from_the_rows(volumes: Volumes, theirs: Volumes) -> None:
    quota = f'/os-quota-sets/{theirs.client.project_id}'
    assert volumes.ask('PUT', quota, {'quota_set': {'volumes': 2, 'gigabytes': 5}})[0] == 200
    try:
        first = theirs.create(size=3)['id']
        status, answer = theirs.ask('POST', '/volumes', {'volume': {'size': 3}})
        assert status == 413 and 'gigabytes' in str(answer).lower()
        theirs.create(size=1)
        status, answer = theirs.ask('POST', '/volumes', {'volume': {'size': 1}})
        assert status == 413 and 'volumes' in str(answer).lower()
        assert theirs.act(first, {'os-extend': {'new_size': 5}})[0] == 413
        used = theirs.ask('GET', f'{quota}?usage=true')[1]['quota_set']
        assert used['volumes'] == {'limit': 2, 'in_use': 2, 'reserved': 0} and used['gigabytes']['in_use'] == 4
        absolute = theirs.ask('GET', '/limits')[1]['limits']['absolute']
        assert absolute['totalVolumesUsed'] == 2 and absolute['maxTotalVolumeGigabytes'] == 5
    finally:
        assert volumes.ask('DELETE', quota)[0] == 200
    assert theirs.ask('GET', quota)[1]['quota_set']['volumes'] == 100


@pytest.mark.parametrize(
    'limits', [{'volumes': -2}, {'volumes': 2**31}, {'volumes': 'many'}, {'volumes': True}, {'volumes': None}, {'pigs': 3}], ids=str
)
def test_limits_that_are_none_are_refused(volumes: Volumes, limits: dict[str, Any]) -> None:
    assert volumes.ask('PUT', f'/os-quota-sets/{volumes.client.project_id}', {'quota_set': limits})[0] == 400
    assert volumes.ask('GET', f'/os-quota-sets/{volumes.client.project_id}')[1]['quota_set']['volumes'] == 100


def test_types_that_are_not_public_are_the_administrators_own(volumes: Volumes, theirs: Volumes) -> None:
    body = {'volume_type': {'name': 'gold', 'os-volume-type-access:is_public': False}}
    made = volumes.ask('POST', '/types', body)[1]['volume_type']['id']
    try:
        assert [kind['name'] for kind in theirs.ask('GET', '/types')[1]['volume_types']] == ['__DEFAULT__']
        assert theirs.ask('POST', '/volumes', {'volume': {'size': 1, 'volume_type': 'gold'}})[0] == 404
        assert theirs.ask('GET', f'/types/{made}')[0] == 404
        assert volumes.create(volume_type='gold')['volume_type'] == 'gold'
        assert volumes.ask('DELETE', f'/types/{made}')[0] == 400
    finally:
        volumes.clear()
        assert volumes.ask('DELETE', f'/types/{made}')[0] == 202


def test_an_administrator_sees_all_and_where_they_are(volumes: Volumes, theirs: Volumes) -> None:
    made = theirs.create(name='far')
    assert 'os-vol-host-attr:host' not in made
    found = volumes.client.ask('GET', 'volumev3', '/volumes/detail?all_tenants=1&name=far')['volumes']
    assert [volume['id'] for volume in found] == [made['id']] and found[0]['os-vol-host-attr:host'].startswith('sim')
    assert volumes.client.ask('GET', 'volumev3', '/volumes/detail?name=far')['volumes'] == []
    assert theirs.client.ask('GET', 'volumev3', '/volumes?all_tenants=1')['volumes'][0]['id'] == made['id']


def test_states_are_set_by_hand_by_administrators_only(volumes: Volumes, theirs: Volumes) -> None:
    volume = theirs.create()['id']
    assert theirs.act(volume, {'os-reset_status': {'status': 'error'}})[0] == 403
    assert volumes.act(volume, {'os-reset_status': {'status': 'error'}})[0] == 202
    assert theirs.show(volume)['status'] == 'error'
    assert volumes.act(volume, {'os-reset_status': {'status': 'creating'}})[0] == 400
    assert theirs.act(volume, {'os-force_delete': {}})[0] == 403


@pytest.mark.parametrize(
    'change',
    [
        {'size': 0}, {'size': -1}, {'size': 'big'}, {'size': None}, {'size': 1.5}, {'size': 2**40}, {'size': True}, {'name': 'x' * 256},
        {'name': 7}, {'metadata': {'a': 1}}, {'metadata': {'a': 'x' * 256}}, {'metadata': []}, {'metadata': {'': 'a'}}, {'metadata': {'k' * 256: 'a'}},
        {'availability_zone': 'none-such'}, {'unknown': 1}, {'name': 'a\0b'}, {'description': 'x' * 256}, {'multiattach': True},
        {'source_volid': NOWHERE, 'snapshot_id': NOWHERE}, {'backup_id': NOWHERE}, {'imageRef': NOWHERE}, {'metadata': {'a': None}},
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_bad_input_makes_nothing(theirs: Volumes, change: dict[str, Any]) -> None:
    status, answer = theirs.ask('POST', '/volumes', {'volume': {'size': 1, **change}})
    assert status == 400 and answer['badRequest']['code'] == 400 and answer['badRequest']['message']
    assert theirs.ask('GET', '/volumes')[1]['volumes'] == []


def test_another_project_sees_nothing(volumes: Volumes, theirs: Volumes) -> None:
    volume = volumes.create(metadata={'a': 'b'})['id']
    attachment = volumes.ask('POST', '/attachments', {'attachment': {'volume_uuid': volume, 'instance_uuid': NOWHERE}})[1]['attachment'][
        'id'
    ]
    assert theirs.ask('GET', '/volumes/detail')[1]['volumes'] == [] and theirs.ask('GET', '/attachments')[1]['attachments'] == []
    for method, path, body in (
        ('GET', f'/volumes/{volume}', None),
        ('PUT', f'/volumes/{volume}', {'volume': {'name': 'mine'}}),
        ('DELETE', f'/volumes/{volume}', None),
        ('GET', f'/volumes/{volume}/metadata', None),
        ('GET', f'/volumes/{volume}/metadata/a', None),
        ('PUT', f'/volumes/{volume}/metadata/a', {'meta': {'a': 'c'}}),
        ('POST', f'/volumes/{volume}/action', {'os-extend': {'new_size': 2}}),
        ('POST', f'/volumes/{volume}/action', {'os-begin_detaching': None}),
        ('POST', '/attachments', {'attachment': {'volume_uuid': volume, 'instance_uuid': NOWHERE}}),
        ('GET', f'/attachments/{attachment}', None),
        ('PUT', f'/attachments/{attachment}', {'attachment': {'connector': {'host': 'h'}}}),
        ('DELETE', f'/attachments/{attachment}', None),
        ('POST', f'/attachments/{attachment}/action', {'os-complete': {}}),
    ):
        assert theirs.ask(method, path, body)[0] == 404, (method, path)
    assert theirs.ask('GET', f'/volumes?marker={volume}')[0] == theirs.ask('GET', f'/volumes?marker={NOWHERE}')[0] == 400
    assert theirs.ask('GET', f'/os-quota-sets/{volumes.client.project_id}')[0] == 403
    assert theirs.ask('GET', '/os-services')[0] == 403
    assert volumes.show(volume)['status'] == 'reserved'
