"""A small cloud whose things are files, so that they outlive a process that is killed."""

from __future__ import annotations

import pathlib

from common.context import Context
from common.db import Database, declarative_base_for
from common.errors import NoValidHost
from common.operations import HOST, SERVICE, LocalBell, Operation, Operations, Run, Step, host_location, minutes, operation_tables
from common.operations.testing import Trial

HOSTS = ('h1', 'h2', 'h3')
SERVER = 'server-1'


class Things:
    """Domains, disks, ports, claims: one file each."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def make(self, name: str) -> None:
        (self.folder / name).touch()

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def all(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


def choose_host(run: Run) -> dict[str, str]:
    free = [host for host in HOSTS if host not in run.excluded_hosts]
    if not free:
        raise NoValidHost('No valid host: 3 hosts refused')
    run.set_host(free[0])
    run.world.make(f'claim-{run.resource_id}')
    return {'host': free[0]}


def release(run: Run, output: object) -> None:
    run.world.remove(f'claim-{run.resource_id}')


def maker(what: str):
    def make(run: Run) -> dict[str, str]:
        name = f'{what}-{run.resource_id}' + (f'@{run.host}' if run.host else '')
        run.world.make(name)
        return {'name': name}

    return make


def remover(what: str):
    def remove(run: Run, output: object) -> None:
        run.world.remove(f'{what}-{run.resource_id}' + (f'@{run.host}' if run.host else ''))

    return remove


def remove_from_host(run: Run) -> None:
    for name in run.world.all():
        if name.endswith(f'@{run.host}') and run.resource_id in name:
            run.world.remove(name)


def remove_the_rest(run: Run) -> None:
    for name in run.world.all():
        if run.resource_id in name:
            run.world.remove(name)


BOOT = Operation(
    'server.boot',
    of='server',
    deadline=minutes(15),
    steps=[
        Step('choose_host', on=SERVICE, do=choose_host, undo=release),
        Step('make_ports', on=SERVICE, do=maker('port'), undo=remover('port')),
        Step('make_volume', on=SERVICE, do=maker('volume'), undo=remover('volume'), when=lambda run: run.params.get('volume')),
        Step('make_disk', on=HOST, do=maker('disk'), undo=remover('disk'), retry_from='choose_host'),
        Step('start_domain', on=HOST, do=maker('domain'), undo=remover('domain'), retry_from='choose_host'),
        Step('finish', on=SERVICE, do=maker('mark'), undo=remover('mark')),
    ],
)
DELETE = Operation(
    'server.delete',
    of='server',
    deadline=None,
    never_gives_up=True,
    steps=[
        Step('clean_host', on=HOST, do=remove_from_host, when=lambda run: run.host),
        Step('clean_rest', on=SERVICE, do=remove_the_rest),
    ],
)
Base = declarative_base_for('cloud')
TABLES = operation_tables(Base.metadata)


class Cloud:
    """Database, operations and things in one folder."""

    def __init__(self, folder: pathlib.Path, url: str | None = None, extra: tuple[Operation, ...] = ()) -> None:
        self.db = Database(url or f'sqlite:///{folder}/cloud.sqlite')
        Base.metadata.create_all(self.db.engine)
        self.things = Things(folder / 'things')
        self.bell = LocalBell()
        self.ops = Operations(self.db, [BOOT, DELETE, *extra], TABLES, bell=self.bell)
        self.ctx = Context.service('test')
        self.worlds = {SERVICE: self.things, **{host_location(host): self.things for host in HOSTS}}

    def start(self, definition: Operation = BOOT, resource: str = SERVER, **rest) -> str:
        with self.db.write() as session:
            return self.ops.start(session, self.ctx, definition, resource, **rest)

    def delete(self, resource: str = SERVER, host: str | None = 'h1') -> str:
        return self.start(DELETE, resource, host=host, supersede=True)

    def events(self, operation: str) -> list[tuple[str, str, str]]:
        with self.db.read() as session:
            return [(e.step, e.direction, e.event) for e in self.ops.events(session, operation)]


def trial_of(cloud: Cloud, start, delete=None) -> Trial:
    return Trial(ops=cloud.ops, worlds=cloud.worlds, start=start, inventory=cloud.things.all, delete=delete, close=cloud.db.dispose)


def boot_trial(folder: pathlib.Path) -> Trial:
    cloud = Cloud(folder)
    return trial_of(cloud, cloud.start, cloud.delete)


def delete_trial(folder: pathlib.Path) -> Trial:
    cloud = Cloud(folder)
    if not cloud.things.all() and not (folder / 'begun').exists():
        (folder / 'begun').touch()
        for name in ('claim-server-1', 'disk-server-1@h1', 'domain-server-1@h1', 'port-server-1@h1', 'claim-server-2'):
            cloud.things.make(name)
    return trial_of(cloud, cloud.delete)
