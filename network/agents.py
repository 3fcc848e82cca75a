"""The agents of the hosts, as administrators see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import Conflict, NotFound
from network.db import hosts as queries
from network.db import placement, rows
from network.db.models import AGENTS

if TYPE_CHECKING:
    from network.work import Work

KIND = 'Pileus network agent'
BINARY = 'network-agent'
TOPIC = 'network.agent'


def page(work: Work, filters: dict[str, list[Any]]) -> list[Any]:
    """All agents that fit; there are as many as hosts, so they are not given in pages."""
    found = queries.all_agents(work.session)
    return [agent for agent in found if all(_value(work, agent, name) in values for name, values in filters.items())]


def _value(work: Work, agent: Any, name: str) -> Any:
    known = {'alive': lambda: work.service.is_alive(agent), 'agent_type': lambda: KIND, 'binary': lambda: BINARY, 'topic': lambda: TOPIC}
    return known[name]() if name in known else getattr(agent, name)


def find(work: Work, agent_id: str) -> Any:
    """An agent. Raises NotFound."""
    agent = rows.get(work.session, AGENTS, agent_id)
    if agent is None:
        raise NotFound('agent', agent_id)
    return agent


def update(work: Work, agent_id: str, body: dict[str, Any]) -> Any:
    """Change an agent. One that is administratively down gets no new routers and networks, and the sweep moves those it has."""
    agent = find(work, agent_id)
    changes = {name: body[name] for name in ('admin_state_up', 'description') if name in body}
    if changes:
        queries.change(work.session, agent.id, **changes)
    return find(work, agent_id)


def delete(work: Work, agent_id: str) -> None:
    """Forget an agent. Raises Conflict while it lives: it would come back with its next report."""
    agent = find(work, agent_id)
    if work.service.is_alive(agent):
        raise Conflict(f'Agent {agent.id} on host {agent.host} is alive; stop it first.', code='agent_in_use')
    rows.delete(work.session, AGENTS, agent.id)


def routers_on(work: Work, agent_id: str) -> list[str]:
    """Ids of the routers that an agent runs."""
    return placement.routers_on(work.session, find(work, agent_id).host)


def networks_on(work: Work, agent_id: str) -> list[str]:
    """Ids of the networks whose DHCP server an agent runs."""
    return placement.networks_served_by(work.session, find(work, agent_id).host)


def on_host(work: Work, host: str) -> list[Any]:
    """The agent of a host, as a list."""
    found = queries.agent_of(work.session, host) if host else None
    return [found] if found is not None else []


def hinted(work: Work, zones_wanted: list[str] | None) -> list[str] | None:
    """Zones that a request asks for, None where it asks for none. Raises NotFound for one that does not exist."""
    if not zones_wanted:
        return None
    known = zones(work)
    for zone in zones_wanted:
        if zone not in known:
            raise NotFound('availability zone', zone)
    return zones_wanted


def zones(work: Work) -> dict[str, bool]:
    """Availability zone -> whether a living agent is in it; the service's own is always there."""
    found = {work.options.availability_zone: True}
    for agent in queries.all_agents(work.session):
        found[agent.availability_zone] = found.get(agent.availability_zone, False) or (
            agent.admin_state_up and work.service.is_alive(agent)
        )
    return found
