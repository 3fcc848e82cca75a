"""The same create, sent again."""

from __future__ import annotations

import concurrent.futures
import threading

import pytest

from common.api import Application
from common.api.idempotency import MemoryStore

BODY = {'thing': {'name': 'a'}}


@pytest.fixture
def app(store, things_of):
    return Application('network', [things_of()], instance=store, idempotency=MemoryStore())


def test_a_repeated_key_gives_the_first_answer(member, store):
    first = member('POST', '/v2.0/things', BODY, Idempotency_Key='k')
    second = member('POST', '/v2.0/things', BODY, Idempotency_Key='k')
    assert second.status_int == first.status_int == 201
    assert second.json == first.json
    assert second.headers['Idempotent-Replay'] == 'true'
    assert store.changes == 1


def test_another_body_under_the_same_key_is_refused(member, store):
    member('POST', '/v2.0/things', BODY, Idempotency_Key='k')
    answer = member('POST', '/v2.0/things', {'thing': {'name': 'b'}}, Idempotency_Key='k')
    assert answer.status_int == 409
    assert store.changes == 1


def test_keys_belong_to_their_project(member, other, store):
    member('POST', '/v2.0/things', BODY, Idempotency_Key='k')
    other('POST', '/v2.0/things', BODY, Idempotency_Key='k')
    assert store.changes == 2


def test_a_refused_create_frees_the_key(member, store):
    assert member('POST', '/v2.0/things', {'thing': {}}, Idempotency_Key='k').status_int == 400
    assert member('POST', '/v2.0/things', BODY, Idempotency_Key='k').status_int == 201


def test_a_defect_frees_the_key(member, store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(store), 'add', None)
        assert member('POST', '/v2.0/things', BODY, Idempotency_Key='k').status_int == 500
    assert member('POST', '/v2.0/things', BODY, Idempotency_Key='k').status_int == 201


def test_racing_requests_make_one_thing(member, store, monkeypatch):
    entered, go_on = threading.Event(), threading.Event()
    add = type(store).add

    def slow(self, **values):
        entered.set()
        assert go_on.wait(60)
        return add(self, **values)

    monkeypatch.setattr(type(store), 'add', slow)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        first = pool.submit(member, 'POST', '/v2.0/things', BODY, Idempotency_Key='k')
        assert entered.wait(60)
        answer = member('POST', '/v2.0/things', BODY, Idempotency_Key='k')
        go_on.set()
        assert first.result().status_int == 201
    assert answer.status_int == 429
    assert answer.headers['Retry-After'] == '1'
    assert store.changes == 1


@pytest.mark.parametrize('key', ['', 'a' * 256])
def test_bad_keys(member, store, key):
    assert member('POST', '/v2.0/things', BODY, Idempotency_Key=key).status_int == 400
    assert store.changes == 0


def test_old_answers_are_forgotten(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr('common.clock.timestamp', lambda: now[0])
    kept = MemoryStore(keep_seconds=10, most=2)
    assert kept.begin('o', 'k', 'f') is None
    assert kept.begin('o', 'k', 'f') is not None
    now[0] += 11
    assert kept.begin('o', 'k', 'f') is None
    for key in 'abc':
        kept.begin('o', key, 'f')
    assert kept.begin('o', 'c', 'f') is not None
    assert kept.begin('o', 'k', 'f') is None
