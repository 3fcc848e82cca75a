"""Signed tokens: what goes in comes out, and nothing else is accepted."""

from __future__ import annotations

import base64
import dataclasses
import stat
import threading

import pytest

from common import clock
from common.errors import Unauthorized, Unavailable
from common.ids import new_hex_id
from common.tokens import (
    Claims,
    PublishedKeys,
    Revocation,
    RevocationFeed,
    Revocations,
    RoleSets,
    SigningKeys,
    TokenSigner,
    TokenVerifier,
    new_audit_id,
)
from common.tokens.claims import unpack
from common.tokens.role_sets import digest_of
from identity.token_providers import PROVIDERS, OpaqueTokens

ALL_ROLES = frozenset({'admin', 'manager', 'member', 'reader'})


def claims(**changes) -> Claims:
    now = round(clock.timestamp(), 3)
    values = {
        'user_id': new_hex_id(),
        'user_domain_id': 'default',
        'project_id': new_hex_id(),
        'project_domain_id': 'default',
        'roles': ALL_ROLES,
        'issued_at': now,
        'expires_at': now + 3600,
        'audit_ids': (new_audit_id(),),
        'user_name': 'admin',
        'project_name': 'admin',
    }
    return Claims(**(values | changes))


@pytest.fixture
def keys(tmp_path):
    found = SigningKeys(tmp_path / 'keys')
    found.create()
    return found


@pytest.fixture
def revocations():
    return Revocations()


@pytest.fixture
def verifier(keys, revocations):
    return TokenVerifier(keys, revocations)


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'project_id': None, 'project_domain_id': None, 'project_name': None, 'roles': frozenset()},
        {'project_id': None, 'project_domain_id': None, 'domain_id': 'default'},
        {'project_id': None, 'project_domain_id': None, 'system_scope': 'all'},
        {'methods': ('password', 'token'), 'audit_ids': (new_audit_id(), new_audit_id())},
        {'roles': ALL_ROLES | {'heat_stack_owner', 'Rôle', 'a' * 32}, 'user_name': None, 'project_name': None},
        {'user_id': 'not-hexadecimal', 'user_domain_id': new_hex_id()},
        {'trust_id': new_hex_id(), 'access_rules_digest': 'abc', 'user_name': None, 'project_name': None},
    ],
)
def test_a_token_says_what_was_signed(keys, verifier, changes):
    wanted = claims(**changes)
    token = TokenSigner(keys).issue(wanted)
    assert verifier.verify(token) == wanted
    assert verifier.verify(token) == wanted  # from memory


def test_common_tokens_fit_into_255_characters(keys):
    signer = TokenSigner(keys)
    plain = claims()
    assert len(signer.issue(plain)) <= 255
    rescoped = claims(methods=('password', 'token'), audit_ids=(new_audit_id(), new_audit_id()))
    assert len(signer.issue(rescoped)) <= 255
    long_names = signer.issue(claims(user_name='u' * 255, project_name='p' * 64))
    assert len(long_names) <= 255


def test_the_largest_token_is_below_a_kibibyte_and_more_is_refused(keys):
    signer = TokenSigner(keys)
    assert len(signer.issue(claims(roles=frozenset(f'role-number-{i:03}' for i in range(30))))) < 1024
    with pytest.raises(ValueError, match='1023'):
        signer.issue(claims(roles=frozenset(f'role-number-{i:03}' for i in range(60))))


