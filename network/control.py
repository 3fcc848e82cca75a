"""The service's side of its contract with the agents: what a host should look like, and how it is."""

from __future__ import annotations

import datetime
import logging
import threading
from typing import TYPE_CHECKING, Any

from common import clock
from network import bindings, placement_of_agents
from network.db import desired as snapshots
from network.db import hosts as queries
from network.db import ports as port_rows
from network.db import rows
from network.db.models import AGENTS
from network.desired import build
from network.desired.model import to_message

if TYPE_CHECKING:
    from common.context import Context
    from network.service import NetworkService
    from network.work import Work

LOG = logging.getLogger(__name__)
_HEARTBEAT = ('tunnel_ip', 'availability_zone', 'serves_networks', 'configurations')
_COMPARED = ('tunnel_ip', 'availability_zone', 'serves_networks')


class Control:
    """Answers `network.rpc.NetworkControl`."""

    def __init__(self, service: NetworkService) -> None:
        self.service = service
        self._sent: dict[str, float] = {}
        self._sent_lock = threading.Lock()

    def desired(self, ctx: Context, host: str, known_revision: int | None) -> dict[str, Any] | None:
        """The state of a host, or None when it is as at the revision that the agent knows.

        Every `resync_after` seconds it is given all the same: should a change ever have missed its host, it does not for long.
        """
        revision = self.service.read(ctx, lambda work: queries.revision_of(work.session, host))
        if revision is None:
            self.service.write(ctx, lambda work: _register(work, host))
            self.service.agents_changed()
        if revision is not None and revision == known_revision and not self._is_stale(host):
            return None
        state = self.service.read(ctx, lambda work: _state(work, host))
        with self._sent_lock:
            self._sent[host] = clock.monotonic()
        return to_message(state)

    def _is_stale(self, host: str) -> bool:
        with self._sent_lock:
            sent = self._sent.setdefault(host, clock.monotonic())
        return clock.monotonic() - sent > self.service.options.resync_after

    def report(self, ctx: Context, host: str, heartbeat: dict[str, Any], ports: dict[str, str], revision: int) -> None:
        """An agent lives: note it, how its ports are, and give it work if it is new or has come back."""
        returned = self.service.write(ctx, lambda work: _note(work, host, heartbeat, ports, revision))
        if returned:
            self.service.agents_changed()
            placement_of_agents.sweep(self.service)


def _register(work: Work, host: str) -> None:
    """A host that asks for the first time; what it can do is in its first report."""
    if queries.agent_of(work.session, host) is None:
        rows.insert(work.session, AGENTS, host=host, serves_networks=False, availability_zone=work.options.availability_zone)


def _state(work: Work, host: str) -> Any:
    # The revision is read before the rest: what changes meanwhile may be in the state already, and is fetched once more.
    revision = queries.revision_of(work.session, host) or 0
    return build.host_network(host, revision, snapshots.load(work.session, host), domain=work.options.dns_domain)


def _note(work: Work, host: str, heartbeat: dict[str, Any], ports: dict[str, str], revision: int) -> bool:
    """Whether the agent is new, was silent for long, or can now do what it could not."""
    agent: Any = queries.agent_of(work.session, host)
    if agent is None:
        _register(work, host)
        agent = queries.agent_of(work.session, host)
    values = {name: heartbeat[name] for name in _HEARTBEAT if name in heartbeat}
    if 'started_at' in heartbeat:
        values['started_at'] = _time(heartbeat['started_at'], agent.started_at)
    returned = not work.service.is_alive(agent) or any(values.get(name, getattr(agent, name)) != getattr(agent, name) for name in _COMPARED)
    queries.beat(work.session, host, clock.now(), applied_revision=revision, **values)
    if 'tunnel_ip' in values and values['tunnel_ip'] != agent.tunnel_ip:
        work.touched.networks.update(snapshots.networks_on(work.session, host))
    _note_ports(work, host, ports)
    return returned


def _time(text: str, otherwise: datetime.datetime) -> datetime.datetime:
    try:
        when = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return otherwise
    return when if when.tzinfo is None else when.astimezone(datetime.UTC).replace(tzinfo=None)


def _note_ports(work: Work, host: str, ports: dict[str, str]) -> None:
    """Write the status of the ports that are on the host; tell who waits for one that is wired now."""
    if not ports:
        return
    present = port_rows.on_host(work.session, host)
    changed: dict[str, list[str]] = {bindings.ACTIVE: [], bindings.DOWN: []}
    for port_id, reported in ports.items():
        port = present.get(port_id)
        if port is None:
            continue
        status = bindings.ACTIVE if reported == bindings.ACTIVE and port.admin_state_up else bindings.DOWN
        if port.status != status:
            changed[status].append(port_id)
            if status == bindings.ACTIVE and port.device_id and not port.device_owner.startswith('network:'):
                work.touched.active.add((port_id, port.device_id))
    for status, found in changed.items():
        port_rows.set_status(work.session, host, found, status)
