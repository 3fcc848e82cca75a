"""An image service of one process whose files outlive it, for tests that break and kill imports."""

from __future__ import annotations

import io
import pathlib
from typing import Any

from common.config import Settings
from common.context import Context
from common.operations import SERVICE
from common.runtime import Runtime
from image import conductor, importing, staging, upload
from image.db import images as image_queries
from image.images import create, delete
from image.records import ImageFilter
from pileus import settings as state_files
from pileus.cloud import embedded, simulated_overrides
from tests.ports import free_ports

CTX = Context.service('test').but(project_id='p' * 32, user_id='u' * 32, system_scope=None)
IMAGE = '11111111-2222-4333-8444-555555555555'
OTHER = '66666666-7777-4888-8999-aaaaaaaaaaaa'


def _known(image: str) -> str:
    """The id of one of the two images with names of their own; what others are called is chance."""
    return image if image in (IMAGE, OTHER) else 'other'


def _body(image: str) -> dict[str, Any]:
    return {'id': image, 'name': 'crash', 'disk_format': 'raw', 'container_format': 'bare'}


class Region:
    """Another region of the cloud, with the identity of both, and an image to import from there. Made once for many worlds."""

    def __init__(self, directory: pathlib.Path, data: bytes) -> None:
        state_files.make_secrets(directory)
        names = ('identity', 'image')
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.runtime = embedded(Settings.load(overrides=simulated_overrides(directory, self.ports)), names)
        self.runtime.start([(name, 'api') for name in names])
        self.password = state_files.secret(directory, 'service-password')
        service = self.runtime.parts['image'].service
        create(service, CTX, _body(OTHER) | {'hw_machine': 'q35', 'disk_format': 'ami', 'container_format': 'ami'})
        upload.store_data(service, CTX, OTHER, io.BytesIO(data).read, None)


class World:
    """The image service in a folder; made again in the same folder it is the same, after a crash."""

    def __init__(self, directory: pathlib.Path, web: str, data: bytes, region: Region | None = None, convert_to: str = '') -> None:
        state = directory / 'state'
        state_files.make_secrets(state)
        options = {
            'stores': 'one:filesystem,two:filesystem,web:http', 'allowed_networks': '127.0.0.0/8', 'import_allowed_ports': '1-65535',
            'cache_max_size': 0, 'conversion_format': convert_to,
        }  # fmt: skip
        ports = {'image': free_ports(1)[0]} | ({'identity': region.ports['identity']} if region else {})
        auth = {'password': region.password} if region else {}
        self.runtime = Runtime(Settings.load(overrides=simulated_overrides(state, ports, image=options, auth=auth)))
        self.runtime.build(['image'])
        self.runtime.prepare()
        self.service = self.runtime.parts['image'].service
        self.worlds: dict[str, Any] = {SERVICE: self.service}
        self.web, self.data = web, data
        conductor.sweep(self.service)  # as when it starts
        if self.find(IMAGE) is None:
            create(self.service, CTX, _body(IMAGE))

    def find(self, image: str) -> Any:
        """The record of an image, or None."""
        with self.service.db.read() as session:
            return image_queries.get_image(session, image)

    def upload(self, image: str) -> None:
        """Give an image its data in the first store."""
        upload.store_data(self.service, CTX, image, io.BytesIO(self.data).read, None)

    def prepare_for(self, method: str) -> None:
        """What has to be there before an import of this kind; what is there stays."""
        if self.find(IMAGE).status == 'queued':
            if method == 'copy':
                self.upload(IMAGE)
            if method == 'direct':
                self.stage()

    # -- the ways of importing; each gives the id of the operation

    def direct(self) -> str:
        """From the staging area."""
        return self.start({'name': 'glance-direct'})

    def stage(self) -> None:
        """Stage the data."""
        source = io.BytesIO(self.data)
        staging.stage(self.service, CTX, IMAGE, source.read, None)

    def from_web(self) -> str:
        """From a web server."""
        return self.start({'name': 'web-download', 'uri': self.web})

    def from_region(self) -> str:
        """From the image service of the other region."""
        return self.start({'name': 'glance-download', 'glance_image_id': OTHER, 'glance_region': 'RegionOne'})

    def copy(self) -> str:
        """To the other store."""
        return self.start({'name': 'copy-image'}, CTX.but(roles=frozenset({'admin'})))

    def by_task(self) -> str:
        """As a task, which makes an image of its own."""
        given = {'import_from': self.web, 'import_from_format': 'raw', 'image_properties': {'name': 'by task'}}
        return self.live(str(importing.start_task(self.service, CTX, 'import', given).image_id))

    def start(self, method: dict[str, Any], ctx: Context = CTX) -> str:
        """Begin an import to all stores."""
        importing.start(self.service, ctx, IMAGE, {'method': method, 'all_stores': True})
        return self.live()

    def live(self, image: str = IMAGE) -> str:
        """The id of the operation that owns an image."""
        with self.service.db.read() as session:
            return str(self.service.ops.live(session, image).id)

    def delete(self) -> str:
        """Delete the image; the id of the operation that follows."""
        delete(self.service, CTX, IMAGE)
        return self.live()

    # -- what there is

    def inventory(self) -> dict[str, Any]:
        """Everything outside of the operations' own records, but for the image's row after a deletion."""
        conductor.sweep(self.service)
        record = self.find(IMAGE)
        held = {
            name: sorted((_known(entry.image_id), entry.size, entry.partial) for entry in self.service.stores.get(name).inventory())
            for name in self.service.stores.names
        }
        found: dict[str, Any] = {'held': held, 'staged': len(list(self.service.staging.stages()))}
        with self.service.db.read() as session:
            everything = image_queries.list_images(session, None, True, ImageFilter(), [('id', 'asc')], 10, None)
        found['others'] = [image.status for image in everything if image.id != IMAGE]
        if record is not None:
            found |= {
                'status': record.status, 'size': record.size, 'hash': record.os_hash_value, 'disk_format': record.disk_format,
                'stores': sorted(place.store for place in record.locations), 'machine': record.properties.get('hw_machine'),
            }  # fmt: skip
        return found

    def close(self) -> None:
        """End it."""
        self.runtime.stop()
