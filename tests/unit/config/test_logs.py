"""Lines of the log: the ids they carry, and the secrets they do not."""

from __future__ import annotations

import json
import logging

import pytest

from common import log
from common.context import Context

CANARY = 'zq9CanaryZq9Canary'


@pytest.fixture
def lines(tmp_path):
    """Log as text into a file; gives a function that returns what is in it."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    for handler in before:
        root.removeHandler(handler)

    def setup(form='text'):
        log.setup('DEBUG', form, tmp_path / 'logs' / 'x.log')
        return lambda: (tmp_path / 'logs' / 'x.log').read_text()

    yield setup
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.parametrize(
    'text',
    [
        f'{{"auth": {{"identity": {{"password": {{"user": {{"name": "x", "password": "{CANARY}"}}}}}}}}}}',
        f'password={CANARY}',
        f'connecting to amqp://guest:{CANARY}@host:5672//',
        f'mysql+pymysql://pileus:{CANARY}@127.0.0.1/x',
        f'X-Auth-Token: {CANARY}',
        f"headers {{'X-Subject-Token': '{CANARY}'}}",
        f"secret: '{CANARY}'",
        f'private_key="{CANARY}"',
        f'token {"pl1."}AAAA{CANARY}{CANARY}',
        f'auth_password = {CANARY}',
    ],
)
def test_secrets_are_struck_out(lines, text):
    read = lines()
    logging.getLogger('x').warning(text)
    logging.getLogger('x').warning('%s', text)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger('x').exception('failed')
    found = read()
    assert found.count('***') >= 3
    assert CANARY not in found


def test_lines_carry_the_ids_of_the_request(lines):
    read = lines()
    ctx = Context(request_id='req-1', global_request_id='req-0', user_id='u1', project_id='p1')
    with log.bound(ctx, operation='op1', resource='s1'):
        logging.getLogger('compute.x').info('booting')
    logging.getLogger('compute.x').info('idle')
    first, second = read().splitlines()
    assert 'INFO compute.x [request_id=req-1 user_id=u1 project_id=p1 operation=op1 resource=s1] booting' in first
    assert second.endswith('INFO compute.x [-] idle')


def test_json_lines(lines):
    read = lines('json')
    with log.bound(Context(request_id='req-1', global_request_id='req-0'), operation='op1'):
        logging.getLogger('a').warning('it costs 5\n€')
    entry = json.loads(read())
    assert entry['message'] == 'it costs 5\n€'
    assert (entry['request_id'], entry['global_request_id'], entry['operation'], entry['level']) == ('req-1', 'req-0', 'op1', 'WARNING')


def test_bindings_end_with_their_block():
    with log.bound(operation='a'):
        with log.bound(operation='b'):
            assert log._CURRENT.get() == {'operation': 'b'}
        assert log._CURRENT.get() == {'operation': 'a'}
    assert not log._CURRENT.get()


def test_a_process_with_many_services_writes_a_file_for_each(lines, tmp_path):
    lines()
    log.setup_folder('INFO', 'text', tmp_path / 'all')
    logging.getLogger('network.agent').info('from the agent')
    logging.getLogger('pileus.access').info('a request', extra={'service': 'image'})
    with log.bound(service='volume'):
        logging.getLogger('common.operations').info('a step')
    logging.getLogger('common.messaging').info('of nobody')
    logging.getLogger('../etc').info('not a file name')
    assert {path.name for path in (tmp_path / 'all').iterdir()} == {'network.log', 'image.log', 'volume.log', 'pileus.log'}
    assert 'from the agent' in (tmp_path / 'all' / 'network.log').read_text()
    assert 'a step' in (tmp_path / 'all' / 'volume.log').read_text()


def test_a_file_that_was_moved_away_is_made_anew(lines, tmp_path):
    read = lines()
    logging.getLogger('x').warning('one')
    (tmp_path / 'logs' / 'x.log').rename(tmp_path / 'old.log')
    logging.getLogger('x').warning('two')
    assert 'two' in read()
    assert 'one' not in read()
