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
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

from common.config import EndpointOptions
from pileus import settings as state_files
from tests.acceptance import image_formats, limits
from tests.acceptance.tempest_settings import Cloud, settings_of
from tests.bench.client import Client

TEMPEST = 'tempest==47.0.0'
# Two stores that take uploads, and one of web servers. What the suite serves is on this machine, which users may not reach otherwise.
STORES = {
    'image': {
        'stores': ['cheap:filesystem', 'fast:filesystem', 'web:http'],
        'show_multiple_locations': True,
        'show_direct_url': True,
        'allowed_networks': ['0.0.0.0/0'],
        'import_allowed_ports': ['1-65535'],
        'conversion_format': 'raw',
        'use_identity_limits': True,
    },
    # The suite wants names in the order of the alphabet, and of weights.
    'image_store_cheap': {'weight': 20, 'description': 'Files of this machine'},
    'image_store_fast': {'weight': 10},
}
# Tests that skip themselves on any cloud, by a pattern of their names, and why.
SKIPS_ITSELF = (
    (r'ImageTaskCreate\.test_image_tasks_create$', 'switched off in the suite: its bug 2030527'),
    (r'test_accept_usable_formats\((qcow2-backing|qcow2-data-file|vmdk-monolithicFlat)\)$', 'not a usable format, which is another test'),
)
COMPLIANCE = {'lockout_failure_attempts': 2, 'lockout_duration': 5, 'unique_last_password_count': 2}


def client_environment(folder: pathlib.Path) -> pathlib.Path:
    """The virtual environment with tempest in it, made if it is missing."""
    if not (folder / 'bin' / 'tempest').exists():
        subprocess.run([sys.executable, '-m', 'venv', str(folder)], check=True)
        subprocess.run([str(folder / 'bin' / 'pip'), 'install', '-q', '--disable-pip-version-check', TEMPEST], check=True)
    return folder


