"""What a new cloud starts with: flavors, the guest image, networks, the demo project.

Every function looks first and makes only what is missing, so that running it again changes nothing.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session

IMAGE_NAME = 'cirros-pileus'
PUBLIC, PRIVATE, ROUTER = 'public', 'private', 'router1'
# name: (id, vCPUs, memory in MiB, root disk in GiB)
FLAVORS = {
    'm1.tiny': ('1', 1, 512, 1),
    'm1.small': ('2', 1, 2048, 20),
    'm1.medium': ('3', 2, 4096, 40),
    'm1.large': ('4', 4, 8192, 80),
    'm1.xlarge': ('5', 8, 16384, 160),
    'm1.nano': ('42', 1, 64, 1),
}

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What differs between clouds. Addresses are in CIDR form; the first address of the public range is the host's own."""

    public_cidr: str = '172.24.4.0/24'
    public_gateway: str = '172.24.4.1'
    public_first: str = '172.24.4.10'
    public_last: str = '172.24.4.250'
    private_cidr: str = '10.11.12.0/24'
    physical_network: str = 'external'
    image_path: pathlib.Path | None = None
    image_min_ram: int = 0  # MiB that the guest image needs to boot


class Cloud:
    """The APIs of one cloud as one user sees them, thin over keystoneauth1."""

    def __init__(self, session: Session, region: str | None = None) -> None:
        self.session = session
        self.region = region

    def of(self, service_type: str, version: str | None = None) -> Adapter:
        """An adapter for a service of the catalog; paths are relative to its endpoint."""
        headers = {'OpenStack-API-Version': f'{service_type} {version}'} if version else None
        return Adapter(
            self.session,
            service_type=service_type,
            interface='public',
            region_name=self.region,
            additional_headers=headers,
            connect_retries=3,
        )

    def find(self, service_type: str, path: str, collection: str, **filters: str) -> dict[str, Any] | None:
        """The first record of a collection that has all these values, or None."""
        query = '&'.join(f'{key}={value}' for key, value in filters.items())
        found = self.of(service_type).get(f'{path}?{query}').json()[collection]
        return next((record for record in found if all(str(record.get(k)) == v for k, v in filters.items())), None)

    def ensure(self, service_type: str, path: str, member: str, body: dict[str, Any], **filters: str) -> dict[str, Any]:
        """The record of this name, made if there is none."""
        filters = filters or {'name': body['name']}
        found = self.find(service_type, path, path.rsplit('/', 1)[-1].replace('-', '_'), **filters)
        if found is not None:
            return found
        return self.of(service_type).post(path, json={member: body}).json()[member]


def furnish(cloud: Cloud, plan: Plan, demo_password: str, say: Say) -> None:
    """Make what is missing, as the administrator.

    :raises: keystoneauth1 exceptions when a service refuses
    """
    demo = _demo_project(cloud, demo_password)
    _flavors(cloud)
    if plan.image_path is not None:
        upload_image(cloud, plan.image_path, say, plan.image_min_ram)
    _networks(cloud, plan, demo)


def _demo_project(cloud: Cloud, password: str) -> str:
    """The id of the project `demo`, with a user of the same name who is a member of it."""
    project = cloud.ensure('identity', '/projects', 'project', {'name': 'demo', 'domain_id': 'default'}, name='demo')
    body = {'name': 'demo', 'domain_id': 'default', 'default_project_id': project['id'], 'password': password}
    user = cloud.ensure('identity', '/users', 'user', body, name='demo')
    role = cloud.find('identity', '/roles', 'roles', name='member')
    if role is None:
        raise LookupError('the role "member" is missing; run identity-manage bootstrap')
    cloud.of('identity').put(f'/projects/{project["id"]}/users/{user["id"]}/roles/{role["id"]}')
    return str(project['id'])


def _flavors(cloud: Cloud) -> None:
    compute = cloud.of('compute')
    present = {flavor['name'] for flavor in compute.get('/flavors?is_public=None').json()['flavors']}
    for name, (flavor_id, vcpus, ram, disk) in FLAVORS.items():
        if name not in present:
            body = {'id': flavor_id, 'name': name, 'vcpus': vcpus, 'ram': ram, 'disk': disk}
            compute.post('/flavors', json={'flavor': body})


def upload_image(cloud: Cloud, path: pathlib.Path, say: Say, min_ram: int = 0) -> str:
    """The id of the public image, uploaded if it is not there; one whose upload was cut short is made anew."""
    images = cloud.of('image')
    found = cloud.find('image', '/v2/images', 'images', name=IMAGE_NAME)
    if found is not None and found['status'] == 'active':
        return str(found['id'])
    if found is not None:
        images.delete(f'/v2/images/{found["id"]}')
    body = {
        'name': IMAGE_NAME,
        'disk_format': 'qcow2',
        'container_format': 'bare',
        'visibility': 'public',
        'min_ram': min_ram,
        'os_distro': 'pileus',
        'hw_rng_model': 'virtio',
    }
    image = images.post('/v2/images', json=body).json()
    say(f'uploading {path.name} ({path.stat().st_size >> 20} MiB)')
    with path.open('rb') as data:
        images.put(f'/v2/images/{image["id"]}/file', data=data, headers={'Content-Type': 'application/octet-stream'})
    return str(image['id'])


def _networks(cloud: Cloud, plan: Plan, demo: str) -> None:
    public = cloud.ensure(
        'network',
        '/v2.0/networks',
        'network',
        {
            'name': PUBLIC,
            'router:external': True,
            'provider:network_type': 'flat',
            'provider:physical_network': plan.physical_network,
            'is_default': True,
        },
    )
    cloud.ensure(
        'network',
        '/v2.0/subnets',
        'subnet',
        {
            'name': f'{PUBLIC}-subnet',
            'network_id': public['id'],
            'ip_version': 4,
            'cidr': plan.public_cidr,
            'gateway_ip': plan.public_gateway,
            'enable_dhcp': False,
            'allocation_pools': [{'start': plan.public_first, 'end': plan.public_last}],
        },
    )
    private = cloud.ensure('network', '/v2.0/networks', 'network', {'name': PRIVATE, 'project_id': demo})
    subnet = cloud.ensure(
        'network',
        '/v2.0/subnets',
        'subnet',
        {'name': f'{PRIVATE}-subnet', 'network_id': private['id'], 'project_id': demo, 'ip_version': 4, 'cidr': plan.private_cidr},
    )
    router = cloud.ensure(
        'network',
        '/v2.0/routers',
        'router',
        {'name': ROUTER, 'project_id': demo, 'external_gateway_info': {'network_id': public['id']}},
    )
    interfaces = cloud.of('network').get(f'/v2.0/ports?device_id={router["id"]}').json()['ports']
    if not any(fixed['subnet_id'] == subnet['id'] for port in interfaces for fixed in port['fixed_ips']):
        cloud.of('network').put(f'/v2.0/routers/{router["id"]}/add_router_interface', json={'subnet_id': subnet['id']})
