"""Two projects in one simulated cloud, of which one has one of everything, and the table of routes over them."""

from __future__ import annotations

import json
import re
import urllib.parse
import uuid
from collections.abc import Iterator
from typing import Any

from oauthlib import oauth1

from common.api import Application
from common.api.plan import make_plan
from common.api.routing import Bound
from common.context import Context
from common.tokens.access_rules import AccessRule, digest_of
from tests.bench.client import Client
from tests.functional.api.test_every_route import sample
from tests.functional.cloud import TestCloud, eventually
from volume.db.models import Snapshot

SERVICES = ('identity', 'image', 'volume', 'network', 'compute')
CATALOG = {'volume': 'volumev3'}
OCTETS = {'Content-Type': 'application/octet-stream'}
TAG, KEY = 'theirs-tag', 'theirs-key'
ROLES = frozenset({'member', 'reader'})

# What a body has to say where the smallest one that fits the schema is refused for its content.
BODIES: dict[tuple[str, str, str], Any] = {
    ('PATCH', 'image', '/v2/images/{id}'): [{'op': 'replace', 'path': '/name', 'value': 'taken'}],
    ('PUT', 'image', '/v2/images/{id}/members/{member}'): {'status': 'accepted'},
    ('PUT', 'volume', '/v3/{project}/volumes/{id}'): {'volume': {'name': 'taken'}},
    ('PUT', 'volume', '/v3/{project}/volumes/{id}/metadata/{key}'): {'meta': {KEY: 'taken'}},
    ('PUT', 'volume', '/v3/{project}/snapshots/{id}'): {'snapshot': {'name': 'taken'}},
    ('PUT', 'volume', '/v3/{project}/snapshots/{id}/metadata/{key}'): {'meta': {KEY: 'taken'}},
    ('PUT', 'compute', '/v2.1/{project}/servers/{id}/metadata/{key}'): {'meta': {KEY: 'taken'}},
    ('reboot', 'compute', '/v2.1/{project}/servers/{id}/action'): {'type': 'SOFT'},
}  # fmt: skip


