"""Making servers: everything is checked first, then rows and operations are written in one transaction."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Forbidden, InvalidInput, NotFound
from common.ids import new_id
from common.secrets import new_password
from compute import boot_sources, flavors, servers
from compute.block_devices import Disks
from compute.db import keypairs as keypair_queries
from compute.db.models import Flavor, KeyPair, Server, ServerVolume
from compute.image_properties import inherited, metadata_of
from compute.operations import ports
from compute.operations.boot import BOOT, STARTS_IN

if TYPE_CHECKING:
    from compute.service import ComputeService


def create(service: ComputeService, ctx: Context, body: dict[str, Any], hints: dict[str, Any]) -> tuple[list[Server], str]:
    """Write the servers and start to make them; gives them and the administrator's password.

    :param body: as the API takes it, already validated
    :raises: InvalidInput, NotFound, Conflict, Forbidden, OverQuota
    """
    if ctx.project_id is None or ctx.user_id is None:
        raise InvalidInput('Servers belong to projects: use a token that is scoped to one.')
    least, most = _counts(service, body)
    flavor = _flavor(service, ctx, body['flavorRef'])
    disks, found = boot_sources.understand(service, ctx, body, flavor)
    if most > 1 and disks.present:
        raise InvalidInput('Several servers cannot share a volume; ask for them one by one.', field='max_count')
    image = _image(found, flavor) if found is not None else None
    networks = ports.resolve(service.network.with_context(ctx), ctx.project_id, body.get('networks'), ctx.is_admin)
    if most > 1 and any(request.get('port') or request.get('fixed_ip') for request in networks):
        raise InvalidInput('Several servers cannot share a port or a fixed address; ask for them one by one.', field='max_count')
    groups = _security_groups(service, ctx, body.get('security_groups'))
    pair = _keypair(service, ctx, body.get('key_name'))
    user_data = _user_data(service, body.get('user_data'))
    files = _files(body.get('personality') or [])
    zone, host = _zone(service, ctx, body)
    made = []
    common = {
        'flavor': flavor, 'image': image, 'disks': disks, 'pair': pair, 'user_data': user_data, 'zone': zone, 'groups': groups,
        'reservation': f'r-{secrets.token_hex(4)}', 'config_drive': _config_drive(body) or bool(files), 'networks': networks,
    }  # fmt: skip
    claim = _claim(ctx, flavor, image, zone, host, hints)
    with service.db.write() as session:
        count = _count_within_quota(service, session, ctx.project_id, flavor, least, most)
        servers.check_metadata_count(service, session, ctx.project_id, body.get('metadata') or {})
        for index in range(count):
            server = _row(ctx, body, common, index, count)
            session.add(server)
            session.flush()
            session.add_all(_volume_rows(server, disks))
            service.ops.start(session, ctx, BOOT, server.id, params=_params(server, common, claim, body))
            made.append(server)
    return made, body.get('adminPass') or new_password(service.options.password_length)


def _counts(service: ComputeService, body: dict[str, Any]) -> tuple[int, int]:
    least = int(body.get('min_count') or 1)
    most = int(body.get('max_count') or least)
    if least > most:
        raise InvalidInput('min_count must be <= max_count', field='min_count')
    if most > service.options.max_servers_per_request:
        raise InvalidInput(f'max_count is at most {service.options.max_servers_per_request}.', field='max_count')
    return least, most


def _volume_rows(server: Server, disks: Disks) -> list[ServerVolume]:
    return [
        ServerVolume(
            id=new_id(), server_id=server.id, volume_id=disk.volume_id, device=disk.device, tag=disk.tag, boot_index=disk.boot_index,
            status='attaching', delete_on_termination=disk.delete_on_termination, created_at=server.created_at,
        )
        for disk in disks.present
    ]  # fmt: skip


def _flavor(service: ComputeService, ctx: Context, reference: Any) -> Flavor:
    flavor_id = str(reference).rstrip('/').rpartition('/')[2]
    try:
        return flavors.find(service, ctx, flavor_id)
    except NotFound:
        raise InvalidInput(f'Flavor {flavor_id[:255]} could not be found.', field='flavorRef') from None


def _image(image: dict[str, Any], flavor: Flavor) -> dict[str, Any]:
    """The image, as far as the boot needs it. Raises InvalidInput when it cannot be booted with the flavor."""
    boot_sources.check_memory(image, flavor)
    least = boot_sources.least_disk(image)
    if 0 < flavor.root_gib < least:
        raise InvalidInput(
            f"Flavor's disk is too small for requested image. Flavor disk is {flavor.root_gib} GiB, minimum is {least:.2f} GiB.",
            field='flavorRef',
        )
    properties = {k: v for k, v in metadata_of(image).items() if k.startswith(('hw_', 'img_', 'os_')) or k in ('kernel_id', 'ramdisk_id')}
    taken = ('id', 'disk_format', 'size', 'os_hash_algo', 'os_hash_value', 'min_disk', 'min_ram')
    return {name: image.get(name) for name in taken} | {'properties': properties, 'inherited': inherited(image)}


def _security_groups(service: ComputeService, ctx: Context, asked: list[dict[str, str]] | None) -> tuple[list[str], list[str]]:
    """(ids, names); both empty for the project's default group, which the network service applies itself."""
    names = list(dict.fromkeys(group['name'] for group in asked or []))
    if not names or names == ['default']:
        return [], ['default']
    found = service.network.with_context(ctx).get(f'/v2.0/security-groups?project_id={ctx.project_id}&fields=id&fields=name')[
        'security_groups'
    ]
    named: dict[str, str] = {}
    for name in names:
        matching = [group['id'] for group in found if name in (group['id'], group['name'])]
        if not matching:
            raise InvalidInput(f'Security group {name[:64]} not found for project {ctx.project_id}.', field='security_groups')
        if len(matching) > 1 and name not in matching:
            raise InvalidInput(
                f"Multiple security groups found matching '{name[:64]}'. Use an ID to be more specific.", field='security_groups'
            )
        chosen = name if name in matching else matching[0]
        named[chosen] = next(group['name'] for group in found if group['id'] == chosen)
    return list(named), list(named.values())