@pytest.mark.parametrize('provider', sorted(PROVIDERS))
def test_whatever_a_token_says_it_is_below_a_kibibyte(keys, provider):
    """Ids as long as they may be, everything that a token can be bound to at once, and more roles than fit."""
    text, roles = 'i' * 64, frozenset(f'{i}{"r" * 250}' for i in range(50)) | ALL_ROLES
    ids = dict.fromkeys(('user_id', 'user_domain_id', 'project_id', 'project_domain_id'), text)
    bound = dict.fromkeys(('trust_id', 'application_credential_id', 'access_rules_digest', 'access_token_id', 'credential_mark'), text)
    worst = claims(**ids, **bound, user_name='u' * 255, project_name='p' * 255, audit_ids=(new_audit_id(), new_audit_id()), roles=roles)
    issue = PROVIDERS[provider](keys).issue
    with pytest.raises(ValueError):
        issue(worst)
    token = issue(dataclasses.replace(worst, role_set=digest_of(roles)))
    assert len(token) < 1024
    sets = RoleSets({digest_of(roles): sorted(roles)}.__getitem__)
    found = TokenVerifier(keys, Revocations(), opaque=OpaqueTokens(keys).open, role_sets=sets).verify(token)
    assert found.roles == roles and found.user_id == text
    with pytest.raises(Unauthorized):
        TokenVerifier(keys, Revocations(), opaque=OpaqueTokens(keys).open).verify(token)


def test_a_set_of_roles_is_the_one_that_was_named():
    fetched = []

    def fetch(digest):
        fetched.append(digest)
        return ['a', 'b']

    sets = RoleSets(fetch)
    assert [sets(digest_of(['b', 'a'])) for _ in range(2)] == [{'a', 'b'}] * 2 and len(fetched) == 1
    with pytest.raises(Unauthorized):
        sets(digest_of(['admin']))


