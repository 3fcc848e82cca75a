"""System, domain and project x admin, manager, member, reader; a service; somebody without a role: what each may do, everywhere.

What is expected stands in `personas.py`, by hand. It is asked of the rules of all operations, and of the running services for everything
that can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from common.context import Context
from common.policy import Policy
from common.policy_commands import rules_of
from tests.functional.api.neighbours import SERVICES, Neighbours
from tests.functional.api.personas import (
    ALL,
    AUDITORS,
    CLOUD,
    DOMAIN,
    ELSEWHERE,
    IDENTITY,
    KINDS,
    PROJECT,
    ROLES,
    SCOPES,
    SERVICE,
    kind_of,
    line_of,
)
from tests.functional.api.test_isolation import rule_of


def caller(name: str) -> Context:
    """What the token of a persona says."""
    scope, _, role = name.partition(' ')
    place: dict[str, Any] = {
        'system': {'system_scope': 'all'},
        'domain': {'domain_id': 'home-domain'},
        'project': {'project_id': 'home-project', 'project_domain_id': 'home-domain'},
        'service': {'project_id': 'services', 'project_domain_id': 'another-domain'},
        'nobody': {},
    }[scope]
    roles = ROLES.get(role, frozenset({'service'} if scope == 'service' else ()))
    return Context('r', 'r', user_id=f'user of {name}', user_domain_id='third', roles=roles, **place)


def thing(ctx: Context, place: str, user: str, **more: Any) -> dict[str, Any]:
    """Something that belongs to a project and domain (`home` or `abroad`) and to a user."""
    project = f'{place}-project'
    return {
        'project_id': project, 'tenant_id': project, 'owner_id': project, 'domain_id': f'{place}-domain', 'user_id': user, 'trustor_user_id': user,
        'trustee_user_id': user, 'caller_domain_id': ctx.domain_id, 'role_name': 'member', 'visibility': 'private', 'shared': False,
        'external': False, 'reach': 'domain', 'administers': 'no', **more,
    }  # fmt: skip


def who_may(policy: Policy, rule: str, place: str, user: str | None = 'somebody else', **more: Any) -> set[str]:
    """The personas whom a rule lets do it to such a thing; `user` None: a thing of their own."""
    callers = {name: caller(name) for name in ALL}
    return {name for name, ctx in callers.items() if policy.check(ctx, rule, thing(ctx, place, user or ctx.user_id or '', **more))}


@pytest.fixture(scope='module', params=SERVICES)
def policy(request: pytest.FixtureRequest) -> Policy:
    return Policy(rules_of(request.param))


def test_every_operation(policy: Policy) -> None:
    unknown = sorted(name for name in policy.rules if kind_of(name) is None)
    assert not unknown, f'personas.py does not say who may: {", ".join(unknown)}'
    wrong = []
    for rule in policy.rules:
        kind = KINDS[kind_of(rule) or '']
        for place, expected, found in (
            ('at home', kind.home, who_may(policy, rule, 'home')),
            ('abroad', kind.abroad, who_may(policy, rule, 'abroad')),
            ('their own', kind.own, who_may(policy, rule, 'abroad', None)),
        ):
            if found != expected:
                wrong.append(f'{rule}, {place}: too many: {sorted(found - expected)}, too few: {sorted(expected - found)}')
    assert not wrong, '\n'.join(wrong)


def test_no_line_of_the_table_is_left_over() -> None:
    used = {line_of(rule.name) for service in SERVICES for rule in rules_of(service)}
    assert not (set(IDENTITY) | set(ELSEWHERE)) - used


def test_rules_that_look_at_more_than_whose_a_thing_is() -> None:
    identity, image, network = (Policy(rules_of(service)) for service in ('identity', 'image', 'network'))
    for rule in ('identity:grants:create', 'identity:grants:delete'):
        assert who_may(identity, rule, 'home', role_name='admin') == CLOUD | {'domain admin'}
        assert who_may(identity, rule, 'home', role_name='other') == CLOUD | {'domain admin'}
        assert who_may(identity, rule, 'abroad', role_name='reader') == CLOUD
    for visibility in ('public', 'community', 'shared'):
        assert who_may(image, 'image:data:download', 'abroad', visibility=visibility) == ALL - DOMAIN
    assert who_may(network, 'network:networks:show', 'abroad', shared=True) == AUDITORS | PROJECT
    assert who_may(network, 'network:networks:show', 'abroad', external=True) == AUDITORS | PROJECT
    assert who_may(network, 'network:subnetpools:show', 'abroad', shared=True) == AUDITORS | PROJECT


# -- the running services


class Personas:
    """Tokens of the personas; their home is project B of the neighbours and the domain that it is in."""

    def __init__(self, neighbours: Neighbours) -> None:
        self.neighbours = neighbours
        made = {role['name']: role['id'] for role in neighbours.make('identity', '/v3/roles', None, neighbours.admin, 'GET')['roles']}
        project = neighbours.theirs.project_id
        places = {
            'system': ('system', {'system': {'all': True}}),
            'domain': ('domains/default', {'domain': {'id': 'default'}}),
            'project': (f'projects/{project}', {'project': {'id': project}}),
        }
        self.tokens = {'nobody': self._token(self._user('nobody'), 'nobody', 'unscoped')}
        for scope in SCOPES:
            path, wanted = places[scope]
            for role in ROLES:
                name = f'{scope} {role}'
                user = self._user(name)
                neighbours.make('identity', f'/v3/{path}/users/{user}/roles/{made[role]}', None, neighbours.admin, 'PUT')
                self.tokens[name] = self._token(user, name, wanted)

    def _user(self, name: str) -> str:
        user = {'name': f'persona {name}', 'domain_id': 'default', 'password': name}
        return str(self.neighbours.make('identity', '/v3/users', {'user': user}, self.neighbours.admin)['user']['id'])

    def _token(self, user: str, password: str, scope: Any) -> str:
        identity = {'methods': ['password'], 'password': {'user': {'id': user, 'password': password}}}
        client = self.neighbours.admin
        status, headers, data = client.raw(
            'POST', f'{client.auth_url}/auth/tokens', {'auth': {'identity': identity, 'scope': scope}}, token=None
        )
        assert status == 201, data
        return str(headers['x-subject-token'])

    def ask(self, name: str, method: str, service: str, path: str, body: Any = None) -> int:
        """The status of a request of a persona."""
        neighbours, headers = self.neighbours, {'OpenStack-API-Version': f'{"volume" if service == "volume" else "compute"} latest'}
        if path.startswith(('/v3/auth/tokens', '/v3/pileus/token-claims')):
            headers['X-Subject-Token'] = neighbours.theirs.token
        if isinstance(body, bytes):
            headers['Content-Type'] = 'application/octet-stream'
        return int(neighbours.admin.raw(method, neighbours.base(service) + path, body, self.tokens[name], headers)[0])


@pytest.fixture(scope='module')
def personas(neighbours: Neighbours) -> Iterator[Personas]:
    found = Personas(neighbours)
    yield found
    listed = neighbours.make('identity', '/v3/users', None, neighbours.admin, 'GET')['users']
    for user in listed:
        if user['name'].startswith('persona '):
            neighbours.make('identity', f'/v3/users/{user["id"]}', None, neighbours.admin, 'DELETE')


# Routes of which the handler looks at more than the rule does, and who may then.
LOOK_CLOSER = {
    '/v3/system/users/{user_id}/roles': AUDITORS,  # the system is in no domain
    '/v3/system/users/{user_id}/roles/{role_id}': AUDITORS,
    '/v3/system/groups/{group_id}/roles': AUDITORS,
    '/v3/system/groups/{group_id}/roles/{role_id}': AUDITORS,
    '/v3/role_assignments': AUDITORS,  # all there are: those of one domain have to be asked for
    '/v3/limits/{limit_id}': KINDS['readers of the domain and of its projects'].home,
    '/v2/images/{id}/file': KINDS['readers of the project'].home,
    '/v1/images/{id}': KINDS['readers of the project'].home,
    '/v2/info/usage': {'project admin'} | PROJECT,  # of the own project
    '/v2.1/{project}/os-keypairs': KINDS['administrators and the own user'].own,  # the own ones
}


@pytest.mark.parametrize('service', SERVICES)
def test_everything_that_can_be_read(personas: Personas, service: str) -> None:
    """Who may gets the answer that an administrator gets, everybody else 403 or 404."""
    wrong, walked = [], 0
    for bound in personas.neighbours.routes(service):
        route = bound.route
        path, unknown = personas.neighbours.path_of(service, route.path)
        if route.method != 'GET' or unknown or route.policy_name is None or kind_of(route.policy_name) is None or route.hidden:
            continue
        expected = LOOK_CLOSER.get(route.path, KINDS[kind_of(route.policy_name) or ''].home) - SERVICE
        statuses = {name: personas.ask(name, 'GET', service, path) for name in personas.tokens}
        missing = statuses['project admin'] == 404
        refused = {name for name, status in statuses.items() if status == 403 or (status == 404 and not missing)}
        answered = {name for name, status in statuses.items() if status < 300 or status == 400}
        walked += 1
        if refused & expected or answered - expected or set(statuses.values()) - {200, 204, 300, 400, 403, 404, 501}:
            wrong.append(
                f'{route.path} ({route.policy_name}): too many: {sorted(answered - expected)}, too few: {sorted(refused & expected)} {statuses}'
            )
    assert not wrong, '\n'.join(wrong)
    assert walked > 5


@pytest.mark.parametrize('service', SERVICES)
def test_who_may_not_change_a_thing_does_not(personas: Personas, service: str) -> None:
    """Readers, administrators of a domain outside of identity, and nobody: everything that changes something is refused to them."""
    wrong, walked = [], 0
    for bound in personas.neighbours.routes(service):
        path, _ = personas.neighbours.path_of(service, bound.route.path)
        if bound.route.method in ('GET', 'HEAD'):
            continue
        for action, body in personas.neighbours.bodies_of(service, bound):
            rule = rule_of(bound, action)
            kind = KINDS.get(kind_of(rule) or '') if rule else None
            if kind is None or (kind.own != kind.home and '{' not in bound.route.path.replace('{project}', '')):
                continue
            for name in {'project reader', 'system reader', 'domain admin', 'domain reader', 'nobody'} - kind.home:
                status = personas.ask(name, bound.route.method, service, path, body)
                walked += 1
                if status not in (403, 404):
                    wrong.append(f'{name}: {bound.route.method} {bound.route.path} {action} ({rule}): {status}')
    assert not wrong, '\n'.join(wrong)
    assert walked > 20
