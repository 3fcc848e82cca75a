"""What the volume API answers, for its OpenAPI document. Keys that hang on the microversion or the caller are optional."""

from __future__ import annotations

from common.api.answers import answer

VOLUME = answer({
    'id': str, 'links?': [{'rel': str, 'href': str}], 'name?': (str, None), 'description?': (str, None), 'status?': str, 'size?': int,
    'availability_zone?': (str, None), 'created_at?': str, 'updated_at?': (str, None), 'bootable?': str, 'encrypted?': bool,
    'attachments?': [{'id': str, 'attachment_id': str, 'volume_id': str, 'server_id': (str, None), 'device': (str, None)}],
    'user_id?': str, 'multiattach?': bool, 'snapshot_id?': (str, None), 'source_volid?': (str, None), 'metadata?': {str: str},
    'volume_type?': (str, None), 'group_id?': (str, None), 'os-vol-tenant-attr:tenant_id?': str, 'replication_status?': (str, None),
})  # fmt: skip
SNAPSHOT = answer({
    'id': str, 'name': (str, None), 'description': (str, None), 'volume_id': str, 'size': int, 'status': str, 'metadata': {str: str},
    'created_at': str, 'updated_at': (str, None), 'user_id?': (str, None), 'group_snapshot_id?': (str, None),
    'os-extended-snapshot-attributes:progress?': str, 'os-extended-snapshot-attributes:project_id?': str,
})  # fmt: skip
ATTACHMENT = answer({
    'id': str, 'volume_id': str, 'instance': (str, None), 'status': str, 'attach_mode?': (str, None), 'attached_at?': (str, None),
    'detached_at?': (str, None), 'connection_info?': dict,
})  # fmt: skip
TYPE = answer({
    'id': str, 'name': str, 'description': (str, None), 'is_public': bool, 'extra_specs?': {str: str}, 'qos_specs_id?': (str, None),
})  # fmt: skip
IMAGE_METADATA = answer({'metadata': {str: str}})
SUMMARY = answer({'volume-summary': {'total_count': int, 'total_size': int, 'metadata?': {str: [str]}}})
EXTRA_SPEC = answer({str: str})
EXTRA_SPECS = answer({'extra_specs': {str: str}})
TYPE_ACCESS = answer({'volume_type_access': [{'volume_type_id': str, 'project_id': str}]})
_MESSAGE = {
    'id': str, 'event_id': str, 'resource_type': str, 'resource_uuid': str, 'message_level': str, 'user_message': str,
    'request_id': (str, None), 'created_at': str, 'guaranteed_until': str, 'links': [{'rel': str, 'href': str}],
}  # fmt: skip
MESSAGE = answer(_MESSAGE)
MESSAGES = answer({'messages': [_MESSAGE]})
QUOTA = answer({'volumes': (int, dict), 'gigabytes': (int, dict), 'snapshots': (int, dict), 'id?': str})
LIMITS = answer({'limits': {'rate': [object], 'absolute': {str: int}}})
SERVICE = answer({
    'binary': str, 'host': str, 'zone': str, 'status': str, 'state': str, 'updated_at': (str, None), 'disabled_reason?': (str, None),
})  # fmt: skip
ZONES = answer({'availabilityZoneInfo': [{'zoneName': str, 'zoneState': {'available': bool}}]})
POOLS = answer({'pools': [{'name': str, 'capabilities?': dict}]})
