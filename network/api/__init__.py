"""The REST API of the network service: one module for each resource, gathered here."""

from common.api.faults.network import TYPES
from common.operations.api import events_resource
from network.api.agents import AGENTS
from network.api.availability import AVAILABILITIES, PROVIDERS, ZONES
from network.api.extensions import EXTENSIONS
from network.api.floating_ips import FLOATING_IPS
from network.api.networks import NETWORKS
from network.api.ports import PORTS
from network.api.quotas import QUOTAS
from network.api.routers import ROUTERS
from network.api.security_groups import SECURITY_GROUP_RULES, SECURITY_GROUPS
from network.api.subnet_pools import SUBNET_POOLS
from network.api.subnets import SUBNETS
from network.api.tags import TAGS
from network.db.models import OPERATION_TABLES

# Types of errors as clients know them, where the code in camel case is not it.
TYPES.update(
    {
        'invalid_value': 'InvalidInput',
        'dns_name_servers_exhausted': 'DNSNameServersExhausted',
        'external_gateway_for_floating_ip_not_found': 'ExternalGatewayForFloatingIPNotFound',
        'router_interface_in_use_by_floating_ip': 'RouterInterfaceInUseByFloatingIP',
        'router_external_gateway_in_use_by_floating_ip': 'RouterExternalGatewayInUseByFloatingIp',
        'port_security_and_ip_required_for_security_groups': 'PortSecurityAndIPRequiredForSecurityGroups',
        'address_pair_matches_port_fixed_ip_and_mac': 'AddressPairMatchesPortFixedIPAndMac',
        'floating_ip_in_use': 'FloatingIPInUse',
    }
)

RESOURCES = [
    NETWORKS,
    SUBNETS,
    SUBNET_POOLS,
    PORTS,
    ROUTERS,
    FLOATING_IPS,
    SECURITY_GROUPS,
    SECURITY_GROUP_RULES,
    TAGS,
    QUOTAS,
    AGENTS,
    ZONES,
    AVAILABILITIES,
    PROVIDERS,
    EXTENSIONS,
    events_resource('network', OPERATION_TABLES),
]
