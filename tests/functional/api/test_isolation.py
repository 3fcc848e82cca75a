"""A member of project A neither sees nor touches anything of project B, on any route of any service.

The walk is made of the tables of routes. A route that is new is walked as it is; where the walk has no thing of project B to
put in its path, the test fails and names the route: give `neighbours.py` one of that kind, or say below why it is everybody's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.api.routing import Bound
from tests.functional.api.neighbours import KEY, SERVICES, Neighbours
from tests.functional.cloud import eventually

# Collections that belong to the cloud and not to a project: members may look, and nothing else.
EVERYBODYS = {
    ('identity', 'domains'): 'the domain of the own project',
    ('identity', 'regions'): 'the regions of the cloud',
    ('identity', 'registered_limits'): 'the limits of the cloud',
    ('network', 'extensions'): 'what the API can do',
    ('compute', 'flavors'): 'the sizes on offer',
    ('compute', 'extensions'): 'what the API can do',
    ('volume', 'types'): 'the types on offer',
    ('image', 'schemas'): 'the form of answers',
}
# Routes whose parameter is a project and whose answer says nothing about it.
HARMLESS = {
    ('GET', '/v2.1/{project}/os-quota-sets/{target}/defaults'): 'the defaults of the cloud',
    ('GET', '/v3/{project}/os-quota-sets/{target}/defaults'): 'the defaults of the cloud',
    ('GET', '/v1/shared-images/{member}'): 'what the own project shares with the other',
}
# Where a project is named in the path, 403 says no more than 404 would: whoever asks knew the project's id before.
NAMED_PROJECT = ('os-quota-sets', 'quotas', 'os-simple-tenant-usage')
# POST and PUT without a parameter, which make something of the caller's own: what they may point at is in `references`.
MAKE_OWN = {
    ('identity', '/v3/credentials'), ('image', '/v2/images'), ('image', '/v1/images'), ('volume', '/v3/{project}/volumes'), ('volume', '/v3/{project}/attachments'),
    ('network', '/v2.0/networks'), ('network', '/v2.0/subnets'), ('network', '/v2.0/subnetpools'), ('network', '/v2.0/ports'),
    ('network', '/v2.0/routers'), ('network', '/v2.0/floatingips'), ('network', '/v2.0/security-groups'),
    ('network', '/v2.0/security-group-rules'), ('compute', '/v2.1/{project}/servers'), ('compute', '/v2.1/{project}/os-keypairs'),
}  # fmt: skip


def has_parameter(bound: Bound) -> bool:
    return '{' in bound.route.path.replace('{project}', '')


def shared_reason(service: str, bound: Bound) -> str | None:
    """Why a route has nothing of a project, if so."""
    first = [part for part in bound.route.path.split('/') if part and part != '{project}'][1]
    return EVERYBODYS.get((service, first)) if bound.route.method in ('GET', 'HEAD') else None


def rule_of(bound: Bound, action: str) -> str | None:
    route = bound.route
    policy = route.actions[action].policy or route.policy if route.actions and action else route.policy
    return getattr(policy, 'name', policy)


def seen_by_its_owner(neighbours: Neighbours) -> dict[tuple[str, str], Any]:
    """Everything that the member of B can read of its own, as it is now."""
    found = {}
    for service in SERVICES:
        for bound in neighbours.routes(service):
            path, unknown = neighbours.path_of(service, bound.route.path)
            if bound.route.method != 'GET' or unknown or bound.route.stream or 'tenant-usage' in path:  # hours go on by themselves
                continue
            status, data = neighbours.ask(neighbours.theirs, 'GET', service, path)
            if status < 300:
                found[service, path] = json.loads(data) if data[:1] in (b'{', b'[') else data
            elif has_parameter(bound) and not neighbours.admin_only(service, rule_of(bound, '')):
                assert service == 'identity' and status == 403, (service, bound.route.path, status, data)
    return found


@pytest.fixture(scope='module')
def world(neighbours: Neighbours) -> Iterator[Neighbours]:
    """The two projects; what B has must be the same after all tests of this module."""
    before = seen_by_its_owner(neighbours)
    assert len(before) > 50, 'the control has lost its way: the owner hardly sees anything'
    yield neighbours
    after = seen_by_its_owner(neighbours)
    assert {key: after.get(key) for key in before} == before


@pytest.mark.parametrize('service', SERVICES)
def test_every_route_with_a_parameter(world: Neighbours, service: str) -> None:
    """With B's ids in the path: 404, or 403 where a member may not do that in its own project either."""
    wrong, homeless, walked = [], set(), 0
    for bound in world.routes(service):
        if not has_parameter(bound):
            continue
        path, unknown = world.path_of(service, bound.route.path)
        for action, body in world.bodies_of(service, bound):
            status, data = world.ask(world.mine, bound.route.method, service, path, body)
            walked += 1
            forbidden = service == 'identity' or world.admin_only(service, rule_of(bound, action)) or any(n in path for n in NAMED_PROJECT)
            if (status == 403 and forbidden) or (status == 404 and not unknown):
                continue
            if shared_reason(service, bound) or (bound.route.method, bound.route.path) in HARMLESS:
                assert not [secret for secret in world.secrets() - {world.theirs.project_id} if secret in data.decode('utf-8', 'replace')]
            elif unknown:
                homeless.add(f'{bound.route.method} {bound.route.path}: nothing of project B for {", ".join(unknown)} ({status})')
            else:
                wrong.append((bound.route.method, bound.route.path, action, status, data[:200]))
    assert not wrong, wrong
    assert not homeless, '\n'.join(sorted(homeless))
    assert walked > 10


