"""Access rules: which requests they allow, and how often they are asked for."""

from __future__ import annotations

import pytest
import webob

from common.errors import NotFound, Unauthorized, Unavailable
from common.middleware.authenticate import Authenticate
from common.tokens import AccessRule, Claims, RuleBook
from common.tokens.access_rules import PathPattern, digest_of


@pytest.mark.parametrize(
    ('pattern', 'path', 'fits'),
    [
        ('/v2/images', '/v2/images', True),
        ('/v2/images', '/v2/images/', True),
        ('/v2/images', '/v2/images/1', False),
        ('/v2/images', '/v2/Images', False),
        ('/v2.1/servers', '/v2x1/servers', False),
        ('/v2/images/*', '/v2/images/1', True),
        ('/v2/images/*', '/v2/images/', False),
        ('/v2/images/*', '/v2/images/1/file', False),
        ('/v2/images/{image_id}', '/v2/images/1', True),
        ('/v2/images/{image_id}', '/v2/images/1/2', False),
        ('/v2.1/servers/*/ips', '/v2.1/servers/1/ips', True),
        ('/v2.1/servers/*/ips', '/v2.1/servers//ips', False),
        ('/v2.1/servers/*/ips', '/v2.1/servers/1/2/ips', False),
        ('/v2.1/{project}/servers/{id}/ips/*', '/v2.1/p/servers/1/ips/net', True),
        ('/v2/**', '/v2/images/1/file', True),
        ('/v2/**', '/v2', False),
        ('/v2/**', '/v20/images', False),
        ('/v2/**/file', '/v2/images/1/file', True),
        ('/v2/**/file', '/v2/file', False),
        ('/v2/a*c', '/v2/abbc', True),
        ('/v2/a*c', '/v2/ac', False),
        ('/v2/a*c', '/v2/a/c', False),
        ('/**', '/anything/at/all', True),
        ('/v2/{', '/v2/{', True),
        ('/v2/(a|b)+', '/v2/a', False),
        ('/v2/.*', '/v2/images', False),
    ],
)
def test_patterns(pattern, path, fits):
    assert PathPattern(pattern).matches(path) is fits


def test_a_nasty_pattern_takes_no_time():
    """A translation into a regular expression would try this for ages."""
    assert not PathPattern('/' + '*a' * 60).matches('/' + 'a' * 2000 + 'b')
    assert not PathPattern('/' + '**a' * 40).matches('/' + 'a' * 2000 + 'b')


def test_the_order_of_rules_does_not_matter():
    first, second = AccessRule('image', 'GET', '/v2/images'), AccessRule('compute', 'GET', '/v2.1/servers')
    assert digest_of([first, second]) == digest_of([second, first]) != digest_of([first])
    assert len(digest_of([first])) == 32


class Identity:
    """Counts who asks for rules."""

    def __init__(self, rules):
        self.rules, self.asked = rules, []

    def __call__(self, digest):
        self.asked.append(digest)
        if digest not in self.rules:
            raise NotFound('set of access rules', digest)
        return self.rules[digest]


RULE = {'service': 'image', 'method': 'GET', 'path': '/v2/images'}


def test_rules_are_fetched_once():
    identity = Identity({'d': [RULE]})
    book = RuleBook(identity)
    for _ in range(3):
        book.check('d', 'image', 'GET', '/v2/images')
    for api, method, path in (('compute', 'GET', '/v2/images'), ('image', 'POST', '/v2/images'), ('image', 'GET', '/v2/images/1')):
        with pytest.raises(Unauthorized, match='access rules'):
            book.check('d', api, method, path)
    assert identity.asked == ['d']
    with pytest.raises(Unauthorized):
        book.check('gone', 'image', 'GET', '/v2/images')


def test_what_is_kept_is_bounded():
    identity = Identity({str(i): [RULE] for i in range(50)})
    book = RuleBook(identity, most=10)
    for i in range(50):
        book.check(str(i), 'image', 'GET', '/v2/images')
    assert len(book._known) == 10


def test_services_go_by_all_their_names():
    rules = [{'service': name, 'method': 'GET', 'path': f'/v3/{name}'} for name in ('block-storage', 'volumev3', 'volume')]
    book = RuleBook(Identity({'d': rules}))
    for rule in rules:
        book.check('d', 'volume', 'GET', rule['path'])


def test_rules_that_cannot_be_learnt_allow_nothing():
    def away(digest):
        raise Unavailable('identity')

    with pytest.raises(Unavailable):
        RuleBook(away).check('d', 'image', 'GET', '/v2/images')


class Tokens:
    """A verifier that knows some tokens, and their rules."""

    access_rules = RuleBook(Identity({'d': [RULE, {**RULE, 'path': '/v2/ö'}]}))

    def verify(self, token):
        roles, digest = {'user': ({'member'}, 'd'), 'service': ({'service'}, None), 'bound service': ({'service'}, 'd')}[token]
        return Claims('u1', 'default', 1.0, 9e9, roles=frozenset(roles), project_id='p1', access_rules_digest=digest)

    verify_late = verify


def caller(path, method='GET', api='image', **headers):
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        start_response('200 OK', [])
        return []

    headers = {'X-Auth-Token': 'user', **{name.replace('_', '-'): value for name, value in headers.items()}}
    webob.Request.blank(path, method=method, headers=headers).get_response(Authenticate(app, Tokens(), api=api))
    return seen['pileus.context']


def test_requests_are_held_against_the_rules():
    assert caller('/v2/images').user_id == 'u1'
    assert caller('/v2/images?limit=1').user_id == 'u1'
    assert caller('/v2/%C3%B6').user_id == 'u1'
    assert caller('/v2/images', 'POST').is_anonymous
    assert caller('/v2/images', 'HEAD').is_anonymous
    assert caller('/v2/images', api='compute').is_anonymous
    assert caller('/v2/images%2F1').is_anonymous


def test_what_a_service_does_for_a_user_is_not():
    assert caller('/v2/images/1', X_Service_Token='service').user_id == 'u1'
    assert caller('/v2/images/1', X_Service_Token='user').is_anonymous
    assert caller('/v2/images/1', X_Service_Token='bound service').is_anonymous


def test_a_token_may_always_be_looked_at():
    assert caller('/v3/auth/tokens', api='identity').user_id == 'u1'
    assert caller('/v3/auth/tokens', 'DELETE', api='identity').is_anonymous
    assert caller('/v3/auth/tokens', api='image').is_anonymous
