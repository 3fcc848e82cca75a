"""The scheduler as the runtime builds it."""

from __future__ import annotations

import uuid

import pytest
import webob

from common.config import Settings
from common.context import Context
from common.errors import NoValidHost
from common.runtime import Runtime
from scheduler import manage
from scheduler.rpc import Scheduler

ADMIN = Context.service('test')
ALICE = Context(request_id='req-a', global_request_id='req-g', user_id='alice', project_id='p', roles=frozenset({'member', 'reader'}))


@pytest.fixture
def runtime(tmp_path):
    settings = Settings.load(
        [], overrides={'service': {'state_dir': str(tmp_path)}, 'messaging': {'url': f'pileus-memory://{uuid.uuid4().hex}'}}
    )
    runtime = Runtime(settings)
    runtime.build(['scheduler'])
    runtime.prepare()
    runtime.start([('scheduler', 'conductor')])
    yield runtime
    runtime.stop()


def get(runtime, ctx, path):
    application = runtime.parts['scheduler'].apis[0].application()
    return webob.Request.blank(path, environ={'pileus.context': ctx}).get_response(application)


def test_decisions_are_events_of_the_timeline(runtime):
    client = runtime.broker.client(Scheduler)
    client.report(ADMIN, hosts=[{'name': 'h1', 'vcpus': 4, 'ram': 1024, 'disk': 10}])
    client.claim(ALICE, consumer='s1', request={'ram': 512, 'project': 'p'})
    with pytest.raises(NoValidHost) as refused:
        client.claim(ALICE, consumer='s2', request={'ram': 1024, 'project': 'p'})
    events = get(runtime, ADMIN, '/pileus/events?request=req-g').json['events']
    assert [(event['resource_id'], event['event'], event['host']) for event in events] == [('s1', 'done', 'h1'), ('s2', 'refused', None)]
    assert events[1]['message'] == refused.value.message
    own = get(runtime, ALICE, '/pileus/events?resource=s2').json['events']
    assert own[0]['message'] == refused.value.message
    assert 'host' not in own[0]
    stranger = ALICE.but(project_id='other')
    assert get(runtime, stranger, '/pileus/events?request=req-g').json['events'] == []
    assert get(runtime, ALICE, '/pileus/events').status_int == 400
    assert get(runtime, Context.anonymous(), '/pileus/events?request=req-g').status_int == 401


def test_zones_and_health(runtime):
    client = runtime.broker.client(Scheduler)
    client.report(ADMIN, hosts=[{'name': f'h{i}', 'vcpus': 4, 'ram': 1024, 'disk': 10, 'zone': 'east' if i else 'west'} for i in range(3)])
    client.set_host(ADMIN, kind='server', name='h0', values={'enabled': False})
    assert client.zones(ADMIN, kind='server') == {'west': {'hosts': 1, 'available': False}, 'east': {'hosts': 2, 'available': True}}
    assert runtime.parts['scheduler'].checks['counts']() is None


def test_the_command(tmp_path, capsys):
    config = tmp_path / 'pileus.conf'
    config.write_text(f'[service]\nstate_dir = {tmp_path}\n')
    run = ['--config', str(config)]
    assert manage.main([*run, 'db', 'sync']) == 0
    assert manage.main([*run, 'db', 'check']) == 0
    assert manage.main([*run, 'host', 'list']) == 0
    assert manage.main([*run, 'explain', 'nobody']) == 1
    out = capsys.readouterr()
    assert 'scheduler.db: 0001' in out.out
    assert 'KIND' in out.out
    assert out.err == 'No decision is known for nobody.\n'
