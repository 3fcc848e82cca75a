"""Each finding of `pileus doctor`, on a machine or a cloud that is broken in just that way."""

from __future__ import annotations

import collections
import http.server
import json
import sqlite3
import sys
import threading

import pytest

from common.messaging.deadletter import DeadLetter
from pileus import checks_cloud, checks_host, doctor
from pileus import settings as state_files
from pileus.daemons import Daemon, Daemons
from pileus.doctor import PROBLEM, WARNING, Site, Skip
from tests.functional.cloud import eventually
from tests.ports import free_port, free_ports


@pytest.fixture
def folder(tmp_path):
    """Makes a state folder with a configuration; gives it as the doctor sees it."""
    made = []

    def new(**groups):
        state_files.make_secrets(tmp_path)
        names = ('identity', 'compute', 'image', 'volume', 'network', 'metadata', 'scheduler')
        endpoints = {name: f'http://127.0.0.1:{port}' for name, port in zip(names, free_ports(len(names)), strict=True)}
        values = {
            'service': {'state_dir': tmp_path, 'host': 'h1'},
            'endpoints': endpoints,
            'compute': {'driver': 'simulated'},
            'volume': {'pool': 'simulated', 'target': 'simulated'},
            'network': {'driver': 'simulated'},
        }
        for name, options in groups.items():
            values.setdefault(name, {}).update(options)
        state_files.write_config(tmp_path, values)
        made.append(Site(tmp_path))
        return made[-1]

    yield new
    for site in made:
        site.close()


def one(found):
    (finding,) = found
    assert finding.remedy
    return finding


def test_a_typo_in_the_configuration(folder):
    site = folder(compute={'driver': 'simulated', 'simulated_host': 3})
    finding = one(checks_host.configuration(site))
    assert "did you mean 'simulated_hosts'?" in finding.what
    assert 'local.conf' in finding.remedy


def test_local_settings_win_and_are_checked_too(folder):
    site = folder()
    (site.state / 'local.conf').write_text('[compute]\ndriver = simulated\nreport_interval = 0\n')
    assert 'report_interval' in one(checks_host.configuration(Site(site.state))).what


def test_nothing_is_wrong_with_a_good_configuration(folder):
    site = folder()
    for check in (checks_host.configuration, checks_host.names, checks_host.secrets, checks_host.clock, checks_host.volumes):
        assert list(check(site)) == []


def test_a_password_that_others_can_read(folder):
    site = folder()
    path = site.state / 'run' / 'admin-password'
    path.chmod(0o644)
    assert one(checks_host.secrets(site)).remedy == f'chmod 600 {path}'


def disk_of(monkeypatch, mib, files):
    kind = collections.namedtuple('statvfs', 'f_files f_favail f_bavail f_blocks f_frsize')
    monkeypatch.setattr('os.statvfs', lambda path: kind(10_000_000, files, mib, 100_000, 1 << 20))


def test_a_full_disk(folder, monkeypatch):
    site = folder()
    disk_of(monkeypatch, 1000, 1_000_000)
    assert one(checks_host.disk(site)).severity == WARNING
    disk_of(monkeypatch, 10, 1_000_000)
    assert one(checks_host.disk(site)).severity == PROBLEM
    disk_of(monkeypatch, 10_000, 1_000_000)
    assert list(checks_host.disk(site)) == []


def test_a_file_system_without_room_for_files(folder, monkeypatch):
    site = folder()
    disk_of(monkeypatch, 10_000, 5)
    assert 'room for 5 more files' in one(checks_host.disk(site)).what


def test_a_clock_that_was_never_set(folder, monkeypatch):
    monkeypatch.setattr('time.time', lambda: 3600.0)
    assert '1970' in one(checks_host.clock(folder())).what


def test_somebody_elses_package(folder, monkeypatch, tmp_path):
    stranger = tmp_path / 'image.py'
    stranger.write_text('')
    import importlib.util
    import types

    spec = importlib.util.spec_from_file_location('image', stranger)
    fake = types.ModuleType('image')
    fake.__spec__ = spec
    monkeypatch.setitem(sys.modules, 'image', fake)
    finding = one(checks_host.names(folder()))
    assert str(stranger) in finding.what
    assert 'venv' in finding.remedy


def test_commands_that_are_not_installed(folder, monkeypatch):
    monkeypatch.setattr('pileus.checks_host.find', lambda name: None)
    with pytest.raises(Skip, match='simulated'):
        list(checks_host.commands(folder()))
    found = list(checks_host.commands(folder(compute={'driver': 'libvirt'})))
    assert 'apt-get install qemu-utils' in [finding.remedy for finding in found]


