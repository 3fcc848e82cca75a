"""Agents over REST: those of the hosts, what each runs, and which run a router or a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import clock
from common.api import DELETE, GET, PUT, READ_ONLY, UPDATE_ONLY, Bool, Call, DateTime, Field, Filter, Map, Resource, Str, Uuid
from common.api.answers import answer
from common.api.types import Any_
from common.policy import ADMIN, READER, Rule
from network import agents, networks, routers
from network.api import networks as network_views
from network.api import routers as router_views
from network.db import ports as port_rows
from network.db import rows
from network.db.models import NETWORKS, ROUTERS
from network.own_ports import DHCP
from network.work import Work

SHOW = 'network:agents:show'
RULES = [
    Rule('network:agents:list', READER, 'Ask for a list of agents; only those that may be shown are in it'),
    Rule(SHOW, ADMIN, 'Show an agent'),
    Rule('network:agents:update', ADMIN, 'Change an agent'),
    Rule('network:agents:delete', ADMIN, 'Forget an agent'),
]


def views(work: Work, found: Sequence[Any]) -> list[dict[str, Any]]:
    """Agents as administrators see them; times as upstream writes them here."""
    return [_view(work, row) for row in found]


def _view(work: Work, row: Any) -> dict[str, Any]:
    return {
        'id': row.id,
        'agent_type': agents.KIND,
        'binary': agents.BINARY,
        'topic': agents.TOPIC,
        'host': row.host,
        'availability_zone': row.availability_zone,
        'admin_state_up': row.admin_state_up,
        'alive': work.service.is_alive(row),
        'description': row.description,
        'configurations': {**(row.configurations or {}), 'tunnel_ip': row.tunnel_ip, 'serves_networks': row.serves_networks},
        'resources_synced': row.applied_revision == row.desired_revision,
        'created_at': _time(row.created_at),
        'started_at': _time(row.started_at),
        'heartbeat_timestamp': _time(row.heartbeat_at),
    }


def _time(when: Any) -> str:
    return (clock.iso(when, zulu=False) or '').replace('T', ' ')


def list_agents(call: Call) -> list[dict[str, Any]]:
    """All agents; none for whom they are not to be seen, as upstream has it."""
    if not call.allowed(SHOW):
        return []
    return call.service.read(call.ctx, lambda work: views(work, agents.page(work, call.filters)))


def show_agent(call: Call) -> dict[str, Any]:
    """One agent."""
    return call.service.read(call.ctx, lambda work: views(work, [agents.find(work, call.params['id'])])[0])


def update_agent(call: Call) -> dict[str, Any]:
    """Change an agent."""
    return call.service.write(call.ctx, lambda work: views(work, [agents.update(work, call.params['id'], call.body)])[0])


def delete_agent(call: Call) -> None:
    """Forget an agent."""
    call.service.write(call.ctx, lambda work: agents.delete(work, call.params['id']))


def routers_on_agent(call: Call) -> dict[str, Any]:
    """The routers that an agent runs."""

    def read(work: Work) -> list[dict[str, Any]]:
        found = rows.get_many(work.session, ROUTERS, agents.routers_on(work, call.params['id']))
        return router_views.views(work, routers.with_gateways(work, list(found.values())))

    return {'routers': call.service.read(call.ctx, read)}


def networks_on_agent(call: Call) -> dict[str, Any]:
    """The networks whose DHCP server an agent runs."""

    def read(work: Work) -> list[dict[str, Any]]:
        found = rows.get_many(work.session, NETWORKS, agents.networks_on(work, call.params['id']))
        return network_views.views(work, list(found.values()))

    return {'networks': call.service.read(call.ctx, read)}


def agents_of_router(call: Call) -> dict[str, Any]:
    """The agent that runs a router."""

    def read(work: Work) -> list[dict[str, Any]]:
        return views(work, agents.on_host(work, routers.find_row(work, call.params['id']).host))

    return {'agents': call.service.read(call.ctx, read)}


def agents_of_network(call: Call) -> dict[str, Any]:
    """The agent that runs the DHCP server of a network."""

    def read(work: Work) -> list[dict[str, Any]]:
        network = networks.find(work, call.params['id'])
        hosts = {port.host for port in port_rows.with_owner(work.session, network.id, [DHCP])}
        return views(work, [agent for host in sorted(hosts) for agent in agents.on_host(work, host)])

    return {'agents': call.service.read(call.ctx, read)}


_AGENTS = answer({'agents': [{'id': str, 'agent_type': str, 'host': str}]})
AGENTS = Resource(
    'agents',
    'agent',
    rules=RULES,
    fields=[
        Field('id', Uuid, READ_ONLY),
        Field('agent_type', Str, READ_ONLY),
        Field('binary', Str, READ_ONLY),
        Field('topic', Str, READ_ONLY),
        Field('host', Str, READ_ONLY),
        Field('availability_zone', Str, READ_ONLY),
        Field('admin_state_up', Bool, UPDATE_ONLY),
        Field('alive', Bool, READ_ONLY),
        Field('description', Str(255), UPDATE_ONLY),
        Field('configurations', Map(Any_), READ_ONLY),
        Field('resources_synced', Bool, READ_ONLY),
        Field('created_at', DateTime, READ_ONLY),
        Field('started_at', DateTime, READ_ONLY),
        Field('heartbeat_timestamp', DateTime, READ_ONLY),
    ],
    filters=[
        'id',
        'host',
        Filter('agent_type', Str),
        Filter('binary', Str),
        Filter('topic', Str),
        'alive',
        'admin_state_up',
        'availability_zone',
    ],
    sort=['id', 'host', 'alive', 'admin_state_up'],
    routes=[
        GET('/v2.0/agents', list_agents, policy='network:agents:list'),
        GET('/v2.0/agents/{id}', show_agent, policy=SHOW),
        PUT('/v2.0/agents/{id}', update_agent, policy='network:agents:update'),
        DELETE('/v2.0/agents/{id}', delete_agent, policy='network:agents:delete'),
        GET('/v2.0/agents/{id}/l3-routers', routers_on_agent, policy=SHOW, wrap=False, response=answer({'routers': [dict]})),
        GET('/v2.0/agents/{id}/dhcp-networks', networks_on_agent, policy=SHOW, wrap=False, response=answer({'networks': [dict]})),
        GET('/v2.0/routers/{id}/l3-agents', agents_of_router, policy=SHOW, wrap=False, response=_AGENTS),
        GET('/v2.0/networks/{id}/dhcp-agents', agents_of_network, policy=SHOW, wrap=False, response=_AGENTS),
    ],
)
