"""A process that is killed while it fetches into the cache leaves nothing that is taken for an image."""

from __future__ import annotations

import datetime
import hashlib
import os
import pathlib
import signal
import threading
from typing import Any

from common.clock import now
from common.config import Settings
from common.context import Context
from common.runtime import Runtime
from image import cache_fetch, caching, images
from image.db import cache as queries
from image.db import images as image_queries
from image.db import locations
from pileus import settings as state_files
from pileus.cloud import simulated_overrides
from tests.functional.cloud import eventually
from tests.functional.image.web import web_server
from tests.ports import free_ports

CTX = Context.service('test').but(project_id='p' * 32)
DATA = os.urandom(3 << 20)


def service_in(folder: pathlib.Path) -> Any:
    """The image service whose files are in a folder; nothing of it runs."""
    state_files.make_secrets(folder)
    options = {'stores': 'one:filesystem,web:http', 'allowed_networks': '127.0.0.0/8', 'import_allowed_ports': '1-65535'}
    runtime = Runtime(Settings.load(overrides=simulated_overrides(folder, {'image': free_ports(1)[0]}, image=options)))
    runtime.build(['image'])
    runtime.prepare()
    return runtime.parts['image'].service


def far_away(service: Any, url: str) -> str:
    """The id of an image whose data is at a web server."""
    made = images.create(service, CTX, {'name': 'far', 'disk_format': 'raw', 'container_format': 'bare'})
    with service.db.write() as session:
        locations.add(session, made.id, 'web', url, {}, now())
        values = {'status': 'active', 'size': len(DATA), 'os_hash_algo': 'sha512', 'os_hash_value': hashlib.sha512(DATA).hexdigest()}
        image_queries.set_columns(session, made.id, expect={}, **values)
    return made.id


def test_a_kill_in_the_middle_of_a_fetch(tmp_path: pathlib.Path) -> None:
    with web_server() as web:
        web.data, web.held = DATA, threading.Event()
        service = service_in(tmp_path)
        image = far_away(service, web.url)
        caching.queue(service, CTX, image)
        service.db.dispose()
        child = os.fork()
        if child == 0:
            try:
                cache_fetch.fetch_next(service_in(tmp_path), threading.Event())
            finally:
                os._exit(70)
        cache = service.cache.directory
        try:
            part = eventually(
                lambda: next((f for f in cache.glob('*.part') if f.stat().st_size >= 1 << 20), None), what='a part of the data'
            )
            os.kill(child, signal.SIGKILL)
        finally:
            os.waitpid(child, 0)
            web.held.set()
            web.held = None
        with service.db.read() as session:
            record = image_queries.get_image(session, image)
        assert record is not None and caching.open_cached(service, record) is None, 'half an image is none'
        assert not cache_fetch.fetch_next(service, threading.Event()), 'whoever has it may be alive'
        with service.db.write() as session:  # as when the time of the lease is over
            entry = queries.get_entry(session, service.cache.host, image)
            assert entry is not None and entry.state == 'fetching'
            over = now() - datetime.timedelta(seconds=1)
            queries.renew(session, service.cache.host, image, str(entry.lease_id), over)
        assert cache_fetch.fetch_next(service, threading.Event())
        file = caching.open_cached(service, record)
        assert file is not None and file.read() == DATA
        file.close()
        assert part.exists() and caching.clean(service) == 1 and [found.name for found in cache.iterdir()] == [caching.file_name(record)]
        service.db.dispose()