def test_what_the_network_agent_lacks(folder, monkeypatch):
    monkeypatch.setattr('network.apply.requirements.check', lambda: ['The network agent needs ipset. Type: apt-get install ipset'])
    with pytest.raises(Skip):
        list(checks_host.network_host(folder()))
    finding = one(checks_host.network_host(folder(network={'driver': 'agent'})))
    assert (finding.what, finding.remedy) == ('The network agent needs ipset.', 'apt-get install ipset')


def test_what_a_storage_driver_lacks(folder, monkeypatch):
    from volume.drivers.base import Problem
    from volume.drivers.simulated import SimulatedPool

    monkeypatch.setattr(SimulatedPool, 'check', lambda self: [Problem('The pool is full.', 'Add a disk.')])
    finding = one(checks_host.volumes(folder()))
    assert (finding.what, finding.remedy) == ('The pool is full.', 'Add a disk.')


def test_a_cloud_that_does_not_run(folder):
    finding = one(checks_cloud.processes(folder()))
    assert finding.severity == WARNING
    assert finding.remedy.startswith('pileus up')


def test_a_process_that_died(folder):
    site = folder()
    daemons = Daemons(site.state)
    daemons.start(Daemon('rabbitmq', ['sleep', '0.05'], lambda: True))
    eventually(lambda: not daemons.running('rabbitmq'))
    finding = one(checks_cloud.processes(site))
    assert 'rabbitmq was started and does not run any more' in finding.what
    assert 'rabbitmq.log' in finding.remedy


def test_databases_that_were_never_made_or_are_of_another_release(folder):
    site = folder()
    found = list(checks_cloud.databases(site))
    assert {finding.remedy.split()[0] for finding in found} >= {'identity-manage', 'compute-manage', 'network-manage'}
    assert all('db sync' in finding.remedy for finding in found)
    site.runtime.prepare()
    assert list(checks_cloud.databases(site)) == []
    with sqlite3.connect(site.state / 'db' / 'image.sqlite') as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    assert 'does not know' in one(checks_cloud.databases(site)).what


def test_a_database_that_does_not_answer(folder):
    site = folder(database={'url_template': f'mysql+pymysql://u:hunter2@127.0.0.1:{free_port()}/{{service}}'})
    found = list(checks_cloud.databases(site))
    assert found
    assert all('does not answer' in finding.what and 'hunter2' not in finding.what for finding in found)


def test_a_broker_that_does_not_answer(folder):
    with pytest.raises(Skip):
        list(checks_cloud.broker(folder()))
    finding = one(checks_cloud.broker(folder(messaging={'url': f'amqp://guest:hunter2@127.0.0.1:{free_port()}//'})))
    assert 'does not answer' in finding.what
    assert 'hunter2' not in finding.what
    assert 'not lost' in finding.remedy


def test_messages_that_were_given_up(folder, monkeypatch):
    site = folder(messaging={'url': 'amqp://guest:guest@127.0.0.1:1//'})
    monkeypatch.setattr('common.messaging.deadletter.DeadLetters.count', lambda self: 3)
    letter = DeadLetter('compute.host.h1', 'delivery_limit', 'compute.host.wake', 'req-1')
    monkeypatch.setattr('common.messaging.deadletter.DeadLetters.list', lambda self, most: [letter])
    finding = one(checks_cloud.broker(site))
    assert '3 messages were given up, for example compute.host.wake for compute.host.h1 (delivery_limit)' in finding.what
    assert finding.severity == WARNING


@pytest.fixture
def running(monkeypatch):
    """Let the doctor believe that the cloud runs."""
    monkeypatch.setattr(Site, 'is_running', property(lambda self: True))


def test_apis_that_do_not_answer(folder, running):
    site = folder(service={'services': 'identity,image'})
    assert [finding.what.split(' at ')[0] for finding in checks_cloud.apis(site)] == ['The identity API', 'The image API']


class Sick(http.server.BaseHTTPRequestHandler):
    """An API with a bad database and a clock that is off."""

    def do_GET(self):  # noqa: N802
        body = json.dumps({'healthy': False, 'checks': {'database': {'healthy': False}, 'keys': {'healthy': True}}}).encode()
        self.send_response_only(503)
        self.send_header('Date', 'Sat, 01 Jan 2000 00:00:00 GMT')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


