"""`pileus up`, `status`, `doctor`, `timeline`, `explain`, `down`, as an operator types them."""

from __future__ import annotations

import json
import pathlib
import re
import stat

import pytest

from common.ids import new_id
from tests.functional.cli.conftest import pileus
from tests.functional.cloud import eventually


@pytest.fixture(scope='module')
def server(cloud):
    """A server that was booted by a user, from start to end."""
    demo = cloud.sdk('demo')
    made = demo.compute.create_server(
        name='web-1',
        image_id=next(demo.image.images(name='cirros-pileus')).id,
        flavor_id=demo.compute.find_flavor('m1.nano').id,
        networks=[{'uuid': demo.network.find_network('private').id}],
    )
    return demo.compute.wait_for_server(made, interval=0.05, wait=120)


def test_up_says_how_to_go_on(cloud):
    assert re.search(r'all APIs answer after \d+\.\d s', cloud.said)
    assert f'source {cloud.state}/openrc' in cloud.said


def test_up_again_changes_nothing(cloud):
    before = cloud.json('status')
    conf = (cloud.state / 'pileus.conf').read_text()
    done = cloud(*cloud.up)
    assert done.returncode == 0
    assert 'is running' in done.stdout
    after = cloud.json('status')
    assert [row['pid'] for row in after['processes']] == [row['pid'] for row in before['processes']]
    assert (cloud.state / 'pileus.conf').read_text() == conf
    admin = cloud.sdk()
    assert sorted(network.name for network in admin.network.networks()) == ['private', 'public']
    assert sorted(flavor.name for flavor in admin.compute.flavors()) == [
        'm1.large',
        'm1.medium',
        'm1.nano',
        'm1.small',
        'm1.tiny',
        'm1.xlarge',
    ]


def test_passwords_are_for_the_owner_only(cloud):
    for name in ('openrc', 'openrc-demo', 'clouds.yaml', 'pileus.conf', 'run/admin-password', 'run/service-password', 'run/demo-password'):
        assert stat.S_IMODE((cloud.state / name).stat().st_mode) == 0o600, name


def test_no_password_in_the_logs_or_on_a_command_line(cloud, server):
    secrets = [(cloud.state / 'run' / f'{name}-password').read_text().strip() for name in ('admin', 'demo', 'service')]
    texts = [path.read_text(errors='replace') for path in (cloud.state / 'logs').iterdir()]
    words = [text_of(path) for path in pathlib.Path('/proc').glob('[0-9]*/cmdline')]
    assert any(str(cloud.state) in text for text in words) and any('GET /v3' in text for text in texts), (
        'what is looked at is what is there'
    )
    for secret in secrets:
        assert secret and not any(secret in text for text in texts + words)


def text_of(path):
    """What is in a file; nothing where its process has just ended."""
    try:
        return path.read_text(errors='replace')
    except OSError:
        return ''


def test_status_shows_everything_that_runs(cloud):
    found = cloud.json('status')
    assert found['well'] is True
    assert {row['service'] for row in found['apis']} == {'identity', 'compute', 'image', 'volume', 'network', 'metadata', 'scheduler'}
    assert sum(row['kind'] == 'compute worker' and row['state'] == 'up' for row in found['hosts']) == 3
    (process,) = found['processes']
    assert process['memory_mib'] > 20
    text = cloud('status').stdout
    assert text.count(':-)') == 7 + len(found['hosts'])
    assert 'XXX' not in text


def test_the_doctor_finds_nothing(cloud, server):
    found = cloud('doctor', '--json')
    assert found.returncode == 0, found.stdout
    examined = json.loads(found.stdout)
    assert [finding for one in examined for finding in one['findings'] if finding['severity'] == 'problem'] == []
    assert len(examined) >= 15
    assert '0 problems' in cloud('doctor').stdout


def test_the_doctor_can_be_asked_for_one_thing(cloud):
    assert [one['name'] for one in json.loads(cloud('doctor', '--json', '--only', 'apis').stdout)] == ['apis']
    wrong = cloud('doctor', '--only', 'feelings')
    assert wrong.returncode == 2
    assert 'there is no check feelings; known: configuration' in wrong.stderr


def test_the_timeline_of_a_server_has_every_service_in_order(cloud, server):
    found = cloud.json('timeline', server.id)
    events = found['events']
    assert found['silent'] == {}
    assert {'compute', 'scheduler', 'network'} <= {event['service'] for event in events}
    times = [event['at'] for event in events]
    assert times == sorted(times)
    assert len({event['global_request_id'] for event in events}) == 1
    assert (events[0]['type'], events[0]['method'], events[0]['status']) == ('request', 'POST', 202)
    steps = [event['step'] for event in events if event.get('event') == 'done' and event['service'] == 'compute' and event['step']]
    assert steps[0] == 'choose_host'
    assert {'make_ports', 'make_disk', 'spawn'} <= set(steps)
    assert all(event['duration'] is not None for event in events if event.get('event') == 'done')


