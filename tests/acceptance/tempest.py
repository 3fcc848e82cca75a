"""OpenStack's own integration suite against Pileus.

    python -m tests.acceptance.tempest --service identity,image,network          a simulated cloud made for it
    python -m tests.acceptance.tempest --service identity --state DIR            one that runs already
    python -m tests.acceptance.tempest --service image --regex 'ImportImages'    only those tests

`--client` is a virtual environment of its own, made if it is missing, with tempest from PyPI in it. Tests named in `--known FILE`
(one a line, `#` begins a comment) may fail; one of them that passes is reported, so that the list gets shorter.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

from pileus import settings as state_files
from tests.acceptance.tempest_settings import Cloud, settings_of
from tests.bench.client import Client

TEMPEST = 'tempest==47.0.0'
COMPLIANCE = {'lockout_failure_attempts': 2, 'lockout_duration': 5, 'unique_last_password_count': 2}


def client_environment(folder: pathlib.Path) -> pathlib.Path:
    """The virtual environment with tempest in it, made if it is missing."""
    if not (folder / 'bin' / 'tempest').exists():
        subprocess.run([sys.executable, '-m', 'venv', str(folder)], check=True)
        subprocess.run([str(folder / 'bin' / 'pip'), 'install', '-q', '--disable-pip-version-check', TEMPEST], check=True)
    return folder


@contextlib.contextmanager
def served(folder: pathlib.Path) -> Iterator[str]:
    """The URL of an image on loopback, for the tests that let the cloud fetch one."""
    (folder / 'image.img').write_bytes(os.urandom(1 << 20))
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f'http://127.0.0.1:{server.server_port}/image.img'
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def cloud(state: pathlib.Path | None, folder: pathlib.Path) -> Iterator[Cloud]:
    """The cloud of a state folder, or a simulated one of its own."""
    if state is not None:
        password = state_files.secret(state, 'admin-password')
        yield Cloud('http://127.0.0.1:5000/v3', password)
        return
    from tests.functional.cloud import running

    home = folder / 'state'
    home.mkdir(parents=True, exist_ok=True)
    with running(home, security_compliance=COMPLIANCE) as made:
        yield Cloud(made.auth_url, state_files.secret(home, 'admin-password'))


def prepare(here: Cloud) -> None:
    """What the suite expects of any cloud: an active image, and the role of the object store's operators."""
    client = Client(here.auth_url, 'admin', here.password, 'admin')
    roles = client.ask('GET', 'identity', '/roles')['roles']
    if 'ResellerAdmin' not in {role['name'] for role in roles}:
        client.ask('POST', 'identity', '/roles', {'role': {'name': 'ResellerAdmin'}})
    if not client.ask('GET', 'network', '/v2.0/networks?router:external=True')['networks']:
        body = {'network': {'name': 'public', 'router:external': True}}
        network = client.ask('POST', 'network', '/v2.0/networks', body)['network']['id']
        subnet = {'network_id': network, 'ip_version': 4, 'cidr': '172.24.4.0/24', 'enable_dhcp': False}
        client.ask('POST', 'network', '/v2.0/subnets', {'subnet': subnet})
    networks = client.ask('GET', 'network', '/v2.0/networks?router:external=True')['networks']
    here.public_network = networks[0]['id']


def run(client: pathlib.Path, workspace: pathlib.Path, selection: str, processes: int) -> tuple[set[str], dict[str, str]]:
    """Run the tests that fit the pattern.

    :returns: the names selected, and those that ran with their outcome: passed, failed or skipped
    """
    command = [str(client / 'bin' / 'tempest')]
    environment = {**os.environ, 'PATH': f'{client / "bin"}{os.pathsep}{os.environ["PATH"]}', 'HOME': str(workspace.parent)}
    options = ['--config-file', 'etc/tempest.conf', '--regex', selection]
    kept = {'cwd': workspace, 'env': environment, 'text': True}
    listed = subprocess.run([*command, 'run', *options, '--list-tests'], capture_output=True, check=True, timeout=300, **kept)  # type: ignore[call-overload]
    selected = {line.strip() for line in listed.stdout.splitlines() if line.startswith('tempest.')}
    with (workspace / 'run.log').open('w') as log:
        workers = ['--concurrency', str(processes)]
        subprocess.run([*command, 'run', *options, *workers], stdout=log, stderr=log, check=False, timeout=7200, **kept)  # type: ignore[call-overload]
    outcomes = {}
    for line in (workspace / 'run.log').read_text().splitlines():
        found = re.match(r'\{\d+\} (\S.*?) (?:\[[\d.]+s\] )?\.\.\. (ok|FAILED|SKIPPED|ERROR)', line)
        if found:
            outcomes[found[1]] = {'ok': 'passed', 'SKIPPED': 'skipped'}.get(found[2], 'failed')
    return selected, outcomes