@pytest.mark.parametrize('service', ['volume', 'compute'])
def test_another_project_in_the_path(world: Neighbours, service: str) -> None:
    """`/v2.1/{B}/...` with a token of A is refused, whatever follows."""
    for bound in world.routes(service):
        if bound.of_project:
            path, _ = world.path_of(service, bound.route.path.replace('/{project}', '/-project-'))
            path = path.replace('-project-', world.theirs.project_id)
            for action, body in world.bodies_of(service, bound):
                status, data = world.ask(world.mine, bound.route.method, service, path, body)
                assert status in (400, 403, 404), (bound.route.method, bound.route.path, action, status, data[:200])


@pytest.mark.parametrize('service', SERVICES)
def test_lists_show_nothing(world: Neighbours, service: str) -> None:
    """Every GET without a parameter, as it is and with every way to ask for more."""
    project, user = world.theirs.project_id, world.names['theirs-user']
    queries = (
        '', f'project_id={project}', f'tenant_id={project}', 'all_tenants=1', f'all_tenants=1&project_id={project}', f'owner={project}',
        'visibility=private', 'visibility=all', 'member_status=all', f'member_status=all&owner={project}', f'user_id={user}',
        f'user={user}', f'scope.project.id={project}', 'shared=true', 'shared=false', f'resource={world.things["compute", "servers"]}',
    )  # fmt: skip
    asked = 0
    for bound in world.routes(service):
        if bound.route.method != 'GET' or has_parameter(bound):
            continue
        path, _ = world.path_of(service, bound.route.path)
        if path == '/v3/auth/tokens':
            assert world.ask(world.mine, 'GET', service, path)[0] in (403, 404)
            continue
        named = [f'name=theirs-{bound.resource.singular}', *(f'id={value}' for (of, _), value in world.things.items() if of == service)]
        for query in (*queries, *named):
            status, data = world.ask(world.mine, 'GET', service, f'{path}?{query}')
            assert status < 500, (path, query, data)
            text = data.decode('utf-8', 'replace') if status < 400 else ''
            shown = [secret for secret in world.secrets() if secret in text.replace(query, '')]
            assert not shown, (path, query, shown, text[:500])
            asked += status < 300
    assert asked > 5, asked