def _keypair(service: ComputeService, ctx: Context, name: str | None) -> KeyPair | None:
    if not name:
        return None
    with service.db.read() as session:
        pair = keypair_queries.get(session, str(ctx.user_id), name)
    if pair is None:
        raise InvalidInput('Invalid key_name provided.', field='key_name')
    return pair


def _user_data(service: ComputeService, text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) > service.options.max_user_data:
        raise InvalidInput(f'User data has at most {service.options.max_user_data} characters, in base64.', field='user_data')
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput('Userdata content cannot be decoded: it must be base64.', field='user_data') from None
    return text


def _files(asked: list[dict[str, str]]) -> list[dict[str, str]]:
    """Files that the server is to have: on a config drive, the only place where a guest finds them."""
    for index, file in enumerate(asked):
        try:
            base64.b64decode(file['contents'], validate=True)
        except (binascii.Error, ValueError):
            raise InvalidInput(f'The contents of personality[{index}] must be base64.', field='personality') from None
    return asked


def _zone(service: ComputeService, ctx: Context, body: dict[str, Any]) -> tuple[str | None, str | None]:
    """(zone, host) from `zone[:host[:node]]` or `host`."""
    zone, _, host = str(body.get('availability_zone') or '').partition(':')
    host = body.get('host') or body.get('hypervisor_hostname') or host.partition(':')[0]
    if host and not ctx.is_admin:
        raise Forbidden("Policy doesn't allow compute:servers:create:forced_host to be performed.")
    if zone or host:
        known = {entry['name']: entry.get('zone') for entry in service.scheduler.hosts(ctx, kind='server')}
        if zone and zone not in known.values():
            raise InvalidInput('The requested availability zone is not available', field='availability_zone')
        if host and host not in known:
            raise InvalidInput(f'Compute host {host[:64]} could not be found.', field='host')
    return zone or None, host or None


def _config_drive(body: dict[str, Any]) -> bool:
    return str(body.get('config_drive') or '').lower() in ('true', '1', 'yes', 'on')


