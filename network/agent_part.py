"""The network agent as a part of a running cloud: asks the service over the broker, serves metadata, wakes when it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common import clock, metadata_signature
from common.context import Context
from network.agent import Agent, Report
from network.apply.host import Host
from network.apply.reconcile import Reconciler, Settings
from network.conf import AgentOptions
from network.metadata_forward import Forwarder
from network.metadata_proxy import MetadataProxy
from network.rpc import NetworkAgent, NetworkControl

if TYPE_CHECKING:
    from common.runtime import Runtime, WorkerPart


class AgentPart:
    """Owns the agent of this process from start to stop."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.options = runtime.settings.get(AgentOptions)
        self.agent: Agent | None = None
        self._started_at = clock.iso(clock.now())
        self._server: Any = None

    def start(self) -> None:
        """Make the agent and begin. Raises ConfigError without a secret for the metadata service."""
        runtime, options = self.runtime, self.options
        metadata = runtime.settings.get(metadata_signature.MetadataOptions)
        key = metadata_signature.secret(metadata, '' if metadata.shared_secret else runtime.service_password())
        forwarder = Forwarder(runtime.endpoints.metadata, key)
        proxy = MetadataProxy(forwarder, options.metadata_workers)
        reconciler = Reconciler(Host(runtime.directory('network')), settings_of(options), proxy)
        control = runtime.broker.client(NetworkControl)
        host = runtime.host

        def fetch(known: int | None) -> dict[str, Any] | None:
            return control.desired(Context.service('network'), host=host, known_revision=known)

        def send(report: Report) -> None:
            ctx = Context.service('network')
            control.report(ctx, host=host, heartbeat=self._heartbeat(report), ports=report.ports, revision=report.revision)

        self.agent = Agent(reconciler, fetch, send, interval=options.interval, forwarder=forwarder, host=host)
        self._server = runtime.broker.serve(NetworkAgent, Ears(self.agent), host=host, workers=1)
        self.agent.start()

    def stop(self, seconds: float) -> None:
        """End; what was made for guests stays."""
        if self._server is not None:
            self._server.stop(drain=0)
        if self.agent is not None:
            self.agent.stop(seconds)

    def _heartbeat(self, report: Report) -> dict[str, Any]:
        options = self.options
        return {
            'tunnel_ip': options.tunnel_ip or None,
            'availability_zone': options.availability_zone,
            'serves_networks': options.serves_networks,
            'started_at': self._started_at,
            'configurations': {**report.heartbeat, 'physical_networks': list(options.physical_networks), 'driver': 'linux bridge'},
        }


class Ears:
    """What the service may tell this host's agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def refresh(self, ctx: Context) -> None:
        """There is something to do."""
        self._agent.wake()


def settings_of(options: AgentOptions) -> Settings:
    """The operator's choices in the form that a pass wants."""
    return Settings.of(
        options.physical_networks,
        tunnel_ip=options.tunnel_ip or None,
        tunnel_port=options.tunnel_port,
        host_gateway=options.external_gateway,
        masquerade=options.masquerade,
        dns_servers=tuple(options.dns_servers),
        lease_seconds=options.lease_seconds,
    )


def agent_part(runtime: Runtime) -> WorkerPart:
    """The part `agent` of the network service."""
    from common.runtime import WorkerPart

    part = AgentPart(runtime)
    return WorkerPart('agent', part.start, part.stop)
