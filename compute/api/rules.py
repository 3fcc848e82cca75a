"""Who may do what in the compute API, by default."""

from __future__ import annotations

from common.policy import ADMIN, MEMBER, READER, USER, Rule

SERVER_RULES = [
    Rule('compute:servers:list', READER, 'List servers'),
    Rule('compute:servers:list_all', ADMIN, 'List servers of all projects'),
    Rule('compute:servers:show', READER, 'Show a server'),
    Rule('compute:servers:show_host', ADMIN, 'See on which host a server runs'),
    Rule('compute:servers:create', MEMBER, 'Make a server'),
    Rule('compute:servers:update', MEMBER, 'Change a server'),
    Rule('compute:servers:delete', MEMBER, 'Delete a server'),
    *(
        Rule(f'compute:servers:{action}', MEMBER, f'{action.replace("_", " ").capitalize()} a server')
        for action in (
            'reboot',
            'stop',
            'start',
            'pause',
            'unpause',
            'suspend',
            'resume',
            'console_log',
            'lock',
            'unlock',
            'security_groups',
            'create_image',
            'create_backup',
        )
    ),
    Rule('compute:servers:reset_state', ADMIN, 'Set the state of a server by hand'),
    Rule('compute:servers:diagnostics', ADMIN, 'See figures of a running server'),
    Rule('compute:volumes:list', READER, 'List volumes of a server'),
    Rule('compute:volumes:attach', MEMBER, 'Plug a volume into a server'),
    Rule('compute:volumes:detach', MEMBER, 'Unplug a volume from a server'),
    Rule('compute:interfaces:list', READER, 'List network cards of a server'),
    Rule('compute:interfaces:attach', MEMBER, 'Plug a network card into a server'),
    Rule('compute:interfaces:detach', MEMBER, 'Unplug a network card from a server'),
    Rule('compute:instance_actions:list', READER, 'See what was done to a server'),
]
FLAVOR_RULES = [
    Rule('compute:flavors:list', READER, 'List flavors'),
    Rule('compute:flavors:manage', ADMIN, 'Make, change and delete flavors'),
    Rule('compute:flavors:specs', READER, 'See the extra specs of flavors'),
]
KEYPAIR_RULES = [
    Rule('compute:keypairs:list', USER, 'List key pairs'),
    Rule('compute:keypairs:manage', USER, 'Make and delete key pairs'),
]
OTHER_RULES = [
    Rule('compute:limits:show', READER, 'Show the limits of the project'),
    Rule('compute:usage:list', ADMIN, 'See what all projects used'),
    Rule('compute:usage:show', READER, 'See what the project used'),
    Rule('compute:quotas:show', READER, 'Show quotas'),
    Rule('compute:quotas:update', ADMIN, 'Change quotas'),
    Rule('compute:availability_zones:list', READER, 'List availability zones'),
    Rule('compute:availability_zones:detail', ADMIN, 'List availability zones with hosts'),
    Rule('compute:hypervisors:list', ADMIN, 'List hypervisors'),
    Rule('compute:services:list', ADMIN, 'List workers'),
    Rule('compute:services:update', ADMIN, 'Enable and disable workers'),
    Rule('compute:extensions:list', '@', 'List extensions'),
    Rule('compute:external_events:create', 'role:service or role:admin', 'Tell compute what happened elsewhere'),
]
RULES = [*SERVER_RULES, *FLAVOR_RULES, *KEYPAIR_RULES, *OTHER_RULES]
