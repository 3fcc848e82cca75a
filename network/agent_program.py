"""The network agent on its own: desired state from a JSON file, no service, no broker; and the removal of all that is ours.

python -m network.agent_program --desired state.json [--once]
python -m network.agent_program --cleanup
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from network.agent import Agent, Report, from_file
from network.apply import requirements
from network.apply.cleanup import cleanup
from network.apply.host import Host
from network.apply.reconcile import Reconciler, Settings
from network.metadata_forward import Forwarder
from network.metadata_proxy import MetadataProxy


def main(arguments: list[str] | None = None) -> int:
    """The program. Returns its exit code: 1 when something could not be made or removed."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format='%(levelname)s %(message)s')
    host = Host(Path(options.state_dir))
    findings = requirements.check()
    if findings:
        print('\n'.join(findings), file=sys.stderr)
        return 69
    if options.cleanup:
        return _show(cleanup(host), host.problems, 'nothing to remove')
    if not options.desired:
        print('say --desired FILE or --cleanup', file=sys.stderr)
        return 64
    forwarder = proxy = None
    if options.metadata_url:
        secret = Path(options.metadata_secret_file).read_bytes().strip() if options.metadata_secret_file else b''
        forwarder = Forwarder(options.metadata_url, secret)
        proxy = MetadataProxy(forwarder)
    settings = Settings.of(options.physical, tunnel_ip=options.tunnel_ip, host_gateway=not options.no_host_gateway)
    reconciler = Reconciler(host, settings, proxy)
    agent = Agent(reconciler, from_file(Path(options.desired)), _told, interval=options.interval, forwarder=forwarder)
    if options.once:
        outcome = agent.once()
        return _show(outcome.changes if outcome else [], outcome.problems if outcome else ['no desired state'], 'nothing to change')
    _serve(agent)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='network-agent', description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--desired', help='JSON file with the desired state; it is read at every pass')
    parser.add_argument('--once', action='store_true', help='one pass, then end')
    parser.add_argument('--cleanup', action='store_true', help='remove everything of ours from this host')
    parser.add_argument('--state-dir', default='/var/lib/pileus/network', help='folder of the files of the agent')
    parser.add_argument(
        '--physical', action='append', default=[], metavar='NETWORK:DEVICE', help='the device that leads to a physical network'
    )
    parser.add_argument('--tunnel-ip', help='address of this host for VXLAN')
    parser.add_argument('--no-host-gateway', action='store_true', help='the host is not the gateway of external networks')
    parser.add_argument('--metadata-url', help='the metadata API; without it none is served to guests')
    parser.add_argument('--metadata-secret-file', help='file with the secret shared with the metadata API')
    parser.add_argument('--interval', type=float, default=10.0, help='seconds between passes')
    parser.add_argument('--verbose', action='store_true', help='log every change')
    return parser


def _told(report: Report) -> None:
    """Nobody has to be told."""


def _show(changes: list[str], problems: list[str], nothing: str) -> int:
    print('\n'.join(changes) or nothing)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _serve(agent: Agent) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: agent.wake())
    agent.start()
    stop.wait()
    agent.stop()


if __name__ == '__main__':
    sys.exit(main())
