"""The metadata API: a small WSGI application behind the metadata proxies of the hosts."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import webob
import webob.exc

from common import metadata_signature as signature
from common.context import Context
from common.errors import NotFound, PileusError
from common.instance_metadata import Description
from metadata import ec2_paths, openstack_paths
from metadata.lookup import Lookup

if TYPE_CHECKING:
    from common.runtime import Runtime, ServiceParts

LOG = logging.getLogger(__name__)


class MetadataService:
    """Answers guests. `lookup` finds a server's description, `key` proves who asks, `vendor_data` is given to all."""

    def __init__(self, lookup: Lookup, key: bytes, vendor_data: dict[str, Any] | None = None) -> None:
        self.lookup = lookup
        self.key = key
        self.vendor_data = vendor_data or {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """WSGI."""
        request = webob.Request(environ)
        try:
            response = self.answer(request)
        except webob.exc.HTTPException as error:
            response = error
        return response(environ, start_response)

    def answer(self, request: webob.Request) -> webob.Response:
        """The response to one request; raises webob's HTTP errors."""
        parts = [part for part in request.path_info.split('/') if part]
        if request.method not in ('GET', 'HEAD'):
            raise webob.exc.HTTPMethodNotAllowed(headers={'Allow': 'GET, HEAD'})
        if not parts:
            return _text(ec2_paths.root_listing().encode())
        if parts == ['openstack']:
            return _text(openstack_paths.versions_listing().encode())
        server = self._server(request)
        if parts[0] == 'openstack':
            found = openstack_paths.find(server, parts[1], parts[2:], self.vendor_data) if openstack_paths.is_version(parts[1]) else None
            if found is None:
                raise webob.exc.HTTPNotFound()
            return _text(found[0], found[1])
        content = ec2_paths.find(server, parts[1:]) if ec2_paths.is_version(parts[0]) else None
        if content is None:
            raise webob.exc.HTTPNotFound()
        return _text(content, openstack_paths.BINARY if parts[1:] == ['user-data'] else openstack_paths.TEXT)

    def _server(self, request: webob.Request) -> Description:
        """Who asks, proved by the proxy's signature."""
        server_id = request.headers.get(signature.INSTANCE_HEADER)
        project_id = request.headers.get(signature.PROJECT_HEADER)
        proof = request.headers.get(signature.SIGNATURE_HEADER, '')
        if not server_id:
            raise webob.exc.HTTPBadRequest(f'{signature.INSTANCE_HEADER} header is missing from request.')
        if not project_id:
            raise webob.exc.HTTPBadRequest(f'{signature.PROJECT_HEADER} header is missing from request.')
        if not signature.verify(self.key, server_id, proof):
            LOG.warning('a request from %s for the data of server %s has a wrong signature', request.remote_addr, server_id)
            raise webob.exc.HTTPForbidden('Invalid proxy request signature.')
        try:
            server = self.lookup.get(server_id)
        except NotFound as error:
            raise webob.exc.HTTPNotFound() from error
        except PileusError as error:
            LOG.warning('cannot find out about server %s: %s', server_id, error.message)
            raise webob.exc.HTTPServiceUnavailable(headers={'Retry-After': '1'}) from error
        if server['project_id'] != project_id:
            raise webob.exc.HTTPNotFound()
        return server


def _text(body: bytes, content_type: str = openstack_paths.TEXT) -> webob.Response:
    response = webob.Response(body=body)
    response.headers['Content-Type'] = content_type
    return response


def read_vendor_data(path: str) -> dict[str, Any]:
    """The object of a JSON file; an empty path is an empty object. Raises PileusError if it is something else."""
    if not path:
        return {}
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise PileusError(f'[metadata] vendor_data_file cannot be read: {error}') from error
    if not isinstance(content, dict):
        raise PileusError('[metadata] vendor_data_file must hold a JSON object.')
    return content


def build(runtime: Runtime) -> ServiceParts:
    """The service in a process: its API, asking compute over the broker. Raises ConfigError without a secret to share."""
    from common.runtime import ApiPart, ServiceParts
    from compute.rpc import ComputeMetadata

    options = runtime.settings.get(signature.MetadataOptions)
    client = runtime.broker.client(ComputeMetadata)

    def describe(server_id: str) -> Description:
        return client.describe(Context.service('metadata'), server_id=server_id)

    def application() -> MetadataService:
        key = signature.secret(options, '' if options.shared_secret else runtime.service_password())
        return MetadataService(Lookup(describe, options.cache_seconds), key, read_vendor_data(options.vendor_data_file))

    return ServiceParts(name='metadata', service=None, apis=[ApiPart('metadata', application)])