def test_the_timeline_by_request_and_by_name_is_the_same(cloud, server):
    by_id = cloud.json('timeline', server.id)['events']
    assert cloud.json('timeline', 'web-1')['events'] == by_id
    assert cloud.json('timeline', by_id[0]['global_request_id'])['events'] == by_id
    text = cloud('timeline', 'web-1').stdout
    assert f'{len(by_id)} events' in text
    assert 'POST /v2.1/servers -> 202' in text.replace('\n', ' ')
    assert 'server.boot spawn done' in text


def test_a_user_sees_the_own_timeline_without_hosts(cloud, server):
    environment = openrc(cloud.state / 'openrc-demo')
    mine = pileus('timeline', server.id, '--json', environment=environment)
    events = json.loads(mine.stdout)['events']
    assert 'compute' in {event['service'] for event in events}
    assert not any(event.get('host') for event in events)


def openrc(path):
    return dict(re.findall(r"export (\w+)='([^']*)'", path.read_text()))


def test_a_named_cloud(cloud, server):
    environment = {'OS_CLIENT_CONFIG_FILE': str(cloud.state / 'clouds.yaml')}
    assert pileus('timeline', 'web-1', '--os-cloud', 'pileus', environment=environment).returncode == 0
    wrong = pileus('timeline', 'web-1', '--os-cloud', 'elsewhere', environment=environment)
    assert wrong.returncode == 2
    assert "There is no cloud 'elsewhere'" in wrong.stderr


@pytest.mark.parametrize('verb', ['timeline', 'explain'])
def test_what_nobody_knows(cloud, verb):
    done = cloud(verb, new_id())
    assert done.returncode == 2
    assert 'Nothing is known of' in done.stderr
    assert 'Traceback' not in done.stderr


def test_explain_a_server_that_has_a_host(cloud, server):
    text = cloud('explain', 'web-1').stdout
    assert 'web-1 is ACTIVE' in text
    host = cloud.sdk().compute.get_server(server.id).hypervisor_hostname
    assert f'on host {host}' in text
    assert '3 hosts were looked at, 3 of them fit' in text


def test_explain_a_server_that_has_none(cloud):
    admin = cloud.sdk()
    flavor = admin.compute.create_flavor(name='giant', vcpus=1, ram=64, disk=1_000_000)
    made = admin.compute.create_server(name='too-big', image_id=next(admin.image.images()).id, flavor_id=flavor.id, networks='none')
    eventually(lambda: admin.compute.get_server(made.id).status == 'ERROR', what='that no host has room')
    text = cloud('explain', 'too-big').stdout
    assert 'too-big is ERROR' in text
    assert 'fault: No valid host: 3 hosts: 3 lack disk (want 1000000 GiB' in text
    assert re.search(r'3 refused by disk: wanted 1000000, best \d+ GiB', text)
    admin.compute.delete_server(made.id)


def test_the_configuration(cloud):
    shown = cloud('config', 'show').stdout
    assert re.search(rf'\[service\] state_dir = {re.escape(str(cloud.state))}    # .*pileus.conf', shown)
    assert '[compute] driver = simulated' in shown
    assert cloud('config', 'check').returncode == 0
    assert '#bind = 127.0.0.1' in pileus('config', 'sample').stdout


def test_somebody_elses_start_is_not_disturbed(cloud):
    import fcntl

    with (cloud.state / 'run' / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = cloud('down')
    assert done.returncode == 2
    assert 'Somebody else is starting or ending' in done.stderr


@pytest.mark.parametrize('words', [['status'], ['doctor'], ['timeline', 'x'], ['config', 'show'], ['messages']])
def test_where_there_is_no_cloud(tmp_path, words):
    done = pileus(*words, state=tmp_path)
    assert done.returncode != 0
    assert 'Traceback' not in done.stderr + done.stdout
    assert 'pileus up --state' in done.stderr + done.stdout


def test_down_where_nothing_runs(tmp_path):
    done = pileus('down', state=tmp_path)
    assert (done.returncode, done.stdout) == (0, f'no cloud runs from {tmp_path}\n')


def test_wrong_words_are_explained(tmp_path):
    done = pileus('up', '--simulated', '--set', 'nonsense', state=tmp_path)
    assert done.returncode == 2
    assert 'GROUP.OPTION=VALUE' in done.stderr
    done = pileus('up', '--simulated', '--set', 'compute.drivr=x', state=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'driver'" in done.stderr