@pytest.mark.parametrize('service', SERVICES)
def test_writes_without_a_parameter(world: Neighbours, service: str) -> None:
    """They are for administrators, or make something of one's own; in a token's case, that of another is refused."""
    homeless = []
    for bound in world.routes(service):
        if bound.route.method in ('GET', 'HEAD') or has_parameter(bound) or (service, bound.route.path) in MAKE_OWN:
            continue
        path, _ = world.path_of(service, bound.route.path)
        for action, body in world.bodies_of(service, bound):
            status, data = world.ask(world.mine, bound.route.method, service, path, body)
            if status not in (403, 404):
                homeless.append((bound.route.method, bound.route.path, action, status, data[:200]))
    assert not homeless, 'no place in MAKE_OWN and not refused either: ' + str(homeless)


# -- what is one's own, pointing at what is another's


@pytest.fixture(scope='module')
def own(world: Neighbours) -> dict[str, str]:
    """What project A has, by kind."""

    def one(kind: str, plural: str = '', **values: Any) -> str:
        made = world.make('network', f'/v2.0/{plural or kind + "s"}', {kind: {'name': 'own', **values}}, world.mine)[kind]['id']
        return str(made)

    network = one('network')
    subnet = one('subnet', network_id=network, cidr='10.42.0.0/24', ip_version=4)
    router = one('router', external_gateway_info={'network_id': world.outside})
    group = one('security_group', 'security-groups')
    port, spare = one('port', network_id=network), one('port', network_id=network)
    pool = one('subnetpool', prefixes=['10.98.0.0/16'], default_prefixlen=24)
    world.make('network', f'/v2.0/routers/{router}/add_router_interface', {'subnet_id': subnet}, world.mine, 'PUT')
    other = one('network')
    inside = one('subnet', network_id=other, cidr='10.43.0.0/24', ip_version=4)
    empty, further = one('network'), one('network')
    one('subnet', network_id=further, cidr='10.45.0.0/24', ip_version=4)
    lone = one('port', network_id=further)
    floating = world.make('network', '/v2.0/floatingips', {'floatingip': {'floating_network_id': world.outside}}, world.mine)
    body = {'name': 'own', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'private'}
    image = world.make('image', '/v2/images', body, world.mine)['id']
    world.make('image', f'/v2/images/{image}/file', b'\0' * 4096, world.mine, 'PUT')
    volume, disk = (world.make('volume', '/v3/volumes', {'volume': {'size': 1}}, world.mine)['volume']['id'] for _ in range(2))
    for made in (volume, disk):
        world.mine.wait('volumev3', f'/volumes/{made}', 'volume', 'available')
    server = {'name': 'own', 'imageRef': image, 'flavorRef': 'small', 'networks': [{'uuid': network}]}
    server = world.make('compute', '/v2.1/servers', {'server': server}, world.mine)['server']['id']
    world.mine.wait('compute', f'/servers/{server}', 'server', 'ACTIVE')
    eventually(lambda: world.make('compute', f'/v2.1/servers/{server}', None, world.mine, 'GET')['server']['OS-EXT-STS:task_state'] is None)
    return {
        'network': network, 'subnet': inside, 'router': router, 'group': group, 'port': port, 'spare': spare, 'subnetpool': pool,
        'floating': floating['floatingip']['id'], 'image': image, 'volume': volume, 'server': server, 'project': world.mine.project_id,
        'fixed': subnet, 'empty': empty, 'lone': lone, 'disk': disk,
    }  # fmt: skip


@pytest.fixture(scope='module')
def foreign(world: Neighbours) -> dict[str, str]:
    """The same kinds, of project B."""
    kinds = {
        'network': 'networks', 'subnet': 'subnets', 'router': 'routers', 'group': 'security-groups', 'port': 'ports',
        'subnetpool': 'subnetpools', 'floating': 'floatingips',
    }  # fmt: skip
    found = {kind: world.things['network', plural] for kind, plural in kinds.items()}
    more = {'image': world.names['theirs-private-image'], 'volume': world.volume, 'server': world.things['compute', 'servers']}
    return (
        found
        | more
        | {
            'project': world.theirs.project_id,
            'spare': found['port'],
            'fixed': found['subnet'],
            'lone': found['port'],
            'disk': world.volume,
        }
    )