class Neighbours:
    """The cloud; `admin`, `mine` and `theirs` are clients of it; `things` says what project B has: {(service, collection): id}."""

    def __init__(self, cloud: TestCloud) -> None:
        self.cloud = cloud
        self.admin = cloud.client()
        self.names: dict[str, str] = {}
        self.answers: list[tuple[str, str, str, int, str, bytes]] = []
        self.third = self._project('third')['id']
        self.mine, self.theirs = self._member('mine'), self._member('theirs')
        self.things: dict[tuple[str, str], str] = {}
        self._shared()
        self.things |= self._identity() | self._network() | self._image() | self._volume() | self._compute()
        self.apps = {name: cloud.runtime.parts[name].apis[0].application() for name in SERVICES}

    # -- asking

    def base(self, service: str) -> str:
        """The address that route paths are appended to."""
        parts = urllib.parse.urlsplit(self.admin.catalog[CATALOG.get(service, service)])
        return f'{parts.scheme}://{parts.netloc}'

    def ask(self, client: Client, method: str, service: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """A request at the newest microversion: (status, body)."""
        headers = {'OpenStack-API-Version': f'{"volume" if service == "volume" else "compute"} latest'}
        if isinstance(body, bytes):
            headers |= OCTETS
        if isinstance(body, list) and service == 'image':
            body, headers['Content-Type'] = json.dumps(body).encode(), 'application/openstack-images-v2.1-json-patch'
        if path.startswith('/v3/auth/tokens'):
            headers['X-Subject-Token'] = self.theirs.token
        status, answered, data = client.raw(method, self.base(service) + path, body, headers=headers)
        self.answers.append((service, method, path, status, answered.get('content-type', ''), data))
        return status, data

    def make(self, service: str, path: str, body: Any, client: Client | None = None, method: str = 'POST') -> Any:
        """A request of project B (or another client) that must succeed; its parsed body."""
        status, data = self.ask(client or self.theirs, method, service, path, body)
        assert status < 300, (method, service, path, status, data)
        return json.loads(data) if data[:1] in (b'{', b'[') else data

    # -- making

    def _project(self, name: str) -> dict[str, Any]:
        return self.make('identity', '/v3/projects', {'project': {'name': name, 'domain_id': 'default'}}, self.admin)['project']

    def _member(self, name: str) -> Client:
        project = self._project(name)['id']
        user = self.make(
            'identity', '/v3/users', {'user': {'name': name, 'domain_id': 'default', 'password': f'{name}-secret'}}, self.admin
        )['user']['id']
        roles = self.make('identity', '/v3/roles?name=member', None, self.admin, 'GET')['roles']
        self.make('identity', f'/v3/projects/{project}/users/{user}/roles/{roles[0]["id"]}', None, self.admin, 'PUT')
        self.names[f'{name}-user'], self.names['member-role'] = user, roles[0]['id']
        return self.cloud.client(name, name, f'{name}-secret')

    def _shared(self) -> None:
        flavor = {'id': 'small', 'name': 'small', 'ram': 64, 'vcpus': 1, 'disk': 1}
        self.make('compute', '/v2.1/flavors', {'flavor': flavor}, self.admin)
        outside = {'name': 'outside', 'router:external': True}
        self.outside = self.make('network', '/v2.0/networks', {'network': outside}, self.admin)['network']['id']
        subnet = {'network_id': self.outside, 'cidr': '198.51.100.0/24', 'ip_version': 4, 'enable_dhcp': False}
        self.make('network', '/v2.0/subnets', {'subnet': subnet}, self.admin)

    def _identity(self) -> dict[tuple[str, str], str]:
        group = self.make('identity', '/v3/groups', {'group': {'name': 'theirs-group', 'domain_id': 'default'}}, self.admin)['group']['id']
        self.make('identity', f'/v3/groups/{group}/users/{self.names["theirs-user"]}', None, self.admin, 'PUT')
        self.make('identity', f'/v3/projects/{self.theirs.project_id}/tags/{TAG}', None, self.admin, 'PUT')
        service = self.make('identity', '/v3/services?type=network', None, self.admin, 'GET')['services'][0]['id']
        what = {'service_id': service, 'resource_name': 'a-limit'}
        self.make('identity', '/v3/registered_limits', {'registered_limits': [{**what, 'default_limit': 5}]}, self.admin)
        limit = {**what, 'project_id': self.theirs.project_id, 'resource_limit': 6}
        limit = self.make('identity', '/v3/limits', {'limits': [limit]}, self.admin)['limits'][0]['id']
        user = self.names['theirs-user']
        credential = {'type': 'cert', 'blob': 'theirs-blob', 'user_id': user, 'project_id': self.theirs.project_id}
        credential = self.make('identity', '/v3/credentials', {'credential': credential})['credential']['id']
        ec2 = self.make('identity', f'/v3/users/{user}/credentials/OS-EC2', {'tenant_id': self.theirs.project_id})['credential']['access']
        rules = [{'service': 'image', 'method': 'GET', 'path': '/v2/images'}]
        made = {'name': 'theirs-application', 'access_rules': rules}
        made = self.make('identity', f'/v3/users/{user}/application_credentials', {'application_credential': made})[
            'application_credential'
        ]
        found = {
            'credentials': credential, 'OS-EC2': ec2, 'application_credentials': made['id'], 'access_rules': made['access_rules'][0]['id'],
            'access-rules': digest_of([AccessRule(**rules[0])]),
            'tokens': self.theirs.token, 'limits': limit, 'projects': self.theirs.project_id, 'users': self.names['theirs-user'], 'groups': group, 'domains': 'default',
            'roles': self.names['member-role'], 'implies': self.names['member-role'], 'tags': TAG,
        }  # fmt: skip
        return {('identity', kind): value for kind, value in (found | self._delegated(user)).items()}

    def _delegated(self, user: str) -> dict[str, str]:
        """What the user of B lets others do: a trust, an OAuth access token, and a request that has been allowed."""
        roles = [{'id': self.names['member-role']}]
        trust = {
            'trustor_user_id': user,
            'trustee_user_id': user,
            'project_id': self.theirs.project_id,
            'impersonation': True,
            'roles': roles,
        }
        trust = self.make('identity', '/v3/OS-TRUST/trusts', {'trust': trust})['trust']['id']
        consumer = self.make('identity', '/v3/OS-OAUTH1/consumers', {'consumer': {'description': 'a program'}}, self.admin)['consumer']

        def signed(step: str, **rest: Any) -> dict[str, str]:
            url = f'{self.base("identity")}/v3/OS-OAUTH1/{step}'
            headers = oauth1.Client(consumer['id'], consumer['secret'], **rest).sign(url, http_method='POST')[1]
            status, _, data = self.theirs.raw('POST', url, None, headers={**headers, 'Requested-Project-Id': self.theirs.project_id})
            assert status == 201, data
            return dict(urllib.parse.parse_qsl(data.decode()))

        asked = [signed('request_token', callback_uri='oob') for _ in range(2)]
        allowed = [self.make('identity', f'/v3/OS-OAUTH1/authorize/{one["oauth_token"]}', {'roles': roles}, method='PUT') for one in asked]
        given = signed(
            'access_token', resource_owner_key=asked[0]['oauth_token'], resource_owner_secret=asked[0]['oauth_token_secret'],
            verifier=allowed[0]['token']['oauth_verifier'],
        )  # fmt: skip
        return {'trusts': trust, 'access_tokens': given['oauth_token'], 'authorize': asked[1]['oauth_token']}

    def _network(self) -> dict[tuple[str, str], str]:
        def one(kind: str, **values: Any) -> str:
            plural = {'security_group': 'security-groups', 'security_group_rule': 'security-group-rules'}.get(kind, f'{kind}s')
            named = {} if kind in ('floatingip', 'security_group_rule') else {'name': f'theirs-{kind}'}
            made = self.make('network', f'/v2.0/{plural}', {kind: {**named, **values}})[kind]['id']
            if kind != 'security_group_rule':
                self.make('network', f'/v2.0/{plural}/{made}/tags/{TAG}', None, method='PUT')
            found['network', plural] = made
            return str(made)

        found: dict[tuple[str, str], str] = {}
        network = one('network')
        subnet = one('subnet', network_id=network, cidr='10.41.0.0/24', ip_version=4)
        one('subnetpool', prefixes=['10.99.0.0/16'], default_prefixlen=24)
        group = one('security_group')
        one('security_group_rule', security_group_id=group, direction='ingress', protocol='tcp')
        port = one('port', network_id=network, security_groups=[group])
        router = one('router', external_gateway_info={'network_id': self.outside})
        self.make('network', f'/v2.0/routers/{router}/add_router_interface', {'subnet_id': subnet}, method='PUT')
        one('floatingip', floating_network_id=self.outside, port_id=port)
        return found | {('network', 'tags'): TAG, ('network', 'quotas'): self.theirs.project_id}

    def _image(self) -> dict[tuple[str, str], str]:
        body = {'name': 'theirs-image', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'private'}
        private = self.make('image', '/v2/images', body)['id']
        self.make('image', f'/v2/images/{private}/file', b'\0' * 4096, method='PUT')
        self.make('image', f'/v2/images/{private}/tags/{TAG}', None, method='PUT')
        shared = self.make('image', '/v2/images', {**body, 'name': 'theirs-shared', 'visibility': 'shared'})['id']
        self.make('image', f'/v2/images/{shared}/file', b'\0' * 4096, method='PUT')
        self.make('image', f'/v2/images/{shared}/members', {'member': self.third})
        self.names['theirs-private-image'] = private
        namespace = {
            'namespace': 'theirs-namespace', 'owner': self.theirs.project_id, 'tags': [{'name': TAG}], 'objects': [{'name': 'theirs-object'}],
            'properties': {'theirs-property': {'title': 'P', 'type': 'string'}}, 'resource_type_associations': [{'name': 'OS::Nova::Server'}],
        }  # fmt: skip
        self.make('image', '/v2/metadefs/namespaces', namespace, self.admin)
        found = {
            'images': shared, 'members': self.third, 'tags': TAG, 'namespaces': 'theirs-namespace', 'objects': 'theirs-object',
            'properties': 'theirs-property', 'resource_types': 'OS::Nova::Server', 'shared-images': self.theirs.project_id,
        }  # fmt: skip
        return {('image', kind): value for kind, value in found.items()}

    def _volume(self) -> dict[tuple[str, str], str]:
        made = self.make('volume', '/v3/volumes', {'volume': {'name': 'theirs-volume', 'size': 1, 'metadata': {KEY: 'theirs-value'}}})
        self.volume = made['volume']['id']
        self.theirs.wait('volumev3', f'/volumes/{self.volume}', 'volume', 'available')
        kept = {'snapshot': {'volume_id': self.volume, 'name': 'theirs-snapshot', 'metadata': {KEY: 'theirs-value'}}}
        snapshot = self.make('volume', '/v3/snapshots', kept)['snapshot']['id']
        self.theirs.wait('volumev3', f'/snapshots/{snapshot}', 'snapshot', 'available')
        with self.cloud.runtime.parts['volume'].service.db.write() as session:
            session.get(Snapshot, snapshot).fault = 'theirs-fault'
        message = self.theirs.ask('GET', 'volumev3', '/messages', headers={'OpenStack-API-Version': 'volume 3.44'})['messages'][0]['id']
        found = {
            'volumes': self.volume, 'snapshots': snapshot, 'metadata': KEY, 'os-quota-sets': self.theirs.project_id, 'messages': message,
        }  # fmt: skip
        return {('volume', kind): value for kind, value in found.items()}

    def _compute(self) -> dict[tuple[str, str], str]:
        self.make('compute', '/v2.1/os-keypairs', {'keypair': {'name': 'theirs-keypair', 'type': 'ssh', 'public_key': PUBLIC}})
        body = {
            'name': 'theirs-server', 'imageRef': self.names['theirs-private-image'], 'flavorRef': 'small', 'key_name': 'theirs-keypair',
            'networks': [{'uuid': self.things_of_network()}], 'metadata': {KEY: 'theirs-value'}, 'tags': [TAG],
        }  # fmt: skip
        server = self.make('compute', '/v2.1/servers', {'server': body})['server']['id']
        path = f'/v2.1/servers/{server}'
        self.theirs.wait('compute', f'/servers/{server}', 'server', 'ACTIVE')
        self.make('compute', f'{path}/os-volume_attachments', {'volumeAttachment': {'volumeId': self.volume}})
        self.theirs.wait('volumev3', f'/volumes/{self.volume}', 'volume', 'in-use')
        eventually(lambda: self.make('compute', path, None, method='GET')['server']['OS-EXT-STS:task_state'] is None)
        attachments = self.make('volume', '/v3/attachments', None, method='GET')['attachments']
        ports = self.make('compute', f'{path}/os-interface', None, method='GET')['interfaceAttachments']
        actions = self.make('compute', f'{path}/os-instance-actions', None, method='GET')['instanceActions']
        found = {
            'servers': server, 'os-keypairs': 'theirs-keypair', 'metadata': KEY, 'tags': TAG, 'ips': 'theirs-network',
            'os-volume_attachments': self.volume, 'os-interface': ports[0]['port_id'], 'os-quota-sets': self.theirs.project_id,
            'os-simple-tenant-usage': self.theirs.project_id,
            'os-instance-actions': actions[-1]['request_id'],
        }  # fmt: skip
        self.things_extra = {'server-port': ports[0]['port_id']}
        return {('compute', kind): value for kind, value in found.items()} | {('volume', 'attachments'): attachments[0]['id']}

    def things_of_network(self) -> str:
        """The network of project B."""
        listed = self.make('network', '/v2.0/networks?name=theirs-network', None, method='GET')
        return str(listed['networks'][0]['id'])

    # -- the table

    def routes(self, service: str) -> Iterator[Bound]:
        """Every route at the newest microversion that asks for a token."""
        app = self.apps[service]
        for bound in app.router.bound:
            if bound.exists_in(app.versions.highest if app.versions else None) and not bound.route.open:
                yield bound

    def path_of(self, service: str, template: str) -> tuple[str, list[str]]:
        """The path with B's things in place of parameters; the collections that B has nothing of."""
        unknown: list[str] = []
        segments: list[str] = []
        for segment in template.replace('/{project}', '', 1).split('/'):
            if segment.startswith('{'):
                kind = segments[-1] if not segments[-1].startswith('{') else segment
                named = [part for part in template.split('/') if part]
                kind = named[named.index(segment) - 1] if segment in named else kind
                value = self.things.get((service, kind))
                if value is None:
                    unknown.append(kind)
                    value = str(uuid.uuid4())
                segment = urllib.parse.quote(value)
            segments.append(segment)
        return '/'.join(segments), unknown

    def bodies_of(self, service: str, bound: Bound) -> Iterator[tuple[str, Any]]:
        """(name of the action or nothing, a body that the route takes)."""
        app: Application = self.apps[service]
        route = bound.route
        plan = make_plan(bound.resource, route, app.versions.highest if app.versions else None, app.dialect)
        given = BODIES.get((route.method, service, route.path))
        if given is not None:
            yield '', given
        elif route.actions is not None:
            for name, (_, body) in plan.actions.items():
                yield name, {name: BODIES.get((name, service, route.path), sample(body.validator.schema) if body.validator else None)}
        elif route.stream:
            yield '', b'\0' * 16
        elif plan.body is None:
            yield '', None
        else:
            inner = sample(plan.body.validator.schema) if plan.body.validator else {}
            yield '', {plan.body.member: inner} if plan.body.member else inner

    def admin_only(self, service: str, rule: str | None) -> bool:
        """Whether a member may not do that even in its own project."""
        ctx = Context('r', 'r', user_id=self.names['mine-user'], project_id=self.mine.project_id, roles=ROLES)
        return rule is not None and not self.apps[service].policy.check(ctx, rule)

    def secrets(self) -> set[str]:
        """What no answer to project A may hold: identifiers of B's things, and names."""
        ids = {value for value in self.things.values() if re.fullmatch('[0-9a-f-]{32,}|req-.*', value)}
        return (ids - {self.names['member-role'], self.third}) | {self.names['theirs-private-image'], self.theirs.project_id, 'theirs-'}


PUBLIC = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl theirs@example'
