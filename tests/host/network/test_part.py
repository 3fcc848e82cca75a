"""The agent as a part of a process: over the broker to the service and back, with metadata for guests."""

from __future__ import annotations

import threading
from typing import Any

from common.config import Settings
from common.context import Context
from common.runtime import Runtime
from network.agent_part import agent_part
from network.apply.cleanup import cleanup
from network.apply.host import Host
from network.desired.model import to_message
from network.rpc import NetworkAgent, NetworkControl
from tests.host.network.cloud import Cloud
from tests.host.network.lab import LabHost


class Control:
    """The service's end of the contract, with a cloud that the test changes."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.reports: list[dict[str, Any]] = []
        self.heard = threading.Semaphore(0)

    def desired(self, ctx: Context, host: str, known_revision: int | None) -> dict[str, Any] | None:
        return to_message(self.cloud.state(host))

    def report(self, ctx: Context, host: str, heartbeat: dict[str, Any], ports: dict[str, str], revision: int) -> None:
        self.reports.append({'host': host, 'heartbeat': heartbeat, 'ports': ports, 'revision': revision})
        self.heard.release()


def test_agent_over_the_broker(lab: LabHost) -> None:
    cloud = Cloud()
    network = cloud.network(1)
    port = cloud.port(network, 11)
    guest = lab.guest(port)
    overrides = {
        'service': {'state_dir': str(lab.folder / 'state'), 'host': 'h1'},
        'messaging': {'url': f'pileus-memory://{lab.folder.name}'},
        'auth': {'password': 'service-password'},
        'agent': {'tunnel_ip': '127.0.0.1', 'interval': 60.0},
    }
    runtime = Runtime(Settings.load(overrides=overrides))
    control = Control(cloud)
    runtime.broker.serve(NetworkControl, control)
    part = agent_part(runtime)
    lab.run(part.start)
    try:
        assert control.heard.acquire(timeout=60)
        told = control.reports[0]
        assert told['host'] == 'h1' and told['ports'][port.id] == 'ACTIVE'
        assert told['heartbeat']['tunnel_ip'] == '127.0.0.1' and told['heartbeat']['serves_networks'] is True
        assert told['heartbeat']['configurations']['problems'] == []
        assert guest.dhcp()['ip'] == '10.0.1.11'
        second = cloud.port(network, 12)
        runtime.broker.client(NetworkAgent, host='h1').refresh(Context.service('network'))
        assert control.heard.acquire(timeout=60)
        assert control.reports[1]['ports'][second.id] == 'ACTIVE'
        assert control.reports[1]['revision'] > told['revision']
    finally:
        part.stop(5.0)
        runtime.broker.close(1.0)
    assert guest.dhcp()['ip'] == '10.0.1.11', 'guests go on without the agent'
    lab.run(lambda: cleanup(Host(lab.folder / 'state' / 'network')))
