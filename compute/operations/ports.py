"""The ports of a server: made, bound to its host, and taken back, through the network API.

Ports that compute makes carry the server's id and, in the binding profile, which only services may write, a mark of the request.
By it what a lost answer made is found again and nothing is made twice, and a user's own port is told from one of ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from compute import network_info

if TYPE_CHECKING:
    from common.operations import Run
    from common.rest import RestClient

OWNER = 'compute:'
_MARK = 'pileus_request'


def mark_of(port: dict[str, Any]) -> str | None:
    """Which request of ours the port was made for; None for a port that a user made."""
    mark = (port.get('binding:profile') or {}).get(_MARK)
    return str(mark) if mark is not None else None


def make(run: Run, network: RestClient) -> dict[str, Any]:
    """Make or bind every port the server was asked for; `network_info`, and `waiting`: ids of those not ACTIVE yet."""
    wanted: list[dict[str, Any]] = run.params.get('networks') or []
    present, known = _present(run, network, wanted), _Known(network, wanted)
    entries, waiting = [], []
    for index, request in enumerate(wanted):
        port = _make_one(run, network, request, str(index), present)
        entries.append(entry(run, network, port, request, known))
        if port['status'] != 'ACTIVE':
            waiting.append(port['id'])
    return {'network_info': entries, 'waiting': waiting}


def make_one(run: Run, network: RestClient, request: dict[str, Any], mark: str) -> dict[str, Any]:
    """Bind the port that a request names to the server and its host, or make one with this mark, unless it is there already.

    Raises Conflict for a port that another server uses, InvalidInput and others as the network service does.
    """
    return _make_one(run, network, request, mark, _present(run, network, [request]))


def _present(run: Run, network: RestClient, wanted: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Ports of ours by mark, left by an attempt whose answer was lost."""
    if run.is_fresh or all(request.get('port') for request in wanted):
        return {}
    found = network.get(f'/v2.0/ports?device_id={run.resource_id}')['ports']
    return {mark: port for port in found if (mark := mark_of(port)) is not None}


def _make_one(run: Run, network: RestClient, request: dict[str, Any], mark: str, present: dict[str, dict[str, Any]]) -> dict[str, Any]:
    port = _bind(network, run, request) if request.get('port') else present.get(mark) or _create(network, run, request, mark)
    if port.get('binding:host_id') != run.host:
        port = network.put(f'/v2.0/ports/{port["id"]}', {'port': {'binding:host_id': run.host}})['port']
    return dict(port)


def _create(network: RestClient, run: Run, request: dict[str, Any], mark: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        'network_id': request['network'],
        'project_id': run.params['project_id'],
        'device_id': run.resource_id,
        'device_owner': _owner(run),
        'binding:host_id': run.host,
        'binding:profile': {_MARK: mark},
        'admin_state_up': True,
    }
    if request.get('fixed_ip'):
        body['fixed_ips'] = [{'ip_address': request['fixed_ip']}]
    if run.params.get('security_groups'):
        body['security_groups'] = run.params['security_groups']
    return network.post('/v2.0/ports', {'port': body})['port']


def _owner(run: Run) -> str:
    zone = (run.outputs.get('choose_host') or {}).get('zone') or run.params.get('zone')
    return f'{OWNER}{zone or "nova"}'


def _bind(network: RestClient, run: Run, request: dict[str, Any]) -> dict[str, Any]:
    try:
        port = network.get(f'/v2.0/ports/{request["port"]}')['port']
    except NotFound:
        raise NotFound(message=f'Port {request["port"]} was deleted before the server could use it.') from None
    if port['device_id'] not in ('', run.resource_id):
        raise Conflict(f'Port {port["id"]} is still in use.')
    body = {'device_id': run.resource_id, 'device_owner': _owner(run), 'binding:host_id': run.host}
    return network.put(f'/v2.0/ports/{port["id"]}', {'port': body})['port']


