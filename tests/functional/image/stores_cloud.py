"""A cloud with several image stores, and short words for what tests do with them."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any, Self

import pytest

from pileus.settings import secret
from tests.bench.client import Client
from tests.functional.cloud import TestCloud, running

OCTETS = {'Content-Type': 'application/octet-stream'}
PATCH = {'Content-Type': 'application/openstack-images-v2.1-json-patch'}


@contextlib.contextmanager
def stores_cloud(state: pathlib.Path, **options: Any) -> Iterator[TestCloud]:
    """Two stores that take uploads, `slow` the default and `fast` the heavier, and one of web servers."""
    image = {
        'stores': 'slow:filesystem,fast:filesystem,web:http', 'show_multiple_locations': True, 'show_direct_url': True,
        'allowed_networks': '127.0.0.0/8', 'import_allowed_ports': '1-65535', 'import_tries': 2, 'cache_max_size': 0, **options,
    }  # fmt: skip
    folders = {'directories': f'{state}/fast-a:5,{state}/fast-b:1'}
    with running(state, image=image, image_store_fast={'weight': 5, **folders}, image_store_slow={'description': 'large'}) as made:
        yield made


@contextlib.contextmanager
def nobody_sweeps() -> Iterator[None]:
    """A cloud that starts within the block sweeps when a test does, and only then: else what a test leaves may be gone before it looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('image.app._SWEEP', 3600.0)
        yield


class Images(Client):
    """A client, and what it does with images."""

    @classmethod
    def of(cls, cloud: TestCloud, user: str = 'admin', project: str | None = None) -> Self:
        """That of a user of a cloud."""
        return cls(cloud.auth_url, user, secret(cloud.state, f'{user}-password'), project or user)

    @property
    def base(self) -> str:
        """Where version 2 of the image service is."""
        return f'{self.catalog["image"]}/v2'

    def create(self, **values: Any) -> str:
        """The id of a new image without data."""
        body = {'name': 'test', 'disk_format': 'raw', 'container_format': 'bare', **values}
        return str(self.ask('POST', 'image', '/v2/images', body)['id'])

    def show(self, image: str) -> dict[str, Any]:
        """The image."""
        return dict(self.ask('GET', 'image', f'/v2/images/{image}'))

    def put(self, image: str, data: bytes, store: str = '') -> int:
        """Upload; gives the status."""
        headers = {**OCTETS, **({'X-Image-Meta-Store': store} if store else {})}
        return self.raw('PUT', f'{self.base}/images/{image}/file', data, headers=headers)[0]

    def data(self, image: str, **headers: str) -> tuple[int, bytes]:
        """Download; gives status and data."""
        status, _, data = self.raw('GET', f'{self.base}/images/{image}/file', headers=headers)
        return status, data

    def patch(self, image: str, *changes: dict[str, Any]) -> tuple[int, Any]:
        """A JSON patch; gives status and the body, parsed."""
        status, _, data = self.raw('PATCH', f'{self.base}/images/{image}', json.dumps(changes).encode(), headers=PATCH)
        return status, json.loads(data)

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Any request; gives the status and the body, parsed."""
        status, _, data = self.raw(method, self.base + path, body)
        return status, json.loads(data) if data[:1] in (b'{', b'[') else data
