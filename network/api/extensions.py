"""Extensions: what of neutron's API this service offers, and nothing else."""

from __future__ import annotations

from typing import Any

from common.api import GET, READ_ONLY, Call, Field, List, Resource, Str
from common.api.types import Any_
from common.errors import NotFound
from common.policy import ANYONE, Rule

_UPDATED = '2026-01-01T00:00:00-00:00'
OFFERED: dict[str, tuple[str, str]] = {
    'agent': ('agent', 'The agents of the hosts'),
    'allowed-address-pairs': ('Allowed Address Pairs', 'Further addresses that a port may use'),
    'availability_zone': ('Availability Zone', 'Zones of agents'),
    'binding': ('Port Binding', 'The host that a port is on'),
    'dhcp_agent_scheduler': ('DHCP Agent Scheduler', 'Which agent runs the DHCP server of a network'),
    'empty-string-filtering': ('Empty String Filtering Extension', 'Filters with empty text'),
    'ext-gw-mode': ('Neutron L3 Configurable external gateway mode', 'Routers with and without source NAT'),
    'external-net': ('Neutron external network', 'External networks'),
    'extra_dhcp_opt': ('Neutron Extra DHCP options', 'Further DHCP options of a port'),
    'extraroute': ('Neutron Extra Route', 'Extra routes of routers'),
    'extraroute-atomic': ('Atomically add/remove extra routes', 'Adding and removing extra routes one by one'),
    'fip-port-details': ('Floating IP Port Details Extension', 'The port that a floating IP leads to'),
    'filter-validation': ('Filter parameters validation', 'What a list cannot be filtered by is refused'),
    'ip-substring-filtering': ('IP address substring filtering', 'Ports by a part of their address'),
    'l3_agent_scheduler': ('L3 Agent Scheduler', 'Which agent runs a router'),
    'net-mtu': ('Network MTU', 'The largest packet of a network'),
    'net-mtu-writable': ('Network MTU (writable)', 'Choosing the largest packet of a network'),
    'network-ip-availability': ('Network IP Availability', 'How many addresses of a network are in use'),
    'network_availability_zone': ('Network Availability Zone', 'Zones of networks'),
    'pagination': ('Pagination support', 'Lists in pages'),
    'port-security': ('Port Security', 'Ports without filter'),
    'project-id': ('project_id field enabled', 'project_id beside tenant_id'),
    'provider': ('Provider Network', 'The segment of a network'),
    'quota_details': ('Quota details management support', 'Quotas with what is in use'),
    'quotas': ('Quota management support', 'Quotas of projects'),
    'revision-if-match': ('If-Match constraints based on revision_number', 'Changes only of what was seen'),
    'router': ('Neutron L3 Router', 'Routers and floating IPs'),
    'router_availability_zone': ('Router Availability Zone', 'Zones of routers'),
    'security-group': ('security-group', 'Security groups'),
    'security-groups-normalized-cidr': ('Normalized CIDR field for security group rules', 'The network of a rule, canonically'),
    'service-type': ('Neutron Service Type Management', 'Service providers'),
    'sorting': ('Sorting support', 'Lists in order'),
    'standard-attr-description': ('standard-attr-description', 'Descriptions'),
    'standard-attr-revisions': ('Resource revision numbers', 'Revision numbers'),
    'standard-attr-tag': ('Tag support for resources', 'Tags'),
    'standard-attr-timestamp': ('Resource timestamps', 'Times of creation and change'),
    'subnet-external-network': ('Subnet belongs to an external network', 'Subnets of external networks are seen by all'),
    'default-subnetpools': ('Default Subnetpools', 'Subnets from the default pool'),
    'subnet_allocation': ('Subnet Allocation', 'Subnet pools'),
    'subnet-service-types': ('Subnet service types', 'Subnets for certain ports only'),
}


def _view(alias: str) -> dict[str, Any]:
    name, description = OFFERED[alias]
    return {'alias': alias, 'name': name, 'description': description, 'updated': _UPDATED, 'links': []}


def list_extensions(call: Call) -> list[dict[str, Any]]:
    """All of them."""
    return [_view(alias) for alias in sorted(OFFERED)]


def show_extension(call: Call) -> dict[str, Any]:
    """One of them."""
    alias = call.params['alias']
    if alias not in OFFERED:
        raise NotFound(message=f'Extension with alias {alias[:64]} does not exist.', code='extension_not_found')
    return _view(alias)


EXTENSIONS = Resource(
    'extensions',
    'extension',
    rules=[Rule('network:extensions:list', ANYONE, 'List what the API offers')],
    fields=[
        *(Field(name, Str, READ_ONLY) for name in ('alias', 'name', 'description', 'updated')),
        Field('links', List(Any_), READ_ONLY),
    ],
    routes=[
        GET('/v2.0/extensions', list_extensions, policy='network:extensions:list'),
        GET('/v2.0/extensions/{alias}', show_extension, policy='network:extensions:list'),
    ],
)