class _Known:
    """Networks and subnets, asked for once each. `wanted`: what `resolve` gave, which knows its networks already."""

    def __init__(self, network: RestClient, wanted: Iterable[dict[str, Any]] = ()) -> None:
        self._network = network
        self._named = {request['network']: request for request in wanted if 'label' in request}
        self._found: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}

    def of(self, network_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """(network, subnets)."""
        if network_id not in self._found:
            named = self._named.get(network_id)
            found = (
                {'name': named['label'], 'mtu': named['mtu'], 'subnets': True}
                if named is not None
                else self._network.get(f'/v2.0/networks/{network_id}')['network']
            )
            subnets = self._network.get(f'/v2.0/subnets?network_id={network_id}')['subnets'] if found['subnets'] else []
            self._found[network_id] = found, subnets
        return self._found[network_id]


def entry(run: Run, network: RestClient, port: dict[str, Any], request: dict[str, Any], known: _Known | None = None) -> dict[str, Any]:
    """A port as the server's row keeps it; `request`: by which it was asked for."""
    ours = not request.get('port')
    found, subnets = (known or _Known(network)).of(port['network_id'])
    asked = dict(zip(run.params.get('security_groups') or (), run.params.get('security_group_names') or (), strict=False))
    groups = {group: asked.get(group, 'default') for group in port['security_groups']} if ours else _groups(network, port)
    return network_info.entry_of(port, found, subnets, ours, groups, request.get('tag'))


def renewed(network: RestClient, held: dict[str, Any], port: dict[str, Any]) -> dict[str, Any]:
    """The entry of a port as the port is now; what did not change is not asked for again."""
    groups: dict[str, str] = held.get('groups') or {}
    if set(port['security_groups']) != set(groups):
        groups = _groups(network, port)
    if [(ip['subnet_id'], ip['address']) for ip in held['ips']] == [(ip['subnet_id'], ip['ip_address']) for ip in port['fixed_ips']]:
        return {**held, 'mac': port['mac_address'], 'groups': groups}
    found, subnets = _Known(network).of(port['network_id'])
    return network_info.entry_of(port, found, subnets, held['created_by_us'], groups, held.get('tag'))


def _groups(network: RestClient, port: dict[str, Any]) -> dict[str, str]:
    """Names of a port's security groups by id."""
    if not port['security_groups']:
        return {}
    named = '&'.join(f'id={group}' for group in port['security_groups'])
    found = network.get(f'/v2.0/security-groups?fields=id&fields=name&{named}')['security_groups']
    return {group['id']: group['name'] for group in found}


def delete(network: RestClient, server_id: str) -> None:
    """Delete the ports that compute made for a server and let go of the others. What is gone already is fine."""
    for port in network.get(f'/v2.0/ports?device_id={server_id}')['ports']:
        release(network, port)


def release(network: RestClient, port: dict[str, Any]) -> None:
    """Delete a port of ours, or unbind one that the user brought."""
    try:
        if mark_of(port) is not None:
            network.delete(f'/v2.0/ports/{port["id"]}')
        else:
            network.put(f'/v2.0/ports/{port["id"]}', {'port': {'device_id': '', 'device_owner': '', 'binding:host_id': ''}})
    except NotFound:
        return


def resolve(network: RestClient, ctx_project: str, asked: Any, is_admin: bool) -> list[dict[str, Any]]:
    """What `networks` of a create request means: `[{network, fixed_ip, tag} or {port, tag}]`.

    Networks that were named come with their `label` and `mtu` as well.

    :param asked: 'auto', 'none', None, or a list of objects as the API takes them
    :raises: InvalidInput for unknown networks and ports, Conflict when it is not clear which network is meant, Forbidden for an external one
    """
    if asked == 'none':
        return []
    if asked in (None, 'auto', []):
        found = _automatic(network, ctx_project)
        if asked == 'auto' and not found:
            raise InvalidInput(
                f'Unable to automatically allocate a network for project {ctx_project}: it has none with a subnet, and none is shared. '
                'Name a network, or ask for none.',
                field='networks',
            )
        return found
    found = []
    for index, request in enumerate(asked):
        if request.get('port'):
            found.append({'port': _usable_port(network, ctx_project, request['port'], is_admin), 'tag': request.get('tag')})
        elif request.get('uuid'):
            known = _check_network(network, ctx_project, request['uuid'], is_admin)
            if request.get('fixed_ip'):
                _check_address(network, request['uuid'], request['fixed_ip'])
            told = {'tag': request.get('tag'), 'label': known['name'], 'mtu': known['mtu']}
            found.append({'network': request['uuid'], 'fixed_ip': request.get('fixed_ip'), **told})
        else:
            raise InvalidInput(f'networks[{index}] needs uuid or port.', field='networks')
    return found


def _automatic(network: RestClient, project: str) -> list[dict[str, Any]]:
    own = network.get(f'/v2.0/networks?project_id={project}&router:external=False&fields=id&fields=subnets')['networks']
    candidates = [entry for entry in own if entry['subnets']]
    if not candidates:
        shared = network.get('/v2.0/networks?shared=True&router:external=False&fields=id&fields=subnets')['networks']
        candidates = [entry for entry in shared if entry['subnets']]
    if len(candidates) > 1:
        raise Conflict('Multiple possible networks found, use a Network ID to be more specific.')
    return [{'network': entry['id'], 'fixed_ip': None} for entry in candidates]


def _check_network(network: RestClient, project: str, network_id: str, is_admin: bool) -> dict[str, Any]:
    try:
        found = network.get(f'/v2.0/networks/{network_id}')['network']
    except NotFound:
        found = None
    if found is None or not (is_admin or found['shared'] or found['project_id'] == project or found['router:external']):
        raise InvalidInput(f'Network {network_id} could not be found.', field='networks')
    if found['router:external'] and not is_admin and not found['shared']:
        raise Forbidden(f'It is not allowed to create an interface on external network {network_id}.')
    if not found['subnets']:
        raise InvalidInput(f'Network {network_id} requires a subnet in order to boot instances on.', field='networks')
    return dict(found)


def _check_address(network: RestClient, network_id: str, text: str) -> None:
    """Raise InvalidInput for an address that cannot be had, as far as can be known now: the network service decides in the end."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidInput(f'{text} is not an IP address.', field='networks') from None
    subnets = network.get(f'/v2.0/subnets?network_id={network_id}&fields=cidr')['subnets']
    if not any(address in ipaddress.ip_network(subnet['cidr'], strict=False) for subnet in subnets):
        raise InvalidInput(f'Fixed IP {text} is in none of the subnets of network {network_id}.', field='networks')
    if network.get(f'/v2.0/ports?network_id={network_id}&fixed_ips=ip_address={address}&fields=id')['ports']:
        raise InvalidInput(f'Fixed IP address {text} is already in use.', field='networks')


def _usable_port(network: RestClient, project: str, port_id: str, is_admin: bool) -> str:
    try:
        port = network.get(f'/v2.0/ports/{port_id}')['port']
    except NotFound:
        port = None
    if port is None or not (is_admin or port['project_id'] == project):
        raise InvalidInput(f'Port id {port_id} could not be found.', field='networks')
    if port['device_id']:
        raise Conflict(f'Port {port_id} is still in use.')
    return port_id
