"""A new user's walk through a running cloud with python-openstackclient, every step of which must do what it says.

    python -m tests.acceptance.walk --state /var/lib/pileus --client DIR     a cloud with real guests (tools/stack up)
    python -m tests.acceptance.walk --state DIR --client DIR --simulated     one with simulated hosts

`--client` is a virtual environment of its own, made if it is missing, with python-openstackclient from PyPI in it.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

from pileus.first_light import ssh_command

CLIENT = 'python-openstackclient==10.5.0'


class Walk:
    """Runs the client as the demo user and keeps what it made."""

    def __init__(self, state: pathlib.Path, client: pathlib.Path, simulated: bool) -> None:
        self.state, self.client, self.simulated = state, client, simulated
        self.steps = 0
        if not (client / 'bin' / 'openstack').exists():
            subprocess.run([sys.executable, '-m', 'venv', str(client)], check=True)
            subprocess.run([str(client / 'bin' / 'pip'), 'install', '-q', CLIENT], check=True)

    def run(self, *words: str, cloud: str = 'pileus-demo', parse: bool = True, fails: bool = False) -> Any:
        """One command; its parsed output. Exits when it does not do what is expected."""
        command = [str(self.client / 'bin' / 'openstack'), *words, *(['-f', 'json'] if parse else [])]
        environment = {**os.environ, 'OS_CLIENT_CONFIG_FILE': str(self.state / 'clouds.yaml'), 'OS_CLOUD': cloud}
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
        self.steps += 1
        print(f'{time.monotonic() - began:6.1f} s  openstack {" ".join(words)}', flush=True)
        if (done.returncode != 0) != fails:
            sys.exit(f'FAILED ({done.returncode}): {done.stderr.strip() or done.stdout.strip()}')
        return json.loads(done.stdout) if parse and not fails and done.stdout.strip() else done.stdout

    def expect(self, what: str, condition: Any) -> None:
        """Exit unless it is so."""
        print(f'          {"ok" if condition else "NOT"}: {what}', flush=True)
        if not condition:
            sys.exit(f'FAILED: {what}')

    def ssh(self, address: str, key: pathlib.Path, command: str, seconds: float = 240) -> str:
        """What a command prints in a guest, once it answers."""
        end = time.monotonic() + seconds
        while True:
            done = subprocess.run(ssh_command(address, key, command), capture_output=True, text=True, timeout=60, check=False)
            if done.returncode == 0:
                return done.stdout
            if time.monotonic() > end:
                sys.exit(f'FAILED: ssh {address}: {done.stderr.strip()}')
            time.sleep(0.5)

    def status(self, kind: str, name: str, wanted: str, seconds: float = 180) -> None:
        """Wait for a status."""
        end = time.monotonic() + seconds
        while self.run(kind, 'show', name)['status'] != wanted:
            if time.monotonic() > end:
                sys.exit(f'FAILED: {kind} {name} is not {wanted}')
            time.sleep(1)


def identity_and_image(walk: Walk, folder: pathlib.Path) -> None:
    """Tokens, catalog, and an image there and back."""
    walk.expect('a token', walk.run('token', 'issue')['id'])
    walk.expect('six entries in the catalog', len(walk.run('catalog', 'list')) >= 6)
    data = folder / 'data.raw'
    data.write_bytes(os.urandom(5_000_001))
    walk.run('image', 'create', '--file', str(data), '--disk-format', 'raw', '--container-format', 'bare', 'walk-image')
    walk.run('image', 'save', '--file', str(folder / 'back.raw'), 'walk-image', parse=False)
    walk.expect('the same bytes came back', (folder / 'back.raw').read_bytes() == data.read_bytes())
    walk.run('image', 'delete', 'walk-image', parse=False)


def network(walk: Walk) -> str:
    """A network of one's own, with the way out; gives a floating address."""
    walk.run('network', 'create', 'walk-net')
    walk.run('subnet', 'create', '--network', 'walk-net', '--subnet-range', '10.55.0.0/24', 'walk-subnet')
    walk.run('router', 'create', 'walk-router')
    walk.run('router', 'set', '--external-gateway', 'public', 'walk-router', parse=False)
    walk.run('router', 'add', 'subnet', 'walk-router', 'walk-subnet', parse=False)
    walk.run('security', 'group', 'create', 'walk-group')
    walk.run('security', 'group', 'rule', 'create', '--proto', 'tcp', '--dst-port', '22', 'walk-group')
    walk.run('security', 'group', 'rule', 'create', '--proto', 'icmp', 'walk-group')
    return str(walk.run('floating', 'ip', 'create', 'public')['floating_ip_address'])


