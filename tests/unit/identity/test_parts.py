"""Parts of identity that need no database."""

from __future__ import annotations

import bcrypt
import pytest

from common import clock
from common.errors import InvalidInput
from identity.assignments import _closure
from identity.catalog import CatalogUrl, _parsed, url_parameters
from identity.memory import Memory
from identity.passwords import PasswordHasher


@pytest.fixture
def hasher():
    return PasswordHasher(4)


@pytest.mark.parametrize('password', ['', 'x', 'pässwörd', 'a\x00b', 'p' * 4096])
def test_a_password_matches_its_own_hash_alone(hasher, password):
    stored = hasher.hash(password)
    assert hasher.check(password, stored)
    assert not hasher.check(password + 'x', stored)


def test_every_byte_of_a_long_password_counts(hasher):
    stored = hasher.hash('p' * 80 + 'a')
    assert not hasher.check('p' * 80 + 'b', stored)


def test_hashes_brought_from_elsewhere_are_understood(hasher):
    assert hasher.check('secret', bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode())


def test_nobody_has_no_password_yet_checking_takes_the_same_work(hasher, monkeypatch):
    checked = []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, 'checkpw', lambda *args: checked.append(1) or real(*args))
    assert not hasher.check('nobody', None)
    assert not hasher.check('x', hasher.hash('y'))
    assert len(checked) == 2


def test_the_hash_is_taken_off_the_loop():
    offloaded = []

    def offload(work):
        offloaded.append(1)
        return work()

    hasher = PasswordHasher(4, offload)
    assert hasher.check('a', hasher.hash('a'))
    assert len(offloaded) == 2


def shown(url, values):
    return CatalogUrl({}, _parsed(url), False).for_scope(values)['url']


def test_parameters_of_catalog_urls():
    values = {'project_id': 'p', 'tenant_id': 'p', 'user_id': 'u'}
    assert shown('http://h/v3/$(project_id)s', values) == 'http://h/v3/p'
    assert shown('http://h/AUTH_%(tenant_id)s/%(user_id)s/x', values) == 'http://h/AUTH_p/u/x'
    assert shown('http://h/100%', values) == 'http://h/100%'
    assert url_parameters('http://h/$(tenant_id)s') == ['tenant_id']
    for bad in ('http://h/$(password)s', 'http://h/$(project_id', 'http://h/%(project_id)d'):
        with pytest.raises(InvalidInput):
            url_parameters(bad)


def test_memory_forgets_on_change_and_in_time(monkeypatch):
    memory, built = Memory(1.0), []

    def build():
        built.append(1)
        return len(built)

    assert [memory.get('k', build), memory.get('k', build)] == [1, 1]
    memory.forget()
    assert memory.get('k', build) == 2
    moment = clock.monotonic() + 1.1
    monkeypatch.setattr(clock, 'monotonic', lambda: moment)
    assert memory.get('k', build) == 3


def test_memory_does_not_keep_what_was_read_before_a_change():
    memory = Memory(60.0)

    def build():
        memory.forget()  # somebody writes while we read
        return 'old'

    assert memory.get('k', build) == 'old'
    assert memory.get('k', lambda: 'new') == 'new'


def test_implications_are_followed_to_the_end_and_loops_end():
    found = _closure([('a', 'b'), ('b', 'c'), ('c', 'a'), ('x', 'y')])
    assert {role: set(implied) for role, implied in found.items()} == {'a': {'b', 'c'}, 'b': {'c', 'a'}, 'c': {'a', 'b'}, 'x': {'y'}}


def test_generated_secrets_get_a_cheap_hash_and_wrong_ones_cost_the_same():
    hashed = []

    def watched(work):
        hashed.append(work)
        return work()

    hasher = PasswordHasher(5, watched)
    cheap, full = hasher.hash('g' * 40, generated=True), hasher.hash('chosen')
    assert (cheap.split('$')[2], full.split('$')[2]) == ('04', '05')
    assert hasher.check('g' * 40, cheap) and hasher.check('chosen', full)
    hashed.clear()
    assert not hasher.check('wrong', cheap) and len(hashed) == 2  # the cheap one, and one of full cost for nothing
    assert not hasher.check('wrong', full) and len(hashed) == 3
    assert not hasher.check('wrong', None) and len(hashed) == 4
