"""The ports of a server: made, bound to its host, and taken back, through the network API.

Ports that compute makes carry the server's id, so that what a lost answer made is found again and nothing is made twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput, NotFound
from compute import network_info

if TYPE_CHECKING:
    from common.operations import Run
    from common.rest import RestClient

OWNER = 'compute:'
_MARK = 'pileus-request:'


def make(run: Run, network: RestClient) -> dict[str, Any]:
    """Make or bind every port the server was asked for; `network_info`, and `waiting`: ids of those not ACTIVE yet."""
    wanted: list[dict[str, Any]] = run.params.get('networks') or []
    if not wanted:
        return {'network_info': [], 'waiting': []}
    present = network.get(f'/v2.0/ports?device_id={run.resource_id}')['ports']
    ours = {port['name']: port for port in present if port['name'].startswith(_MARK)}
    entries, waiting = [], []
    for index, request in enumerate(wanted):
        port = _bind(network, run, request) if request.get('port') else ours.get(f'{_MARK}{index}') or _create(network, run, request, index)
        if port.get('binding:host_id') != run.host:
            port = network.put(f'/v2.0/ports/{port["id"]}', {'port': {'binding:host_id': run.host}})['port']
        entries.append(_entry(network, port, ours=not request.get('port')))
        if port['status'] != 'ACTIVE':
            waiting.append(port['id'])
    return {'network_info': entries, 'waiting': waiting}


def _create(network: RestClient, run: Run, request: dict[str, Any], index: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        'name': f'{_MARK}{index}',
        'network_id': request['network'],
        'project_id': run.params['project_id'],
        'device_id': run.resource_id,
        'device_owner': f'{OWNER}{run.params.get("zone") or "nova"}',
        'binding:host_id': run.host,
        'admin_state_up': True,
    }
    if request.get('fixed_ip'):
        body['fixed_ips'] = [{'ip_address': request['fixed_ip']}]
    if run.params.get('security_groups'):
        body['security_groups'] = run.params['security_groups']
    return network.post('/v2.0/ports', {'port': body})['port']


def _bind(network: RestClient, run: Run, request: dict[str, Any]) -> dict[str, Any]:
    port = network.get(f'/v2.0/ports/{request["port"]}')['port']
    if port['device_id'] not in ('', run.resource_id):
        raise Conflict(f'Port {port["id"]} is still in use.')
    body = {'device_id': run.resource_id, 'device_owner': f'{OWNER}{run.params.get("zone") or "nova"}', 'binding:host_id': run.host}
    return network.put(f'/v2.0/ports/{port["id"]}', {'port': body})['port']


def _entry(network: RestClient, port: dict[str, Any], ours: bool) -> dict[str, Any]:
    found = network.get(f'/v2.0/networks/{port["network_id"]}')['network']
    subnets = network.get(f'/v2.0/subnets?network_id={port["network_id"]}')['subnets'] if port['fixed_ips'] else []
    return network_info.entry_of(port, found, subnets, ours)


def delete(network: RestClient, server_id: str) -> None:
    """Delete the ports that compute made for a server and let go of the others. What is gone already is fine."""
    for port in network.get(f'/v2.0/ports?device_id={server_id}')['ports']:
        release(network, port)


def release(network: RestClient, port: dict[str, Any]) -> None:
    """Delete a port of ours, or unbind one that the user brought."""
    try:
        if port['name'].startswith(_MARK):
            network.delete(f'/v2.0/ports/{port["id"]}')
        else:
            network.put(f'/v2.0/ports/{port["id"]}', {'port': {'device_id': '', 'device_owner': '', 'binding:host_id': ''}})
    except NotFound:
        return


def resolve(network: RestClient, ctx_project: str, asked: Any, is_admin: bool) -> list[dict[str, Any]]:
    """What `networks` of a create request means: `[{network, fixed_ip} or {port}]`.

    :param asked: 'auto', 'none', None, or a list of objects as the API takes them
    :raises: InvalidInput for unknown networks and ports, Conflict when it is not clear which network is meant
    """
    if asked == 'none':
        return []
    if asked in (None, 'auto', []):
        return _automatic(network, ctx_project)
    found = []
    for index, request in enumerate(asked):
        if request.get('port'):
            found.append({'port': _usable_port(network, ctx_project, request['port'], is_admin)})
        elif request.get('uuid'):
            _check_network(network, ctx_project, request['uuid'], is_admin)
            found.append({'network': request['uuid'], 'fixed_ip': request.get('fixed_ip')})
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


def _check_network(network: RestClient, project: str, network_id: str, is_admin: bool) -> None:
    try:
        found = network.get(f'/v2.0/networks/{network_id}')['network']
    except NotFound:
        found = None
    if found is None or not (is_admin or found['shared'] or found['project_id'] == project or found['router:external']):
        raise InvalidInput(f'Network {network_id} could not be found.', field='networks')
    if found['router:external'] and not is_admin and not found['shared']:
        raise InvalidInput(f'It is not allowed to create an interface on external network {network_id}.', field='networks')
    if not found['subnets']:
        raise InvalidInput(f'Network {network_id} requires a subnet in order to boot instances on.', field='networks')


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