Ids = dict[str, str]
Reference = tuple[str, str, Callable[[Ids], str], Callable[[Ids, Ids], Any]]


def server_of(own: Ids, **values: Any) -> dict[str, Any]:
    """A body that makes a server of one's own, but for what is given."""
    base = {'name': 'own', 'imageRef': own['image'], 'flavorRef': 'small', 'networks': [{'uuid': own['network']}]}
    return {'server': {**base, **values}}


# service, method, path (of the own things), body (of the own things and those that it points at)
NETWORK: dict[str, tuple[str, Callable[[Ids], str], Callable[[Ids, Ids], Any]]] = {
    'a network for a project': ('POST', lambda o: 'networks', lambda o, x: {'network': {'project_id': x['project']}}),
    'a router for a project': ('POST', lambda o: 'routers', lambda o, x: {'router': {'tenant_id': x['project']}}),
    'a group for a project': ('POST', lambda o: 'security-groups', lambda o, x: {'security_group': {'name': 'g', 'project_id': x['project']}}),
    'a pool for a project': ('POST', lambda o: 'subnetpools', lambda o, x: {'subnetpool': {'name': 'p', 'prefixes': ['10.97.0.0/16'], 'project_id': x['project']}}),
    'a port for a project': ('POST', lambda o: 'ports', lambda o, x: {'port': {'network_id': o['network'], 'project_id': x['project']}}),
    'an address for a project': ('POST', lambda o: 'floatingips', lambda o, x: {'floatingip': {'floating_network_id': o['outside'], 'project_id': x['project']}}),
    'a subnet in a network': ('POST', lambda o: 'subnets', lambda o, x: {'subnet': {'network_id': x['network'], 'cidr': '10.44.0.0/24', 'ip_version': 4}}),
    'a subnet from a pool': ('POST', lambda o: 'subnets', lambda o, x: {'subnet': {'network_id': o['empty'], 'subnetpool_id': x['subnetpool'], 'ip_version': 4}}),
    'a port in a network': ('POST', lambda o: 'ports', lambda o, x: {'port': {'network_id': x['network']}}),
    'a port with a group': ('POST', lambda o: 'ports', lambda o, x: {'port': {'network_id': o['network'], 'security_groups': [x['group']]}}),
    'a port in a subnet': ('POST', lambda o: 'ports', lambda o, x: {'port': {'network_id': o['network'], 'fixed_ips': [{'subnet_id': x['fixed']}]}}),
    'a port gets a group': ('PUT', lambda o: f'ports/{o["port"]}', lambda o, x: {'port': {'security_groups': [x['group']]}}),
    'an address on a port': ('POST', lambda o: 'floatingips', lambda o, x: {'floatingip': {'floating_network_id': o['outside'], 'port_id': x['port']}}),
    'an address moves to a port': ('PUT', lambda o: f'floatingips/{o["floating"]}', lambda o, x: {'floatingip': {'port_id': x['spare']}}),
    'a rule in a group': ('POST', lambda o: 'security-group-rules', lambda o, x: {'security_group_rule': {'security_group_id': x['group'], 'direction': 'ingress', 'protocol': 'udp'}}),
    'a rule about a group': ('POST', lambda o: 'security-group-rules', lambda o, x: {'security_group_rule': {'security_group_id': o['group'], 'remote_group_id': x['group'], 'direction': 'ingress'}}),
    'a router into a subnet': ('PUT', lambda o: f'routers/{o["router"]}/add_router_interface', lambda o, x: {'subnet_id': x['subnet']}),
    'a router onto a port': ('PUT', lambda o: f'routers/{o["router"]}/add_router_interface', lambda o, x: {'port_id': x['lone']}),
}  # fmt: skip  # noqa: E501
OTHERS: dict[str, Reference] = {
    'an image for a project': ('image', 'POST', lambda o: '/v2/images', lambda o, x: {'name': 'i', 'owner': x['project']}),
    'a volume of an image': ('volume', 'POST', lambda o: '/v3/volumes', lambda o, x: {'volume': {'size': 1, 'imageRef': x['image']}}),
    'a volume of a volume': ('volume', 'POST', lambda o: '/v3/volumes', lambda o, x: {'volume': {'size': 1, 'source_volid': x['volume']}}),
    'an attachment': ('volume', 'POST', lambda o: '/v3/attachments', lambda o, x: {'attachment': {'volume_uuid': x['volume'], 'instance_uuid': o['server']}}),
    'a server of an image': ('compute', 'POST', lambda o: '/v2.1/servers', lambda o, x: server_of(o, imageRef=x['image'])),
    'a server in a network': ('compute', 'POST', lambda o: '/v2.1/servers', lambda o, x: server_of(o, networks=[{'uuid': x['network']}])),
    'a server on a port': ('compute', 'POST', lambda o: '/v2.1/servers', lambda o, x: server_of(o, networks=[{'port': x['port']}])),
    'a server with a group': ('compute', 'POST', lambda o: '/v2.1/servers', lambda o, x: server_of(o, security_groups=[{'name': x['group']}])),
    'a server gets a group': ('compute', 'POST', lambda o: f'/v2.1/servers/{o["server"]}/action', lambda o, x: {'addSecurityGroup': {'name': x['group']}}),
    'a server gets a network': ('compute', 'POST', lambda o: f'/v2.1/servers/{o["server"]}/os-interface', lambda o, x: {'interfaceAttachment': {'net_id': x['network']}}),
    'a server gets a port': ('compute', 'POST', lambda o: f'/v2.1/servers/{o["server"]}/os-interface', lambda o, x: {'interfaceAttachment': {'port_id': x['port']}}),
    'a server gets a volume': ('compute', 'POST', lambda o: f'/v2.1/servers/{o["server"]}/os-volume_attachments', lambda o, x: {'volumeAttachment': {'volumeId': x['disk']}}),
}  # fmt: skip  # noqa: E501
REFERENCES: dict[str, Reference] = {
    **{name: ('network', method, lambda o, path=path: f'/v2.0/{path(o)}', body) for name, (method, path, body) in NETWORK.items()},
    **OTHERS,
}


