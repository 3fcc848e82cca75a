"""What a request about a server may hold."""

from __future__ import annotations

from common.api.types import Raw

_NULL_TEXT = {'type': ['string', 'null'], 'maxLength': 255}
NAME = {
    'type': 'string',
    'minLength': 1,
    'maxLength': 255,
    'pattern': r'^(?!\s*$)[^\x00-\x1f\x7f]*$',
    'x-says': 'a text of 1 to 255 printable characters',
}
METADATA = {
    'type': 'object',
    'maxProperties': 1000,
    'patternProperties': {r'^[a-zA-Z0-9-_:. ]{1,255}$': {'type': 'string', 'maxLength': 255}},
    'additionalProperties': False,
    'x-says': 'an object of texts; keys have 1 to 255 letters, digits, spaces or any of - _ : .',
}
_UUID = {'type': 'string', 'format': 'uuid', 'pattern': r'^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$', 'x-says': 'a UUID'}
_IP = {'type': 'string', 'maxLength': 45, 'pattern': r'^[0-9a-fA-F.:]*$', 'x-says': 'an IP address'}
_NETWORKS = {
    'anyOf': [
        {
            'type': 'array',
            'maxItems': 100,
            'items': {
                'type': 'object',
                'properties': {
                    'uuid': _UUID,
                    'port': {'anyOf': [_UUID, {'type': 'null'}]},
                    'fixed_ip': _IP,
                    'tag': {'type': 'string', 'maxLength': 60},
                },
                'additionalProperties': False,
            },
        },
        {'type': 'string', 'enum': ['auto', 'none']},
        {'type': 'null'},
    ],
    'x-says': 'a list of {uuid, port, fixed_ip, tag}, or auto, or none',
}
_COUNT = {
    'type': ['integer', 'string'],
    'minimum': 1,
    'maximum': 1000,
    'pattern': '^[1-9][0-9]{0,3}$',
    'x-says': 'a whole number, 1 or more',
}
_BOOLEAN = {'type': ['boolean', 'string', 'null'], 'maxLength': 8, 'x-says': 'true or false'}
_ADDRESS_4 = {'type': 'string', 'maxLength': 15, 'pattern': r'^(\d{1,3}(\.\d{1,3}){3})?$', 'x-says': 'an IPv4 address or nothing'}
_ADDRESS_6 = {'type': 'string', 'maxLength': 45, 'pattern': r'^[0-9a-fA-F:.]*$', 'x-says': 'an IPv6 address or nothing'}
_TAG = {'type': 'string', 'minLength': 1, 'maxLength': 60, 'pattern': '^[^,/]*$', 'x-says': 'a text of 1 to 60 characters without , and /'}
_DISK_CONFIG = {'type': 'string', 'enum': ['AUTO', 'MANUAL']}

_FLAG = {'type': ['boolean', 'string', 'null'], 'maxLength': 8}
_MAPPING = {
    'type': 'object',
    'additionalProperties': False,
    'properties': {
        'uuid': {**_UUID, 'type': ['string', 'null']},
        'source_type': {'type': 'string', 'enum': ['volume', 'image', 'snapshot', 'blank']},
        'destination_type': {'type': 'string', 'enum': ['local', 'volume']},
        'boot_index': {'type': ['integer', 'string', 'null'], 'minimum': -1, 'maximum': 255, 'pattern': '^-?[0-9]{1,3}$'},
        'delete_on_termination': _FLAG,
        'device_name': {'type': ['string', 'null'], 'maxLength': 255},
        'device_type': {'type': ['string', 'null'], 'maxLength': 16},
        'disk_bus': {'type': ['string', 'null'], 'maxLength': 16},
        'guest_format': {'type': ['string', 'null'], 'maxLength': 16},
        'no_device': _FLAG,
        'tag': {'type': 'string', 'minLength': 1, 'maxLength': 60},
        'volume_size': {'type': ['integer', 'string', 'null'], 'minimum': 0, 'maximum': 2147483647, 'pattern': '^[0-9]{1,10}$'},
        'volume_type': {'type': ['string', 'null'], 'maxLength': 255},
    },
    'x-says': 'an object that describes a disk',
}

_SERVERS = {
    'anyOf': [{'type': 'string', 'maxLength': 64}, {'type': 'array', 'maxItems': 100, 'items': {'type': 'string', 'maxLength': 64}}],
    'x-says': 'the id of a server, or a list of them',
}
_HINTS = {'type': 'object', 'maxProperties': 50, 'properties': {'different_host': _SERVERS, 'same_host': _SERVERS}}

CREATE = Raw(
    {
        'type': 'object',
        'required': ['name', 'flavorRef'],
        'additionalProperties': False,
        'properties': {
            'name': NAME,
            'imageRef': {'type': 'string', 'maxLength': 255},
            'flavorRef': {'type': ['string', 'integer'], 'minLength': 1, 'maxLength': 255},
            'adminPass': {'type': 'string', 'maxLength': 255},
            'metadata': METADATA,
            'networks': _NETWORKS,
            'OS-DCF:diskConfig': _DISK_CONFIG,
            'accessIPv4': _ADDRESS_4,
            'accessIPv6': _ADDRESS_6,
            'personality': {
                'type': 'array',
                'maxItems': 5,
                'items': {
                    'type': 'object',
                    'required': ['path', 'contents'],
                    'properties': {'path': {'type': 'string', 'maxLength': 255}, 'contents': {'type': 'string', 'maxLength': 20000}},
                    'additionalProperties': False,
                },
            },
            'availability_zone': _NULL_TEXT,
            'config_drive': _BOOLEAN,
            'key_name': _NULL_TEXT,
            'min_count': _COUNT,
            'max_count': _COUNT,
            'return_reservation_id': _BOOLEAN,
            'security_groups': {
                'type': 'array',
                'maxItems': 100,
                'items': {
                    'type': 'object',
                    'required': ['name'],
                    'properties': {'name': {'type': 'string', 'minLength': 1, 'maxLength': 255}},
                    'additionalProperties': False,
                },
            },
            'user_data': {'type': ['string', 'null']},
            'description': _NULL_TEXT,
            'tags': {'type': 'array', 'maxItems': 50, 'items': _TAG},
            'host': {'type': 'string', 'minLength': 1, 'maxLength': 255},
            'hypervisor_hostname': {'type': 'string', 'minLength': 1, 'maxLength': 255},
            'hostname': {'type': 'string', 'minLength': 2, 'maxLength': 63, 'pattern': r'^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$'},
            'block_device_mapping_v2': {'type': 'array', 'maxItems': 26, 'items': _MAPPING},
            'os:scheduler_hints': _HINTS,
        },
    },
    'an object that describes a server',
)
UPDATE = Raw(
    {
        'type': 'object',
        'additionalProperties': False,
        'properties': {
            'name': NAME,
            'OS-DCF:diskConfig': _DISK_CONFIG,
            'accessIPv4': _ADDRESS_4,
            'accessIPv6': _ADDRESS_6,
            'description': _NULL_TEXT,
        },
    },
    'an object of what changes',
)
HINTS = Raw(_HINTS, 'an object of hints')
