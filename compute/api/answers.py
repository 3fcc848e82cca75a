"""What the compute API answers, for its OpenAPI document. Keys that hang on the microversion or the caller are optional."""

from __future__ import annotations

from common.api.answers import answer

_LINKS = [{'rel': str, 'href': str}]
_ADDRESSES = {str: [{'version': int, 'addr': str}]}
_ACTION = {
    'action': str, 'instance_uuid': str, 'request_id': str, 'user_id': (str, None), 'project_id': (str, None), 'start_time': str,
    'message': (str, None), 'updated_at?': (str, None), 'events?': [{'event': str, 'start_time': str, 'finish_time': (str, None), 'result': (str, None)}],
}  # fmt: skip

SERVER = answer({
    'id': str, 'links': _LINKS, 'name?': str, 'status?': str, 'tenant_id?': str, 'user_id?': str, 'metadata?': {str: str}, 'hostId?': str,
    'image?': (str, {'id': str}), 'flavor?': dict, 'created?': str, 'updated?': str, 'addresses?': _ADDRESSES, 'accessIPv4?': str,
    'accessIPv6?': str, 'OS-DCF:diskConfig?': str, 'progress?': int, 'key_name?': (str, None), 'config_drive?': str,
    'OS-EXT-AZ:availability_zone?': (str, None), 'OS-SRV-USG:launched_at?': (str, None), 'OS-SRV-USG:terminated_at?': (str, None),
    'OS-EXT-STS:task_state?': (str, None), 'OS-EXT-STS:vm_state?': str, 'OS-EXT-STS:power_state?': int,
    'os-extended-volumes:volumes_attached?': [{'id': str}], 'security_groups?': [{'name': str}], 'locked?': bool,
    'description?': (str, None), 'tags?': [str], 'server_groups?': [str], 'adminPass?': str, 'fault?': {'code': int, 'message': str},
})  # fmt: skip
FLAVOR = answer({
    'id': str, 'name': str, 'links': _LINKS, 'ram?': int, 'disk?': int, 'vcpus?': int, 'swap?': (int, str),
    'OS-FLV-EXT-DATA:ephemeral?': int, 'OS-FLV-DISABLED:disabled?': bool, 'os-flavor-access:is_public?': bool, 'rxtx_factor?': float,
    'description?': (str, None), 'extra_specs?': {str: str},
})  # fmt: skip
_KEYPAIR = {'name': str, 'public_key': str, 'fingerprint': str, 'type?': str, 'user_id?': str, 'private_key?': str}
KEYPAIR = answer(_KEYPAIR)
KEYPAIRS = answer({'keypairs': [{'keypair': _KEYPAIR}]})
_HYPERVISOR = {
    'id': (str, int), 'hypervisor_hostname': str, 'state': str, 'status': str, 'hypervisor_type?': str, 'hypervisor_version?': int,
    'host_ip?': str, 'service?': {'id': (str, int), 'host': str, 'disabled_reason': (str, None)}, 'vcpus?': int, 'memory_mb?': int, 'running_vms?': int,
    'servers?': [{'uuid': str, 'name': str}],
}  # fmt: skip
HYPERVISOR = answer(_HYPERVISOR)
HYPERVISORS = answer({'hypervisors': [_HYPERVISOR]})
STATISTICS = answer({'hypervisor_statistics': {str: int}})
SERVICE = answer({
    'id': (str, int), 'binary': str, 'host': str, 'zone': str, 'status': str, 'state': str, 'updated_at': (str, None),
    'disabled_reason?': (str, None), 'forced_down?': bool,
})  # fmt: skip
ZONES = answer({'availabilityZoneInfo': [{'zoneName': str, 'zoneState': {'available': bool}, 'hosts': (dict, None)}]})
QUOTA = answer({'instances': (int, dict), 'cores': (int, dict), 'ram': (int, dict), 'key_pairs': (int, dict), 'id?': str})
LIMITS = answer({'limits': {'rate': [object], 'absolute': {str: int}}})
VOLUME = answer({'id?': str, 'serverId': str, 'volumeId': str, 'device': (str, None), 'tag?': (str, None), 'delete_on_termination?': bool})
_INTERFACE = {
    'port_id': str, 'port_state': str, 'net_id': str, 'mac_addr': str, 'fixed_ips': [{'ip_address': str, 'subnet_id': str}],
}  # fmt: skip
INTERFACE = answer(_INTERFACE)
INTERFACES = answer({'interfaceAttachments': [_INTERFACE]})
ADDRESSES = answer({'addresses': _ADDRESSES})
ADDRESSES_OF_ONE = answer(_ADDRESSES)
TAGS = answer({'tags': [str]})
ACTIONS = answer({'instanceActions': [_ACTION]})
ACTION = answer({'instanceAction': _ACTION})
SECURITY_GROUPS = answer({'security_groups': [{'id': str, 'name': str, 'description': str, 'tenant_id': str, 'rules': [object]}]})
_IMAGE = {
    'id': str, 'name': (str, None), 'links': _LINKS, 'status?': str, 'progress?': int, 'minDisk?': int, 'minRam?': int, 'created?': str,
    'updated?': str, 'metadata?': {str: str}, 'OS-EXT-IMG-SIZE:size?': (int, None), 'OS-DCF:diskConfig?': str,
    'server?': {'id': str, 'links': _LINKS},
}  # fmt: skip
IMAGE = answer({'image': _IMAGE})
IMAGES = answer({'images': [_IMAGE], 'images_links?': _LINKS})
IMAGE_MADE = answer({'image_id?': str})
DIAGNOSTICS = answer(dict)
EXTENSIONS = answer({'extensions': [object]})
EXTRA_SPEC = answer({str: str})
ACCESS = answer({'flavor_access': [{'flavor_id': str, 'tenant_id': str}]})
EXTRA_SPECS = answer({'extra_specs': {str: str}})
AGGREGATES = answer({'aggregates': [object]})
UPTIME = answer({'hypervisor': {'id': (str, int), 'hypervisor_hostname': str, 'state': str, 'status': str, 'uptime': str}})
_USED = {
    'tenant_id': str, 'start': str, 'stop': str, 'total_hours': float, 'total_vcpus_usage': float, 'total_memory_mb_usage': float,
    'total_local_gb_usage': float,
    'server_usages?': [{
        'instance_id': str, 'name': str, 'tenant_id': str, 'flavor': str, 'vcpus': int, 'memory_mb': int, 'local_gb': int, 'started_at': str,
        'ended_at': (str, None), 'uptime': int, 'hours': float, 'state': str,
    }],
}  # fmt: skip
USAGES = answer({'tenant_usages': [_USED], 'tenant_usages_links?': _LINKS})
USAGE = answer({'tenant_usage': {f'{name.removesuffix("?")}?': form for name, form in _USED.items()}, 'tenant_usage_links?': _LINKS})