@pytest.mark.parametrize('what', REFERENCES)
def test_nothing_points_at_anothers(world: Neighbours, own: Ids, foreign: Ids, what: str) -> None:
    """With B's id in the body it is refused; with A's own in the same place it is not, so the refusal was about the id."""
    service, method, path, body = REFERENCES[what]
    mine = {**own, 'outside': world.outside}
    status, data = world.ask(world.mine, method, service, path(mine), body(mine, foreign))
    assert status in (400, 403, 404), (what, status, data)

    def told() -> tuple[int, bytes] | None:
        answer = world.ask(world.mine, method, service, path(mine), body(mine, mine))
        return None if b'is being copied' in answer[1] else answer  # by the case before

    status, data = eventually(told, what='the end of the copy')
    assert status < 300 or status == 409 or b'cannot be made from' in data, (what, status, data)


def test_a_server_never_starts_on_anothers_volume(world: Neighbours, own: Ids) -> None:
    disk = {'boot_index': 0, 'uuid': world.volume, 'source_type': 'volume', 'destination_type': 'volume'}
    body = server_of({**own, 'image': ''}, block_device_mapping_v2=[disk])
    status, data = world.ask(world.mine, 'POST', 'compute', '/v2.1/servers', body)
    assert status in (400, 403, 404), (status, data)


def test_a_key_of_another_user_is_unknown(world: Neighbours, own: Ids) -> None:
    status, data = world.ask(world.mine, 'POST', 'compute', '/v2.1/servers', server_of(own, key_name='theirs-keypair'))
    assert status == 400, (status, data)
    assert KEY.encode() not in data
