"""Why a volume or a snapshot failed: its user reads it in a message, without the name of a host."""

from __future__ import annotations

from typing import Any

import pytest

from common.errors import Refused
from tests.functional.cloud import TestCloud, eventually
from tests.functional.volume.conftest import Volumes
from volume.drivers.simulated import SimulatedPool


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool has no room."""

    def refuse(*_: Any) -> None:
        raise Refused('The pool is full.')

    for verb in ('extend', 'create', 'snapshot'):
        monkeypatch.setattr(SimulatedPool, verb, refuse)


def messages(volumes: Volumes, resource: str) -> list[dict[str, Any]]:
    return list(volumes.ask('GET', f'/messages?resource_uuid={resource}')[1]['messages'])


def test_a_volume_that_cannot_grow_says_why(theirs: Volumes, volumes: Volumes, cloud: TestCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = theirs.create()['id']
    assert messages(theirs, volume) == []
    with monkeypatch.context() as patch:
        patch.setattr(SimulatedPool, 'extend', lambda *_: (_ for _ in ()).throw(Refused('The pool is full.')))
        theirs.act(volume, {'os-extend': {'new_size': 2}})
        theirs.reach(volume, 'error_extending')
    [told] = messages(theirs, volume)
    assert told['user_message'] == 'The pool is full. (step grow)'
    assert (told['resource_type'], told['message_level'], told['event_id']) == ('VOLUME', 'ERROR', 'VOLUME_EXTEND_FAILED')
    assert told['request_id'].startswith('req-')
    assert theirs.ask('GET', f'/messages/{told["id"]}')[1]['message'] == told
    assert messages(volumes, volume) == []  # the other project's list
    assert theirs.ask('DELETE', f'/messages/{told["id"]}')[0] == 204
    assert theirs.ask('GET', f'/messages/{told["id"]}')[0] == 404 and messages(theirs, volume) == []


def test_messages_come_in_pages_and_of_snapshots_too(theirs: Volumes, full: None) -> None:
    first = theirs.create(status='error')['id']
    second = theirs.create(status='error')['id']
    listed = [one['resource_uuid'] for one in theirs.ask('GET', '/messages')[1]['messages']]
    assert {first, second} <= set(listed)
    page = theirs.ask('GET', '/messages?limit=1')[1]['messages']
    assert len(page) == 1
    rest = theirs.ask('GET', f'/messages?marker={page[0]["id"]}')[1]['messages']
    assert [one['resource_uuid'] for one in page + rest] == listed
    for bad in ('limit=x', 'marker=nobody'):
        assert theirs.ask('GET', f'/messages?{bad}')[0] == 400


def test_a_snapshot_that_fails_says_why(theirs: Volumes, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = theirs.create()['id']
    monkeypatch.setattr(SimulatedPool, 'snapshot', lambda *_: (_ for _ in ()).throw(Refused('The pool is full.')))
    made = theirs.ask('POST', '/snapshots', {'snapshot': {'volume_id': volume}})[1]['snapshot']['id']
    eventually(lambda: messages(theirs, made), what='the message')
    assert theirs.ask('GET', f'/snapshots/{made}')[1]['snapshot']['status'] == 'error'
    [told] = messages(theirs, made)
    assert told['resource_type'] == 'VOLUME_SNAPSHOT' and told['user_message'].startswith('The pool is full.')
    theirs.ask('DELETE', f'/snapshots/{made}')
    eventually(lambda: theirs.ask('GET', f'/snapshots/{made}')[0] == 404)
    assert messages(theirs, made) == []


def test_users_are_not_told_on_which_host_a_volume_is_used(theirs: Volumes, volumes: Volumes) -> None:
    volume = theirs.create()['id']
    body = {'attachment': {'volume_uuid': volume, 'connector': {'host': 'h-secret', 'initiator': 'iqn.x'}}}
    made = volumes.ask('POST', '/attachments', body)[1]['attachment']['id']
    volumes.ask('POST', f'/attachments/{made}/action', {'os-complete': None})
    assert [one['host_name'] for one in theirs.show(volume)['attachments']] == [None]
    assert [one['host_name'] for one in volumes.show(volume)['attachments']] == ['h-secret']
    volumes.ask('DELETE', f'/attachments/{made}')
