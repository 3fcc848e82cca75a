"""How another service checks tokens: with keys fetched once, and revocations that come by message or by asking."""

from __future__ import annotations

import pytest

from common.config import Settings
from common.errors import Unauthorized
from common.messaging import Broker
from common.rest import HttpTransport, RestClient
from common.rest.client import ServiceToken
from common.runtime import Runtime
from common.tokens import PublishedKeys, RevocationFeed, Revocations, TokenVerifier
from common.tokens.contract import TokenNews, TokenNewsListener
from tests.functional.cloud import eventually
from tests.ports import free_port


class Elsewhere:
    """A service on another host: what it asks identity is counted."""

    def __init__(self, cloud):
        self.asked = []
        transport = HttpTransport()
        token = ServiceToken(transport, cloud.url, 'compute', 's' * 40, 'service')
        self.identity = RestClient(transport, cloud.url, token, 'identity')
        self.revocations = Revocations()
        self.verifier = TokenVerifier(PublishedKeys(lambda: self.get('/v3/pileus/token-keys')), self.revocations)
        self.feed = RevocationFeed(self.revocations, lambda since: self.get(f'/v3/pileus/revocations?since={since}'))

    def get(self, path):
        self.asked.append(path)
        return self.identity.get(path)


@pytest.fixture
def elsewhere(cloud):
    return Elsewhere(cloud)


def demo_token(cloud):
    return cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default').token


def test_many_tokens_cost_one_request(cloud, elsewhere):
    for _ in range(5):
        for token in (demo_token(cloud), cloud.client().token):
            claims = elsewhere.verifier.verify(token)
            assert claims.project_id and 'reader' in claims.roles
            for _ in range(100):
                elsewhere.verifier.verify(token)
    assert elsewhere.asked == ['/v3/pileus/token-keys']


def test_the_claims_are_what_a_service_needs(cloud, elsewhere, demo):
    claims = elsewhere.verifier.verify(demo.token)
    ctx = claims.context('req-1', 'req-0', remote_address='192.0.2.1')
    shown = demo.ok('GET', '/v3/auth/tokens', X_Subject_Token=demo.token)['token']
    assert (ctx.user_id, ctx.project_id) == (shown['user']['id'], shown['project']['id'])
    assert (ctx.user_name, ctx.project_name) == ('demo', 'demo')
    assert (ctx.user_domain_id, ctx.project_domain_id) == ('default', 'default')
    assert ctx.roles == {'member', 'reader'} and not ctx.is_admin
    assert ctx.audit_ids == tuple(shown['audit_ids'])


def test_asking_finds_what_was_revoked(cloud, elsewhere, admin):
    token = demo_token(cloud)
    elsewhere.feed.poll()
    elsewhere.verifier.verify(token)
    admin.ok('DELETE', '/v3/auth/tokens', X_Subject_Token=token, status=204)
    assert elsewhere.verifier.verify(token)  # nobody has told it yet
    assert elsewhere.feed.poll() == 1
    with pytest.raises(Unauthorized):
        elsewhere.verifier.verify(token)
    elsewhere.verifier.verify(demo_token(cloud))


def test_a_message_tells_at_once(cloud, elsewhere, admin):
    token = demo_token(cloud)
    elsewhere.verifier.verify(token)
    broker = Broker(cloud.runtime.broker.url)
    broker.serve(TokenNews, TokenNewsListener(elsewhere.revocations), host='elsewhere', workers=1)
    try:
        # The first event makes sure that the other end listens.
        eventually(lambda: _revoke_one(cloud, admin) and len(elsewhere.revocations))
        admin.ok('DELETE', '/v3/auth/tokens', X_Subject_Token=token, status=204)
        eventually(lambda: _refused(elsewhere, token))
    finally:
        broker.close()
    assert elsewhere.asked == ['/v3/pileus/token-keys']


def _revoke_one(cloud, admin):
    admin.ok('DELETE', '/v3/auth/tokens', X_Subject_Token=demo_token(cloud), status=204)
    return True


def _refused(elsewhere, token):
    try:
        elsewhere.verifier.verify(token)
    except Unauthorized:
        return True
    return False


def test_only_services_may_read_revocations(cloud, demo):
    assert demo('GET', '/v3/pileus/revocations').status_code == 403
    assert demo('GET', '/v3/pileus/revocations', token='').status_code == 401
    assert demo('GET', '/v3/pileus/token-keys', token='').status_code == 200


def test_a_second_identity_process_knows_what_the_first_revoked(cloud, admin, tmp_path):
    """Same database and keys, another process: here a second runtime that hears no messages of the first."""
    first = cloud.runtime.settings
    from common.config import ServiceOptions

    overrides = {
        'service': {'state_dir': first.get(ServiceOptions).state_dir, 'host': 'second'},
        'endpoints': {'identity': f'http://127.0.0.1:{free_port()}'},
        'messaging': {'url': f'pileus-memory://{tmp_path.name}'},
    }
    second = Runtime(Settings.load(overrides=overrides))
    second.build(['identity'])
    old, young = demo_token(cloud), demo_token(cloud)
    admin.ok('DELETE', '/v3/auth/tokens', X_Subject_Token=old, status=204)
    second.start()
    try:
        verifier = second.verifier
        with pytest.raises(Unauthorized):
            verifier.verify(old)
        assert verifier.verify(young)
        admin.ok('DELETE', '/v3/auth/tokens', X_Subject_Token=young, status=204)
        second.parts['identity'].service.learn_revocations()  # or it has done so by itself a moment ago
        with pytest.raises(Unauthorized):
            verifier.verify(young)
    finally:
        second.stop(1.0)
