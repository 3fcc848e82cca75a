"""Measure a cloud and print the rows of the table, next to the figures of the original on such a machine.

python -m tests.bench                      an embedded simulated cloud of its own, made and removed
python -m tests.bench --state DIR          a running one (tools/stack up --simulated --state DIR)
python -m tests.bench --only servers --scale 0.2 --largest 200
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

from tests.bench import measure
from tests.bench.client import Client
from tests.bench.rows import Bench

# CPU in milliseconds for each operation of the original (nova 34, keystone 30, ...), separate processes with MariaDB and RabbitMQ.
ORIGINAL = {
    'token issue': '256-272',
    'token validation by API': '4.8-6.6',
    'flavor list': '7.7-8.8',
    'security group rule create': '95-114',
    'network + subnet + port create': '232-313',
    'list of 500 ports': '327-389',
    'volume create -> available': '205-212',
    'image create + upload of 64 MiB': '350-370',
    'server create -> ACTIVE': '1400-1830',
    'servers/detail with 0 servers': '18-19',
    'servers/detail with 100 servers': '445-472',
    'servers/detail with 1000 servers': '4300-5200',
}
GROUPS = ('tokens', 'flavors', 'security_group_rules', 'networks', 'port_list', 'volumes', 'images', 'servers')


def main() -> int:
    """Measure; 0 unless something did not work."""
    parser = argparse.ArgumentParser(
        prog='python -m tests.bench', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--state', type=pathlib.Path, help='state folder of a running cloud')
    parser.add_argument('--only', action='append', choices=GROUPS)
    parser.add_argument('--scale', type=float, default=1.0, help='share of the full counts')
    parser.add_argument('--largest', type=int, default=1000, help='servers of the largest list')
    given = parser.parse_args()
    if given.state is not None:
        return _measure(given.state, given)
    with tempfile.TemporaryDirectory(prefix='pileus-bench-') as directory:
        state = pathlib.Path(directory)
        stack = [sys.executable, '-m', 'pileus.stack']
        began = time.perf_counter()
        subprocess.run(
            [*stack, 'up', '--state', str(state), '--simulated', '--hosts', '50', '--no-server'], check=True, stdout=subprocess.DEVNULL
        )
        print(f'{"start until every API answers, furnished":46s} {time.perf_counter() - began:.2f} s')
        try:
            return _measure(state, given)
        finally:
            subprocess.run([*stack, 'down', '--state', str(state)], check=False, stdout=subprocess.DEVNULL)


def _measure(state: pathlib.Path, given: argparse.Namespace) -> int:
    book = json.loads((state / 'run' / 'daemons.json').read_text())
    pids = [int(entry['pid']) for name, entry in book.items() if name not in ('libvirtd', 'virtlogd', 'tgtd')]
    password = (state / 'run' / 'admin-password').read_text().strip()
    client = Client('http://127.0.0.1:5000/v3', 'admin', password, 'admin')
    print(f'{"processes / memory (PSS)":46s} {len(measure.descendants(pids))} / {measure.pss_mib(pids):.0f} MiB')
    bench = Bench(client, pids, given.scale)
    for group in given.only or GROUPS:
        rows = bench.servers(given.largest) if group == 'servers' else getattr(bench, group)()
        for row in rows:
            print(f'{row.line()}   original {ORIGINAL.get(row.name, "-")}', flush=True)
    print(f'{"memory after load (PSS)":46s} {measure.pss_mib(pids):.0f} MiB')
    return 0


if __name__ == '__main__':
    os.environ.setdefault('PYTHONDONTWRITEBYTECODE', '1')
    sys.exit(main())