def report(selected: set[str], outcomes: dict[str, str], known: set[str]) -> int:
    """Print the count and the names; 1 when something failed that is not known to, or nothing ran."""
    plain = {name.partition('[')[0]: outcome for name, outcome in outcomes.items()}
    broken_classes = [name for name, outcome in plain.items() if name.startswith('setUpClass') and outcome == 'failed']
    skipped_classes = [name for name, outcome in plain.items() if name.startswith('setUpClass') and outcome == 'skipped']

    def outcome(test: str) -> str:
        name = test.partition('[')[0]
        in_class = name.rpartition('.')[0]
        if any(in_class in one for one in skipped_classes):
            return 'skipped'
        return plain.get(name, 'failed' if broken_classes or name not in plain else 'skipped')

    found = {test.partition('[')[0]: outcome(test) for test in sorted(selected)}
    for wanted in ('skipped', 'failed'):
        for name in (name for name, result in found.items() if result == wanted):
            print(f'{wanted}{" (known)" if name in known else ""}: {name}')
    mended = sorted(name for name in known if found.get(name) == 'passed')
    for name in mended:
        print(f'passes, take it off the list: {name}')
    counts = {result: list(found.values()).count(result) for result in ('passed', 'failed', 'skipped')}
    print(', '.join(f'{count} {result}' for result, count in counts.items()))
    surprises = [name for name, result in found.items() if result == 'failed' and name not in known]
    return 1 if surprises or mended or not counts['passed'] else 0


def main() -> int:
    """Run the command; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--service', default='identity,image,network', help='which of tempest.api to run')
    parser.add_argument('--regex', default='', help='only tests whose name also fits this')
    parser.add_argument('--state', type=pathlib.Path, help='state folder of a cloud that runs')
    parser.add_argument('--client', type=pathlib.Path, help='virtual environment with tempest')
    parser.add_argument('--work', type=pathlib.Path, help='folder for logs; a temporary one if not given')
    parser.add_argument('--known', type=pathlib.Path, help='tests that may fail')
    parser.add_argument('--processes', type=int, default=2)
    given = parser.parse_args()
    work = (given.work or pathlib.Path(tempfile.mkdtemp(prefix='pileus-tempest-'))).absolute()
    work.mkdir(parents=True, exist_ok=True)
    client = client_environment((given.client or work / 'client').absolute())
    known = {line.partition('#')[0].strip() for line in given.known.read_text().splitlines()} - {''} if given.known else set()
    for folder in ('www', 'logs', 'locks'):
        (work / folder).mkdir(exist_ok=True)
    with served(work / 'www') as image, cloud(given.state, work) as here:
        here.image_url = image
        prepare(here)
        workspace = work / 'workspace'
        if not workspace.exists():
            catalogue = ['--workspace-path', str(work / 'workspaces.yaml'), '--name', work.name, str(workspace)]
            subprocess.run([str(client / 'bin' / 'tempest'), 'init', *catalogue], check=True, capture_output=True)
        settings = workspace / 'etc' / 'tempest.conf'
        settings.touch(mode=0o600)
        settings.write_text(settings_of(here, work))
        names = '|'.join(given.service.split(','))
        selected, outcomes = run(client, workspace, rf'^tempest\.api\.({names})\.{given.regex and ".*" + given.regex}', given.processes)
    print(f'{len(selected)} tests selected; log: {workspace / "run.log"}, requests: {work / "logs" / "tempest.log"}')
    return report(selected, outcomes, known)


if __name__ == '__main__':
    sys.exit(main())