def test_an_api_that_is_not_well(folder, running):
    server = http.server.HTTPServer(('127.0.0.1', 0), Sick)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        site = folder(service={'services': 'image'}, endpoints={'image': f'http://127.0.0.1:{server.server_port}'})
        found = [finding.what for finding in checks_cloud.apis(site)]
    finally:
        server.shutdown()
        server.server_close()
    assert found[0] == 'image is not well: database'
    assert found[1].startswith('The clock of image differs from ours by')


def test_services_that_cannot_reach_each_other(cloud, tmp_path):
    site = Site(cloud.state)
    assert list(checks_cloud.reachability(site)) == []
    site.runtime.endpoints = type(site.runtime.endpoints)(**{**vars(site.runtime.endpoints), 'image': 'http://127.0.0.1:1'})
    found = {finding.what for finding in checks_cloud.reachability(site)}
    site.close()
    assert found == {'compute cannot call image: Connection refused', 'volume cannot call image: Connection refused'}


def test_a_service_user_that_cannot_sign_in(cloud, monkeypatch):
    site = Site(cloud.state)
    monkeypatch.setattr(type(site.runtime), 'service_password', lambda self: 'wrong')
    found = [finding.what for finding in checks_cloud.reachability(site)]
    site.close()
    assert 'The service user compute cannot sign in.' in found


def test_hosts_that_are_down(cloud, monkeypatch):
    rows = [
        ('compute worker', 'h1', 'nova', 'up', True),
        ('compute worker', 'h2', 'nova', 'down', True),
        ('volume worker', 'h3', 'nova', 'down', False),
    ]
    monkeypatch.setattr('pileus.status.hosts_of', lambda apis: (rows, None))
    site = Site(cloud.state)
    found = [(finding.what, finding.severity) for finding in checks_cloud.hosts(site)]
    assert found == [('compute worker on h2 is down.', PROBLEM), ('volume worker on h3 is down.', WARNING)]


def test_work_that_does_not_end(cloud):
    """An operation that asked for attention, as it stands in the database."""
    with sqlite3.connect(cloud.state / 'db' / 'volume.sqlite', timeout=30) as connection:
        columns = {row[1]: (row[2], row[3]) for row in connection.execute('PRAGMA table_info(operations)')}
        values = {
            name: (
                '{}'
                if kind == 'JSON'
                else 0
                if 'INT' in kind or 'BOOL' in kind
                else '2026-01-01 00:00:00.000000'
                if 'TIME' in kind
                else 'x'
            )
            for name, (kind, needed) in columns.items()
            if needed
        }
        values |= {
            'id': 'op-1', 'kind': 'volume.create', 'version': 1, 'resource_type': 'volume', 'resource_id': 'v-1', 'state': 'undoing', 'attention': 1,
            'live_key': 'volume/v-1', 'place': 'nowhere', 'fault': json.dumps({'message': 'The pool is gone.'}), 'run_at': '2099-01-01 00:00:00.000000',
            'stalled': 0,
        }  # fmt: skip
        names, marks = ', '.join(values), ', '.join('?' * len(values))
        connection.execute(f'INSERT INTO operations ({names}) VALUES ({marks})', list(values.values()))  # noqa: S608 - the table's own names
    try:
        site = Site(cloud.state)
        found = [finding for finding in checks_cloud.operations(site) if 'v-1' in finding.what]
        site.close()
    finally:
        with sqlite3.connect(cloud.state / 'db' / 'volume.sqlite', timeout=30) as connection:
            connection.execute("DELETE FROM operations WHERE id = 'op-1'")
    assert 'volume.create of volume v-1' in found[0].what
    assert 'The pool is gone.' in found[0].what
    assert found[0].remedy.startswith('pileus timeline v-1')


def test_a_check_that_fails_is_a_finding_and_stops_no_other(folder):
    site = folder()

    def broken(site):
        raise ZeroDivisionError('oops')

    examined = list(doctor.examine(site.state, {'broken': broken, 'clock': checks_host.clock}))
    assert 'ZeroDivisionError: oops' in examined[0].findings[0].what
    assert examined[1].findings == []


def test_where_there_is_no_cloud_the_doctor_says_what_to_type(tmp_path):
    examined = {found.name: found for found in doctor.examine(tmp_path, {'configuration': checks_host.configuration})}
    assert f'pileus up --state {tmp_path}' in examined['configuration'].findings[0].what
