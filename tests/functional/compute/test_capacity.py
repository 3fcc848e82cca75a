"""Two hundred servers at once on hosts that have room for one hundred and fifty."""

from __future__ import annotations

import collections
import pathlib
import re
import time

from tests.functional.cloud import eventually, running
from tests.functional.compute.servers import make_flavor, make_image, make_network

HOSTS, EACH, ASKED = 15, 10, 200


def test_exactly_as_many_as_fit_become_active(tmp_path: pathlib.Path) -> None:
    sizes = {'simulated_hosts': HOSTS, 'simulated_vcpus': 1000, 'simulated_memory_mib': EACH * 512, 'simulated_disk_gib': 10000}
    scheduler = {'ratio_ram': 1.0}
    with running(tmp_path, compute=sizes, scheduler=scheduler) as cloud:
        client = cloud.client()
        client.ask('PUT', 'compute', f'/os-quota-sets/{client.project_id}', {'quota_set': {'instances': -1, 'cores': -1, 'ram': -1}})
        client.ask('PUT', 'network', f'/v2.0/quotas/{client.project_id}', {'quota': {'port': -1}})
        flavor, image = make_flavor(client, 'small', 512), make_image(client, 'i', bytes(512))
        network = make_network(client, 'n', '10.8.0.0/16')
        body = {'name': 's', 'imageRef': image, 'flavorRef': flavor, 'networks': [{'uuid': network}], 'min_count': 100, 'max_count': 100}
        for _ in range(ASKED // 100):
            client.ask('POST', 'compute', '/servers', {'server': body})

        def settled() -> list[dict]:
            if client.ask('GET', 'compute', '/servers?status=BUILD&limit=1')['servers']:
                time.sleep(0.2)  # who asks all the time holds up what it waits for
                return []
            found = client.ask('GET', 'compute', '/servers/detail?limit=1000')['servers']
            return found if len(found) == ASKED and all(server['status'] != 'BUILD' for server in found) else []

        servers = eventually(settled, seconds=120, what='the end of all boots')
    active = [server for server in servers if server['status'] == 'ACTIVE']
    refused = [server['fault']['message'] for server in servers if server['status'] == 'ERROR']
    assert len(active) == HOSTS * EACH and len(refused) == ASKED - HOSTS * EACH
    for message in refused:
        assert 'memory' in message and re.search(r'want 512 MiB', message) and re.search(r'best \d+', message), message
        assert len(message) <= 255
    addresses = [entry['addr'] for server in active for entry in server['addresses']['n']]
    assert len(addresses) == len(set(addresses)) == len(active)
    per_host = collections.Counter(server['OS-EXT-SRV-ATTR:host'] for server in active)
    assert set(per_host.values()) == {EACH}