def servers(walk: Walk, folder: pathlib.Path, address: str) -> None:
    """Two servers, and a volume that goes from one to the other."""
    key = folder / 'walk.pem'
    key.write_text(walk.run('keypair', 'create', 'walk-key', parse=False))
    key.chmod(0o600)
    walk.expect('the flavors', {'m1.tiny', 'm1.xlarge', 'm1.nano'} <= {flavor['Name'] for flavor in walk.run('flavor', 'list')})
    common = [
        '--image',
        'cirros-pileus',
        '--flavor',
        'm1.tiny',
        '--network',
        'walk-net',
        '--key-name',
        'walk-key',
        '--security-group',
        'walk-group',
    ]
    for name in ('walk-1', 'walk-2'):
        walk.expect(f'{name} is ACTIVE', walk.run('server', 'create', *common, '--wait', name)['status'] == 'ACTIVE')
    listed = {server['Name']: server for server in walk.run('server', 'list', '--long')}
    walk.expect('both are in the list', {'walk-1', 'walk-2'} <= set(listed))
    walk.run('server', 'show', 'walk-1')
    walk.run('server', 'add', 'floating', 'ip', 'walk-1', address, parse=False)
    if not walk.simulated:
        walk.expect('the guest answers', 'walk-1' in walk.ssh(address, key, 'hostname'))
    walk.expect('a console log', walk.run('console', 'log', 'show', 'walk-1', parse=False).strip())
    walk.run('server', 'reboot', '--wait', 'walk-1', parse=False)
    walk.run('server', 'stop', 'walk-1', parse=False)
    walk.status('server', 'walk-1', 'SHUTOFF')
    walk.run('server', 'start', 'walk-1', parse=False)
    walk.status('server', 'walk-1', 'ACTIVE')
    volume(walk, key, address)


def volume(walk: Walk, key: pathlib.Path, address: str) -> None:
    """Data written in one guest is read in the other."""
    walk.run('volume', 'create', '--size', '1', 'walk-volume')
    walk.status('volume', 'walk-volume', 'available')
    walk.run('server', 'add', 'volume', 'walk-1', 'walk-volume')
    walk.status('volume', 'walk-volume', 'in-use')
    if not walk.simulated:
        walk.ssh(address, key, 'test -b /dev/vdb && echo survives | sudo dd of=/dev/vdb bs=512 conv=sync && sudo sync')
    walk.run('server', 'remove', 'volume', 'walk-1', 'walk-volume', parse=False)
    walk.status('volume', 'walk-volume', 'available')
    walk.run('server', 'add', 'volume', 'walk-2', 'walk-volume')
    walk.status('volume', 'walk-volume', 'in-use')
    if not walk.simulated:
        walk.run('server', 'remove', 'floating', 'ip', 'walk-1', address, parse=False)
        walk.run('server', 'add', 'floating', 'ip', 'walk-2', address, parse=False)
        walk.expect('the data survived', 'survives' in walk.ssh(address, key, 'sudo dd if=/dev/vdb bs=512 count=1 2>/dev/null | head -c 8'))
    walk.run('server', 'remove', 'volume', 'walk-2', 'walk-volume', parse=False)
    walk.status('volume', 'walk-volume', 'available')


def clean(walk: Walk, address: str) -> None:
    """Delete all of it, and see that nothing is left."""
    walk.run('server', 'delete', '--wait', 'walk-1', 'walk-2', parse=False)
    walk.run('volume', 'delete', 'walk-volume', parse=False)
    walk.run('floating', 'ip', 'delete', address, parse=False)
    walk.run('router', 'remove', 'subnet', 'walk-router', 'walk-subnet', parse=False)
    for kind, name in (
        (['router'], 'walk-router'), (['network'], 'walk-net'), (['security', 'group'], 'walk-group'), (['keypair'], 'walk-key'),
    ):  # fmt: skip
        walk.run(*kind, 'delete', name, parse=False)
    for words in (['server', 'list'], ['port', 'list'], ['volume', 'list'], ['network', 'list'], ['router', 'list']):
        rows = walk.run(
            *words, '--long' if words[0] in ('network', 'router') else '-c', *([] if words[0] in ('network', 'router') else ['Name'])
        )
        walk.expect(f'nothing of ours in {" ".join(words)}', not [row for row in rows if str(row.get('Name', '')).startswith('walk')])


def main() -> int:
    """Walk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--state', type=pathlib.Path, required=True)
    parser.add_argument('--client', type=pathlib.Path, required=True)
    parser.add_argument('--simulated', action='store_true')
    given = parser.parse_args()
    walk = Walk(given.state, given.client, given.simulated)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        identity_and_image(walk, pathlib.Path(folder))
        address = network(walk)
        servers(walk, pathlib.Path(folder), address)
        clean(walk, address)
    print(f'{walk.steps} commands in {time.monotonic() - began:.0f} s, all did what they say.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