def _claim(
    ctx: Context, flavor: Flavor, image: dict[str, Any] | None, zone: str | None, host: str | None, hints: dict[str, Any]
) -> dict[str, Any]:
    """What the scheduler is asked."""

    if hints.get('group'):
        raise InvalidInput('This cloud has no server groups.', field='os:scheduler_hints')

    def many(name: str) -> list[str]:
        value = hints.get(name) or []
        return [value] if isinstance(value, str) else list(value)

    return {
        'kind': 'server',
        'vcpus': flavor.vcpus,
        'ram': flavor.memory_mib,
        'disk': (flavor.root_gib if image else 0) + flavor.ephemeral_gib + -(-flavor.swap_mib // 1024),
        'project': ctx.project_id,
        'zone': zone,
        'force_host': host,
        'image': image['properties'] if image else {},
        'extra_specs': flavor.extra_specs,
        'different_host': many('different_host'),
        'same_host': many('same_host'),
    }


def _count_within_quota(service: ComputeService, session: Any, project: str, flavor: Flavor, least: int, most: int) -> int:
    """How many servers the quotas allow, from `most` down to `least`. Raises OverQuota when not even that."""
    from common.errors import OverQuota

    for count in range(most, least - 1, -1):
        try:
            service.quotas.reserve(session, project, {'instances': count, 'cores': count * flavor.vcpus, 'ram': count * flavor.memory_mib})
        except OverQuota:
            if count == least:
                raise
            continue
        return count
    raise AssertionError('unreachable')


_NOT_HOST = re.compile(r'[^a-z0-9.-]+')


def host_name(name: str, server_id: str) -> str:
    """A name for the guest itself: letters, digits, dashes and dots of the server's name, or one made of its id."""
    found = _NOT_HOST.sub('-', name.lower()).strip('.-')[:63].strip('.-')
    return found or f'server-{server_id}'


def _row(ctx: Context, body: dict[str, Any], common: dict[str, Any], index: int, count: int) -> Server:
    flavor: Flavor = common['flavor']
    server_id = new_id()
    name = body['name'].strip() if count == 1 else f'{body["name"].strip()}-{index + 1}'
    pair: KeyPair | None = common['pair']
    return Server(
        id=server_id, project_id=str(ctx.project_id), user_id=str(ctx.user_id), name=name,
        hostname=body.get('hostname') or host_name(name, server_id), description=body.get('description'), power_state=0, **STARTS_IN,
        availability_zone=common['zone'], requested_zone=common['zone'], image_id=common['image']['id'] if common['image'] else None, flavor_id=flavor.id,
        flavor={
            'id': flavor.id, 'original_name': flavor.name, 'vcpus': flavor.vcpus, 'ram': flavor.memory_mib, 'disk': flavor.root_gib,
            'ephemeral': flavor.ephemeral_gib, 'swap': flavor.swap_mib, 'extra_specs': flavor.extra_specs,
        },
        vcpus=flavor.vcpus, memory_mib=flavor.memory_mib, root_gib=flavor.root_gib,
        key_name=pair.name if pair else None, key_type=pair.type if pair else None, public_key=pair.public_key if pair else None,
        user_data=common['user_data'], config_drive=common['config_drive'], server_metadata=dict(body.get('metadata') or {}),
        tags=sorted(set(body.get('tags') or ())), network_info=[],
        requested={
            'security_group_names': common['groups'][1], 'volumes': [disk.volume_id or disk.device for disk in common['disks'].volumes],
            'image': common['image'] and {
                'min_disk': common['image']['min_disk'], 'min_ram': common['image']['min_ram'], 'properties': common['image']['inherited'],
            },
        },
        access_ip_v4=servers.access_address(body.get('accessIPv4'), 4), access_ip_v6=servers.access_address(body.get('accessIPv6'), 6),
        disk_config=body.get('OS-DCF:diskConfig') or 'MANUAL', reservation_id=common['reservation'], launch_index=index, created_at=now(),
        locked=False, progress=0, deleted=False,
    )  # fmt: skip


def _params(server: Server, common: dict[str, Any], claim: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """What the boot operation is started with."""
    return {
        'claim': claim,
        'networks': common['networks'],
        'security_groups': common['groups'][0],
        'security_group_names': common['groups'][1],
        'project_id': server.project_id,
        'zone': common['zone'],
        'image': common['image'] and {name: value for name, value in common['image'].items() if name != 'inherited'},
        'volumes': [{'volume_id': disk.volume_id, 'device': disk.device} for disk in common['disks'].present],
        'new_volumes': common['disks'].new,
        'config_drive': server.config_drive,
        'files': body.get('personality') or [],
    }
