"""A guest without a config drive asks 169.254.169.254 who it is."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import uuid

from tests.host.virt.lan import ssh
from tests.host.virt.waits import until


def test_key_name_and_script_come_from_the_metadata_service(driver, host, lan, key, folder, make_server):
    card, address = lan.plug(str(uuid.uuid4()))
    server = dataclasses.replace(make_server((card,)), config_drive=False)
    (driver.state / 'instances' / server.id / 'config-2.iso').unlink()
    top = folder / 'metadata/openstack/latest'
    top.mkdir(parents=True)
    meta = {
        'uuid': server.id,
        'hostname': 'asked',
        'public_keys': {'a "quoted" name': key.with_suffix('.pub').read_text()},
        'meta': {'x': [1, {'y': None}]},
    }
    (top / 'meta_data.json').write_text(json.dumps(meta))
    (top / 'user_data').write_text('#!/bin/sh\necho the script came over the network\n')
    host.run('ip', 'addr', 'add', '169.254.169.254/32', 'dev', 'lan')
    web = subprocess.Popen(
        host.inside('python3', '-m', 'http.server', '80', '--bind', '169.254.169.254', '--directory', str(folder / 'metadata')),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        driver.spawn(server)
        assert ssh(host, key, address, 'hostname').strip() == 'asked'
        until(lambda: 'the script came over the network' in driver.console_log(server.id, None))
    finally:
        web.terminate()
        web.wait(60)
        host.run('ip', 'addr', 'del', '169.254.169.254/32', 'dev', 'lan')