@contextlib.contextmanager
def served(folder: pathlib.Path) -> Iterator[str]:
    """The URL of an image on loopback, for the tests that let the cloud fetch one; `.qcow2` behind it is one of that format."""
    (folder / 'image.img').write_bytes(os.urandom(1 << 20))
    header = struct.pack('>4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, 0, 0, 16, 1 << 24, 0, 1, 0x30000, 0x10000, 1, 0, 0, 0, 0, 0, 4, 104)
    (folder / 'image.img.qcow2').write_bytes(header.ljust(1 << 16, b'\0'))
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
def cloud(state: pathlib.Path | None, folder: pathlib.Path, unchecked: bool = False) -> Iterator[Cloud]:
    """The cloud of a state folder, or a simulated one of its own."""
    if state is not None:
        password = state_files.secret(state, 'admin-password')
        yield Cloud(f'{state_files.load(state).get(EndpointOptions).identity}/v3', password)
        return
    from tests.acceptance import image_node
    from tests.functional.cloud import running

    home = folder / 'state'
    home.mkdir(parents=True, exist_ok=True)
    stores = STORES | {'image': STORES['image'] | {'check_formats': not unchecked, 'do_secure_hash': not unchecked}}
    with running(home, security_compliance=COMPLIANCE, **stores) as made, image_node.second_node(made, **stores) as second:
        yield Cloud(made.auth_url, state_files.secret(home, 'admin-password'), second_image_url=second)


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
    limits.register(client)
    here.images = [_image(client, name) for name in ('tempest', 'tempest-alt')]
    here.flavors = [_flavor(client, name, memory) for name, memory in (('tempest', 64), ('tempest-alt', 128))]
    if here.second_image_url:
        from tests.acceptance.image_node import announce

        announce(client, here.second_image_url)
    networks = client.ask('GET', 'network', '/v2.0/networks?router:external=True')['networks']
    here.public_network = networks[0]['id']


def _image(client: Client, name: str) -> str:
    found = client.ask('GET', 'image', f'/v2/images?name={name}&status=active')['images']
    if found:
        return str(found[0]['id'])
    body = {'name': name, 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'public'}
    made = str(client.ask('POST', 'image', '/v2/images', body)['id'])
    client.ask('PUT', 'image', f'/v2/images/{made}/file', os.urandom(4096), headers={'Content-Type': 'application/octet-stream'})
    return made


def _flavor(client: Client, name: str, memory: int) -> str:
    found = {flavor['name']: str(flavor['id']) for flavor in client.ask('GET', 'compute', '/flavors')['flavors']}
    if name in found:
        return found[name]
    body = {'flavor': {'name': name, 'ram': memory, 'vcpus': 1, 'disk': 1}}
    return str(client.ask('POST', 'compute', '/flavors', body)['flavor']['id'])


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


def _bare(test: str) -> str:
    """The name of a test without its tags; the scenario behind them, where it has one, stays."""
    return re.sub(r'\[.*?\]', '', test)


def judge(selected: set[str], outcomes: dict[str, str]) -> dict[str, str]:
    """The outcome of every selected test, those of classes that were skipped or broke as a whole included."""
    plain = {_bare(name): outcome for name, outcome in outcomes.items()}
    broken_classes = [name for name, outcome in plain.items() if name.startswith('setUpClass') and outcome == 'failed']
    skipped_classes = [name for name, outcome in plain.items() if name.startswith('setUpClass') and outcome == 'skipped']

    def outcome(test: str) -> str:
        name = _bare(test)
        in_class = name.rpartition('.')[0]
        if any(in_class in one for one in skipped_classes):
            return 'skipped'
        return plain.get(name, 'failed' if broken_classes or name not in plain else 'skipped')

    return {_bare(test): outcome(test) for test in sorted(selected)}


def report(found: dict[str, str], known: set[str]) -> int:
    """Print the count and the names; 1 when something failed or was skipped that is not known to, or nothing ran."""
    for wanted in ('skipped', 'failed'):
        for name in (name for name, result in found.items() if result == wanted):
            reason = next((f' ({why})' for pattern, why in SKIPS_ITSELF if re.search(pattern, name)), '') if wanted == 'skipped' else ''
            print(f'{wanted}{" (known)" if name in known else ""}: {name}{reason}')
    mended = sorted(name for name in known if found.get(name) == 'passed')
    for name in mended:
        print(f'passes, take it off the list: {name}')
    counts = {result: list(found.values()).count(result) for result in ('passed', 'failed', 'skipped')}
    print(', '.join(f'{count} {result}' for result, count in counts.items()))
    surprises = [name for name, result in found.items() if result != 'passed' and name not in known and not _may_skip(name, result)]
    return 1 if surprises or mended or not counts['passed'] else 0


def _may_skip(name: str, result: str) -> bool:
    return result == 'skipped' and any(re.search(pattern, name) for pattern, _ in SKIPS_ITSELF)


def main() -> int:
    """Run the command; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--service', default='identity,image,network', help='which of tempest.api to run; with image the scenario of its limits'
    )
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
    names = '|'.join(given.service.split(','))
    scenarios = r'|scenario\.test_unified_limits' if 'image' in given.service.split(',') else ''  # those are limits of images
    selection = rf'^tempest\.(api\.({names}){scenarios})\.{given.regex and ".*" + given.regex}'
    found = one_run(given.state, client, work / 'first', selection, given.processes, unchecked=False)
    skipped = [name for name, outcome in found.items() if outcome == 'skipped' and not _may_skip(name, outcome)]
    if given.state is None and skipped:
        # Some tests want to store data that an image service with its checks on refuses, and then see who else refuses it.
        print(f'{len(skipped)} tests were skipped and run again on a cloud that does not look at the data of images')
        selection = '|'.join(sorted({f'^{re.escape(name.partition("(")[0])}' for name in skipped}))
        again = one_run(None, client, work / 'unchecked', selection, given.processes, unchecked=True)
        found |= {name: again[name] for name in skipped if name in again}
    return report(found, known)


def one_run(
    state: pathlib.Path | None, client: pathlib.Path, work: pathlib.Path, selection: str, processes: int, *, unchecked: bool
) -> dict[str, str]:
    """Run the tests that fit the pattern against a cloud; gives the outcome of each.

    :param unchecked: the image service takes data unseen
    """
    for folder in ('www', 'logs', 'locks'):
        (work / folder).mkdir(parents=True, exist_ok=True)
    with served(work / 'www') as image, cloud(state, work, unchecked) as here:
        here.image_url, here.checks_formats = image, not unchecked
        here.formats = str(image_formats.make(work / 'formats'))
        prepare(here)
        workspace = work / 'workspace'
        if not workspace.exists():
            catalogue = ['--workspace-path', str(work / 'workspaces.yaml'), '--name', work.name, str(workspace)]
            subprocess.run([str(client / 'bin' / 'tempest'), 'init', *catalogue], check=True, capture_output=True)
        settings = workspace / 'etc' / 'tempest.conf'
        settings.touch(mode=0o600)
        settings.write_text(settings_of(here, work))
        selected, outcomes = run(client, workspace, selection, processes)
    print(f'{len(selected)} tests selected; log: {workspace / "run.log"}, requests: {work / "logs" / "tempest.log"}')
    return judge(selected, outcomes)


if __name__ == '__main__':
    sys.exit(main())