def test_every_flipped_bit_is_refused(keys, verifier):
    token = TokenSigner(keys).issue(claims())
    raw = base64.urlsafe_b64decode(token[4:] + '==')
    for position in range(0, len(raw) * 8, 7):
        broken = bytearray(raw)
        broken[position // 8] ^= 1 << position % 8
        with pytest.raises(Unauthorized):
            verifier.verify('pl1.' + base64.urlsafe_b64encode(bytes(broken)).rstrip(b'=').decode())


@pytest.mark.parametrize(
    'token', ['', 'pl1.', 'pl1.AAAA', 'gAAAAABh', 'pl1.' + 'A' * 3000, 'pl1.é', 'pl1.' + 'A' * 200, 'pl2.' + 'A' * 200]
)
def test_other_texts_are_refused(verifier, token):
    with pytest.raises(Unauthorized):
        verifier.verify(token)


def test_a_second_spelling_of_a_token_is_refused(keys, verifier):
    token = TokenSigner(keys).issue(claims())
    with pytest.raises(Unauthorized):
        verifier.verify(token + '=')
    with pytest.raises(Unauthorized):
        verifier.verify(token + '\n')


def test_an_expired_token_is_refused_even_when_it_was_seen_valid(keys, verifier, monkeypatch):
    token = TokenSigner(keys).issue(claims())
    verifier.verify(token)
    later = clock.timestamp() + 3601
    monkeypatch.setattr(clock, 'timestamp', lambda: later)
    with pytest.raises(Unauthorized):
        verifier.verify(token)


def test_an_unknown_restriction_is_refused():
    packed = claims().pack()
    assert unpack(packed + bytes((0x3F, 1, 0))) == unpack(packed)
    with pytest.raises(Unauthorized):
        unpack(packed + bytes((0x80 | 0x3F, 1, 0)))


def test_key_files_are_private(keys, tmp_path):
    assert stat.S_IMODE((tmp_path / 'keys').stat().st_mode) == 0o700
    for path in (tmp_path / 'keys').iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_rotation_keeps_old_tokens_valid_and_services_know_the_new_key_beforehand(keys, monkeypatch):
    published = PublishedKeys(lambda: {'keys': keys.published()})
    elsewhere = TokenVerifier(published, Revocations())
    before = TokenSigner(keys).issue(claims())
    elsewhere.verify(before)
    announced = {item['id'] for item in keys.published()}
    signing = keys.rotate(lifetime=3600)
    assert signing in announced
    after = TokenSigner(keys).issue(claims())
    assert after[:9] != before[:9]
    elsewhere.verify(after)
    elsewhere.verify(before)


def test_old_keys_go_when_no_token_of_theirs_can_live(keys, monkeypatch):
    start = clock.timestamp()
    for hours in (1, 2, 3, 4):
        monkeypatch.setattr(clock, 'timestamp', lambda hours=hours: start + hours * 3600)
        keys.rotate(lifetime=3600)
    assert len(keys.published()) == 4  # next, signing, and those that stopped signing within the last hour
    token = TokenSigner(keys).issue(claims(expires_at=start + 9 * 3600))
    assert TokenVerifier(keys, Revocations()).verify(token)


def test_create_changes_nothing_the_second_time(keys):
    before = keys.published()
    assert keys.create() is False
    assert keys.published() == before


def test_another_process_sees_a_rotation(tmp_path, keys, monkeypatch):
    other = SigningKeys(tmp_path / 'keys')
    assert other.published() == keys.published()
    keys.rotate(3600)
    moment = clock.monotonic() + 60
    monkeypatch.setattr(clock, 'monotonic', lambda: moment)
    assert other.signing()[0] == keys.signing()[0]


def test_without_keys_the_answer_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        TokenSigner(SigningKeys(tmp_path / 'none')).issue(claims())

    def down():
        raise Unavailable()

    with pytest.raises(Unavailable):
        TokenVerifier(PublishedKeys(down), Revocations()).verify(TokenSigner(_fresh(tmp_path)).issue(claims()))


def _fresh(tmp_path):
    keys = SigningKeys(tmp_path / 'fresh')
    keys.create()
    return keys


def test_unknown_key_ids_cannot_make_a_service_ask_identity_for_each(keys):
    asked = []

    def fetch():
        asked.append(1)
        return {'keys': keys.published()}

    verifier = TokenVerifier(PublishedKeys(fetch), Revocations())
    verifier.verify(TokenSigner(keys).issue(claims()))
    for number in range(50):
        raw = number.to_bytes(4, 'big') + bytes(150)
        with pytest.raises(Unauthorized):
            verifier.verify('pl1.' + base64.urlsafe_b64encode(raw).rstrip(b'=').decode())
    assert len(asked) == 1


def event(number=1, **what):
    now = clock.timestamp()
    return Revocation(id=number, issued_before=now + 1, expires_at=now + 3600, **what)


OWN, CHAIN, PROJECT, USER = new_audit_id(), new_audit_id(), new_hex_id(), new_hex_id()
SUBJECT = claims(
    user_id=USER,
    project_id=PROJECT,
    audit_ids=(OWN, CHAIN),
    roles=frozenset({'member', 'reader'}),
    user_domain_id='ud',
    project_domain_id='pd',
)
DOMAIN_TOKEN = dataclasses.replace(SUBJECT, project_id=None, project_domain_id=None, domain_id='dd')


@pytest.mark.parametrize(
    ('what', 'revoked'),
    [
        ({'audit_id': OWN}, True),
        ({'audit_id': CHAIN}, False),
        ({'audit_chain_id': CHAIN}, True),
        ({'user_id': USER}, True),
        ({'user_id': new_hex_id()}, False),
        ({'user_id': USER, 'project_id': PROJECT}, True),
        ({'user_id': USER, 'project_id': new_hex_id()}, False),
        ({'user_id': USER, 'scope': 'system'}, False),
        ({'user_id': USER, 'domain_id': 'pd', 'scope': 'domain'}, False),
        ({'project_id': PROJECT}, True),
        ({'domain_id': 'ud'}, True),
        ({'domain_id': 'pd'}, True),
        ({'domain_id': 'other'}, False),
        ({'role': 'member'}, True),
        ({'role': 'admin'}, False),
        ({'trust_id': new_hex_id()}, False),
    ],
)
def test_an_event_revokes_what_it_names_and_nothing_else(what, revoked):
    revocations = Revocations()
    revocations.add([event(**what)])
    assert revocations.is_revoked(SUBJECT) is revoked


def test_an_event_may_name_one_domain_scope():
    revocations = Revocations()
    revocations.add([event(user_id=USER, domain_id='dd', scope='domain')])
    assert revocations.is_revoked(DOMAIN_TOKEN)
    assert not revocations.is_revoked(SUBJECT)


def test_tokens_issued_after_the_event_are_good():
    revocations = Revocations()
    revocations.add([event(user_id=USER)])
    assert not revocations.is_revoked(dataclasses.replace(SUBJECT, issued_at=clock.timestamp() + 2))


def test_a_remembered_token_is_refused_as_soon_as_it_is_revoked(keys, verifier, revocations):
    subject = claims(audit_ids=(OWN,))
    token = TokenSigner(keys).issue(subject)
    verifier.verify(token)
    revocations.add([event(audit_id=OWN)])
    with pytest.raises(Unauthorized):
        verifier.verify(token)


def test_events_survive_the_wire_and_are_taken_once():
    sent = event(7, user_id=USER, project_id=PROJECT)
    revocations = Revocations()
    assert revocations.add([Revocation.from_message(sent.to_message())]) == 1
    assert revocations.add([sent]) == 0
    assert revocations.latest_id == 7


def test_events_are_forgotten_when_nothing_alive_can_match(monkeypatch):
    revocations = Revocations()
    revocations.add([event(1, user_id=USER), event(2, audit_id=OWN)])
    later = clock.timestamp() + 3601
    monkeypatch.setattr(clock, 'timestamp', lambda: later)
    assert revocations.prune() == 2
    assert len(revocations) == 0
    assert not revocations.is_revoked(SUBJECT)


def test_what_a_newer_identity_narrows_an_event_by_only_widens_it_here():
    message = event(3, user_id=USER).to_message() | {'moon_phase': 'full'}
    revocations = Revocations()
    revocations.add([Revocation.from_message(message)])
    assert revocations.is_revoked(SUBJECT)


def test_an_event_that_names_nothing_we_know_revokes_nothing():
    revocations = Revocations()
    assert revocations.add([Revocation.from_message({'id': 4, 'issued_before': 2e10, 'expires_at': 2e10, 'moon_phase': 'full'})]) == 1
    assert not revocations.is_revoked(SUBJECT)


def test_the_feed_asks_from_the_last_event_on_and_more_often_while_messages_do_not_arrive():
    asked, stock = [], [event(5, user_id=USER)]

    def fetch(since):
        asked.append(since)
        return {'revocations': [one.to_message() for one in stock]}

    revocations = Revocations()
    feed = RevocationFeed(revocations, fetch, slow=9.0, fast=1.0)
    assert feed.pause == 9.0
    assert feed.poll() == 1
    assert feed.pause == 1.0
    assert feed.poll() == 0
    assert asked == [0, 5]


def test_the_feed_asks_often_while_no_message_can_arrive():
    """The broker is away: what is revoked meanwhile must be known within a second all the same."""
    there = [True]
    feed = RevocationFeed(Revocations(), lambda since: {'revocations': []}, hears=lambda: there[0], slow=9.0, fast=1.0)
    feed.poll()
    assert feed.pause == 9.0
    there[0] = False
    assert feed.pause == 1.0


def test_the_feed_polls_soon_after_the_broker_went_away():
    there, polls = [True], []
    enough = threading.Event()

    def fetch(since):
        polls.append(since)
        if len(polls) > 1:
            enough.set()
        return {'revocations': []}

    feed = RevocationFeed(Revocations(), fetch, hears=lambda: there[0], slow=3600.0, fast=0.02)
    feed.start()
    there[0] = False
    assert enough.wait(60)
    feed.stop()


def test_the_feed_outlives_an_identity_that_does_not_answer():
    def down(since):
        raise Unavailable()

    feed = RevocationFeed(Revocations(), down, slow=9.0, fast=1.0)
    assert feed.poll() == 0
    assert feed.pause == 1.0
