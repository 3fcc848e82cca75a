"""Images from before there were several stores are found where they are, on every database; and the rows of places hold under all of them."""

from __future__ import annotations

import concurrent.futures
import datetime
import threading

import pytest
import sqlalchemy as sa

from common.clock import now
from common.db import Database, migrate
from common.errors import Conflict
from image.db import images as image_queries
from image.db import locations as queries
from tests.databases import database_url, servers  # noqa: F401


@pytest.fixture
def db(database_url: str) -> Database:  # noqa: F811
    made = Database(database_url)
    migrate.sync(made, 'image.db', '0001')
    values = {
        'visibility': 'private', 'min_disk': 0, 'min_ram': 0, 'protected': False, 'os_hidden': False, 'created_at': now(), 'updated_at': now(),
    }  # fmt: skip
    with made.write() as session:
        for image, status in (('old', 'active'), ('out-of-use', 'deactivated'), ('empty', 'queued')):
            columns = ', '.join(['id', 'status', *values])
            marks = ', '.join(f':{name}' for name in ['id', 'status', *values])
            session.execute(sa.text(f'INSERT INTO images ({columns}) VALUES ({marks})'), {'id': image, 'status': status, **values})
    migrate.sync(made, 'image.db')
    return made


def test_places(db: Database) -> None:
    with db.read() as session:
        records = {name: image_queries.get_image(session, name) for name in ('old', 'out-of-use', 'empty')}
    assert {name: [place.store for place in record.locations] for name, record in records.items() if record} == {
        'old': ['default'], 'out-of-use': ['default'], 'empty': [],
    }  # fmt: skip
    soon = now() + datetime.timedelta(seconds=60)
    with db.write() as session:
        queries.begin(session, 'empty', 'fast', upload_id='u', owner='op', when=now(), until=soon)
        queries.add(session, 'empty', 'web', 'http://x/', {'a': [1]}, now())
    with pytest.raises(Conflict), db.write() as session:
        queries.begin(session, 'empty', 'fast', upload_id='v', owner=None, when=now(), until=soon)
    with db.write() as session:
        found = queries.find_own(session, 'empty', 'fast')
        assert found is not None
        taken = {'upload_id': 'v', 'when': now(), 'until': soon, 'only_if_dead': True}
        assert not queries.take_over(session, found, owner='other', **taken) and queries.take_over(session, found, owner='op', **taken)
        assert not queries.finish(session, 'empty', 'fast', 'u', 'file:///x', now())
        assert queries.finish(session, 'empty', 'fast', 'v', 'file:///x', now())
        assert [(place.url, place.metadata) for place in queries.of_images(session, ['empty'])['empty']] == [
            ('file:///x', {}),
            ('http://x/', {'a': [1]}),
        ]
    with db.write() as session:
        held = image_queries.remove_image(session, 'empty')
        assert [place.store for place in held] == ['fast'] and queries.any_to_sweep(session, now())
        queries.forget(session, held[0].id)
        assert not queries.any_to_sweep(session, now())
    db.dispose()


def test_one_of_many_gets_the_place(db: Database) -> None:
    soon = now() + datetime.timedelta(seconds=60)
    together = threading.Barrier(6)

    def write(number: int) -> str:
        together.wait(60)
        try:
            with db.write() as session:
                queries.begin(session, 'empty', 'fast', upload_id=f'{number}', owner=None, when=now(), until=soon)
        except Conflict:
            return 'busy'
        return 'taken'

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(write, range(6))) == ['busy'] * 5 + ['taken']
    with db.write() as session:
        assert queries.claim_orphan(session, 'empty', 'fast', now()) is None
        claimed = queries.claim_orphan(session, 'nobody', 'fast', now())
        assert claimed is not None and claimed.status == queries.PENDING_DELETE
    db.dispose()
