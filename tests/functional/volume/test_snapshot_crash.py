"""Snapshots, and volumes made of images, snapshots and volumes, broken and killed at each step and in the middle of the copying;
and what others do meanwhile to what is copied."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.config import Settings
from common.context import Context
from common.errors import InvalidInput, NotFound
from common.operations import host_location, testing
from common.operations.testing import Make, Trial
from common.runtime import Runtime
from pileus import settings as state_files
from pileus.cloud import embedded, simulated_overrides
from tests.ports import free_ports
from volume import attachments, snapshots, volume_create, volume_delete, volumes
from volume.control import Control
from volume.db import snapshots as snapshot_queries
from volume.db import volumes as queries
from volume.drivers.file import FilePool
from volume.drivers.simulated import SimulatedTarget
from volume.worker import HostWorld

CTX = Context.service('test').but(project_id='p' * 32, user_id='u' * 32, system_scope=None)
DATA = os.urandom(100_000)
OCTETS = {'Content-Type': 'application/octet-stream'}


class Region:
    """The identity and image services that all worlds share, and an image."""

    def __init__(self, directory: pathlib.Path) -> None:
        state_files.make_secrets(directory)
        names = ('identity', 'image')
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.runtime = embedded(Settings.load(overrides=simulated_overrides(directory, self.ports)), names)
        self.runtime.start([(name, 'api') for name in names])
        self.password = state_files.secret(directory, 'service-password')
        client = self.runtime.rest('volume', 'image')
        body = {'name': 'source', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'public'}
        self.image = str(client.post('/v2/images', body)['id'])
        client.request('PUT', f'/v2/images/{self.image}/file', data=DATA, headers=OCTETS)


class World:
    """The volume service and a host of it in a folder; made again in the same folder it is the same, after a crash."""

    def __init__(self, directory: pathlib.Path, region: Region) -> None:
        state = directory / 'state'
        state_files.make_secrets(state)
        overrides = simulated_overrides(state, {**region.ports, 'volume': free_ports(1)[0]}, auth={'password': region.password})
        self.runtime = Runtime(Settings.load(overrides=overrides))
        self.runtime.build(['volume'])
        self.runtime.prepare()
        self.service = self.runtime.parts['volume'].service
        self.pool = FilePool(directory / 'pool')
        self.worlds: dict[str, Any] = {host_location('h'): HostWorld(self.pool, SimulatedTarget(), self.service.image)}
        Control(self.service).report(CTX, 'h', 'nova', 100.0, 100.0, 0.0)
        self.image = region.image
        if not self.pool.inventory():
            self.furnish()

    def furnish(self) -> None:
        """A volume with data, and a snapshot of it."""
        volume = volume_create.create(self.service, CTX, {'name': 'origin', 'size': 1})
        self.drive(self.live(volume.id))
        with pathlib.Path(self.pool.path(volume.id)).open('r+b') as file:
            file.write(DATA)
        self.drive(self.snapshot('kept'))

    def find(self, name: str) -> Any:
        """The volume or snapshot of this name."""
        with self.service.db.read() as session:
            found = queries.list_volumes(session, None, {'name': name}, {}, [('id', 'asc')], 10, None)
            return (found + snapshot_queries.list_snapshots(session, None, {'name': name}, [('id', 'asc')], 10, None))[0]

    def live(self, resource: str) -> str:
        """The operation that owns it."""
        with self.service.db.read() as session:
            return str(self.service.ops.live(session, resource).id)

    def snapshot(self, name: str = 'new') -> str:
        """Start to keep the origin; the id of the operation."""
        return self.live(snapshots.create(self.service, CTX, {'volume_id': self.find('origin').id, 'name': name}, False).id)

    def create(self, **source: Any) -> str:
        """Start to make a volume; the id of the operation."""
        return self.live(volume_create.create(self.service, CTX, {'name': 'new', 'size': 1, **source}).id)

    def start(self, what: str) -> str:
        """Start one of the operations that are tried here; its id."""
        if what == 'snapshot':
            return self.snapshot()
        if what == 'image':
            return self.create(imageRef=self.image)
        source = {'of snapshot': ('snapshot_id', 'kept'), 'of volume': ('source_volid', 'origin')}[what]
        return self.create(**{source[0]: self.find(source[1]).id})

    def delete(self, what: str) -> str:
        """Start to delete what is being made; the id of the operation."""
        made = self.find('new').id
        if what == 'snapshot':
            snapshots.delete(self.service, CTX, made)
        else:
            volume_delete.delete(self.service, CTX, made)
        return self.live(made)

    def trial(self, what: str = 'snapshot') -> Trial:
        """What drives operations in this world."""
        return Trial(
            ops=self.service.ops, worlds=self.worlds, start=lambda: self.start(what), delete=lambda: self.delete(what),
            inventory=self.inventory, close=lambda: self.runtime.stop(),
        )  # fmt: skip

    def drive(self, operation: str, wanted: str = 'done') -> None:
        """Carry an operation to its end."""
        record = testing.drive(self.trial(), operation)
        assert record.state == wanted, record.fault

    def inventory(self) -> dict[str, Any]:
        """Everything on the host, by kind: size and whether it holds the data. What no row speaks of is a stray."""
        with self.service.db.read() as session:
            rows = queries.list_volumes(session, None, {}, {}, [('id', 'asc')], 10, None)
            rows += snapshot_queries.list_snapshots(session, None, {}, [('id', 'asc')], 10, None)
        names = {row.id: row.name for row in rows if row.status != 'error'}
        found: dict[str, Any] = {row.name: row.status for row in rows if row.status not in ('error', 'creating')}
        for path in self.pool.directory.iterdir():
            kind, _, owner = path.name.partition('-')
            found[f'{kind} {names.get(owner, "stray")}'] = path.is_file() and (path.stat().st_size, _begins_well(path))
        return found


def _begins_well(path: pathlib.Path) -> bool:
    with path.open('rb') as file:
        return file.read(len(DATA)) == DATA


@pytest.fixture(scope='module')
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    made = Region(tmp_path_factory.mktemp('region'))
    yield made
    made.runtime.stop()


@pytest.fixture(scope='module')
def world_in(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Callable[[pathlib.Path], World]:
    """Worlds with a volume and a snapshot; a fresh one is a copy of the first."""
    template = tmp_path_factory.mktemp('volumes') / 'template'
    template.mkdir()
    World(template, region).runtime.stop()

    def made(directory: pathlib.Path) -> World:
        if not any(directory.iterdir()):
            _copy(template, directory)
        return World(directory, region)

    return made


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """A copy without the data of the volumes, which are mostly holes."""
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns('pool'))
    (target / 'pool').mkdir()
    for path in (source / 'pool').iterdir():
        with (target / 'pool' / path.name).open('wb') as file:
            file.write(DATA)
            file.truncate(1 << 30)


KINDS = ('snapshot', 'image', 'of snapshot', 'of volume')
WHOLE = (1 << 30, True)


def maker(world_in: Callable[[pathlib.Path], World], what: str) -> Make:
    return lambda directory: world_in(directory).trial(what)


CHECKS = ('every_step_twice', 'fail_at_every_step', 'undo_twice', 'crash_before_and_after_every_record', 'delete_at_every_step')


@pytest.mark.parametrize(
    ('what', 'check'),
    [(what, check) for what in ('snapshot', 'image') for check in CHECKS] + [('of snapshot', CHECKS[0]), ('of volume', CHECKS[0])],
)
def test_broken_at_every_step(world_in: Callable[[pathlib.Path], World], what: str, check: str, tmp_path: pathlib.Path) -> None:
    walked = getattr(testing, check)(maker(world_in, what), tmp_path)
    step = 'keep' if what == 'snapshot' else 'make'
    if check == 'crash_before_and_after_every_record':
        assert {f'{when} {record}:{step}' for when in ('before', 'after') for record in ('claim', 'done')} <= set(walked)
    else:
        assert walked == [step]


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killed_within(world_in: Callable[[pathlib.Path], World], folder: pathlib.Path, what: str, moment: str) -> None:
    """Start the operation in a child that dies at a moment of the copying."""
    world_in(folder).runtime.stop()
    child = os.fork()
    if child == 0:
        try:
            world = world_in(folder)
            whole, replace = os.copy_file_range, pathlib.Path.replace
            if moment == MIDDLE:
                os.copy_file_range = lambda s, t, n, i, j: (whole(s, t, n // 2, i, j), _kill())  # type: ignore[assignment]
                piece = world.service.image.__class__.stream
                world.service.image.__class__.stream = lambda *a, **k: _cut(piece(*a, **k))  # type: ignore[method-assign]
            elif moment == BEFORE:
                pathlib.Path.replace = lambda self, target: _kill()  # type: ignore[assignment,method-assign,return-value]
            else:
                pathlib.Path.replace = lambda self, target: (replace(self, target), _kill())  # type: ignore[assignment,method-assign,return-value]
            testing.drive(world.trial(), world.start(what))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces)[:1000]
    _kill()


MIDDLE, BEFORE, AFTER = 'in the middle of the data', 'before it gets its name', 'after it has got its name'


@pytest.mark.parametrize(
    ('what', 'moment', 'then'),
    [(what, MIDDLE, 'go on') for what in KINDS]
    + [(what, *rest) for what in ('snapshot', 'image') for rest in ((MIDDLE, 'delete'), (BEFORE, 'go on'), (AFTER, 'go on'))],
)
def test_killed_in_the_middle(world_in: Callable[[pathlib.Path], World], what: str, moment: str, then: str, tmp_path: pathlib.Path) -> None:
    _killed_within(world_in, tmp_path, what, moment)
    world = world_in(tmp_path)
    try:
        made = world.find('new').id
        before = {name: value for name, value in world.inventory().items() if not name.endswith(('new', 'stray'))}
        assert before == {'origin': 'available', 'kept': 'available', 'volume origin': WHOLE, 'snapshot kept': WHOLE}
        world.drive(world.live(made) if then == 'go on' else world.delete(what))
        kind = 'snapshot' if what == 'snapshot' else 'volume'
        assert world.inventory() == before | ({'new': 'available', f'{kind} new': WHOLE} if then == 'go on' else {})
    finally:
        world.runtime.stop()


# -- what happens to the source meanwhile


class _Meanwhile(FilePool):
    """A pool in which something happens when copying begins."""

    happens: Callable[[], object]

    def _copy(self, *arguments: Any) -> None:
        self.happens()
        super()._copy(*arguments)


def _with(world: World, happens: Callable[[], object]) -> None:
    pool = _Meanwhile(world.pool.directory)
    pool.happens = happens
    (host,) = world.worlds.values()
    host.pool = pool


@pytest.fixture
def world(world_in: Callable[[pathlib.Path], World], tmp_path: pathlib.Path) -> Iterator[World]:
    made = world_in(tmp_path)
    yield made
    made.runtime.stop()


def _attach(world: World, name: str = 'origin') -> None:
    body = {'volume_uuid': world.find(name).id, 'instance_uuid': '1' * 8 + '-2222-4333-8444-555555555555'}
    attachments.create(world.service, CTX, body)


@pytest.mark.parametrize('what', ['snapshot', 'of volume'])
def test_nobody_writes_to_a_volume_that_is_copied_piece_by_piece(world: World, what: str) -> None:
    operation = world.start(what)
    with pytest.raises(InvalidInput, match='being copied'):
        _attach(world)
    world.drive(operation)
    _attach(world)
    assert world.find('origin').status == 'reserved'


def test_a_copy_that_waits_for_its_turn_keeps_servers_away_until_it_is_deleted(world: World) -> None:
    world.start('snapshot')
    with pytest.raises(InvalidInput, match='being copied'):
        _attach(world)
    deletion = world.delete('snapshot')
    world.drive(deletion)
    _attach(world)


@pytest.mark.parametrize('what', ['snapshot', 'of volume'])
def test_a_source_that_is_deleted_meanwhile_leaves_no_half(world: World, what: str) -> None:
    origin = world.find('origin').id
    snapshots.delete(world.service, CTX, world.find('kept').id)
    world.drive(world.live(world.find('kept').id))
    operation = world.start(what)
    deletion = []

    def delete() -> None:
        if not deletion:
            volume_delete.delete(world.service, CTX, origin, cascade=True)
            deletion.append(world.live(origin))
            world.drive(deletion[0])

    _with(world, delete)
    ended = testing.drive(world.trial(), operation)
    assert ended.state in ('failed', 'superseded'), ended
    if what == 'snapshot':
        world.drive(world.live(world.find('new').id))
    left = world.inventory()
    assert left == {}, left


def test_a_volume_that_grows_meanwhile_is_kept_as_it_was_asked_for(world: World) -> None:
    operation, origin = world.start('of volume'), world.find('origin').id

    def grow() -> None:
        volumes.extend(world.service, CTX, origin, 3)
        (host,) = world.worlds.values()
        host.pool = world.pool
        world.drive(world.live(origin))

    _with(world, grow)
    world.drive(operation)
    found = world.inventory()
    assert found['volume new'] == WHOLE and found['volume origin'] == (3 << 30, True)


def test_a_snapshot_of_what_is_going_or_growing_is_refused(world: World) -> None:
    origin = world.find('origin').id
    volumes.extend(world.service, CTX, origin, 2)
    for make in (lambda: world.start('snapshot'), lambda: world.start('of volume')):
        with pytest.raises(InvalidInput, match='extending'):
            make()
    world.drive(world.live(origin))
    volume_delete.delete(world.service, CTX, origin, cascade=True)
    with pytest.raises(InvalidInput, match='deleting'):
        world.start('of snapshot')
    with pytest.raises((InvalidInput, NotFound)):
        world.start('snapshot')
