"""Tables of the network service.

What must never happen twice is held by unique indexes, not by locks: an address in a subnet, a MAC address in a network, a
segment, a rule in a group, a floating address on a fixed one. Foreign keys keep what is in use from being deleted.
Lists that are seldom there (tags, address pairs, routes) live in their owner's row; NULL is the empty list.
"""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common import clock
from common.db.quotas import quota_tables
from common.db.types import JSON, BigInt, LongText, Str16, Str32, Str64, Str255, Uuid, UuidKey, declarative_base_for
from common.operations import operation_tables

Base = declarative_base_for('network')
IP = sa.String(45)


class Standard:
    """What every resource of the API carries. `tags`: each between line breaks, sorted; empty text: none."""

    id: Mapped[UuidKey]
    project_id: Mapped[Str64] = mapped_column(default='')
    name: Mapped[Str255] = mapped_column(default='')
    description: Mapped[Str255] = mapped_column(default='')
    tags: Mapped[LongText] = mapped_column(default='')
    revision_number: Mapped[BigInt] = mapped_column(default=1)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)


class Network(Standard, Base):
    """A network. `segment_key` names its segment (`vxlan:1001`, `vlan:physnet1:100`, `flat:public`); NULL: local."""

    __tablename__ = 'networks'

    admin_state_up: Mapped[bool] = mapped_column(default=True)
    shared: Mapped[bool] = mapped_column(default=False)
    external: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    mtu: Mapped[int] = mapped_column(default=1500)
    port_security_enabled: Mapped[bool] = mapped_column(default=True)
    network_type: Mapped[Str16]
    physical_network: Mapped[Str64 | None]
    segmentation_id: Mapped[int | None]
    segment_key: Mapped[Str255 | None]
    availability_zone_hints: Mapped[list[str] | None] = mapped_column(JSON)

    __table_args__ = (UniqueConstraint('segment_key'), Index(None, 'project_id'))


class SubnetPool(Standard, Base):
    """Networks from which subnets are cut. `default_quota`: addresses (IPv6: networks of 64 bits) of one project; NULL: no limit."""

    __tablename__ = 'subnet_pools'

    ip_version: Mapped[int]
    prefixes: Mapped[list[str]] = mapped_column(JSON)
    min_prefixlen: Mapped[int]
    default_prefixlen: Mapped[int]
    max_prefixlen: Mapped[int]
    default_quota: Mapped[int | None]
    shared: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index(None, 'project_id'),)


class Subnet(Standard, Base):
    """A subnet. `allocation_pools`: `[[first, last], ...]`; `host_routes`: `[[destination, next hop], ...]`."""

    __tablename__ = 'subnets'

    network_id: Mapped[Uuid] = mapped_column(ForeignKey('networks.id'), index=True)
    ip_version: Mapped[int]
    cidr: Mapped[Str64]
    gateway_ip: Mapped[str | None] = mapped_column(IP)
    enable_dhcp: Mapped[bool] = mapped_column(default=True)
    ipv6_ra_mode: Mapped[Str32 | None]
    ipv6_address_mode: Mapped[Str32 | None]
    dns_nameservers: Mapped[list[str] | None] = mapped_column(JSON)
    host_routes: Mapped[list[Any] | None] = mapped_column(JSON)
    allocation_pools: Mapped[list[Any]] = mapped_column(JSON)
    service_types: Mapped[list[str] | None] = mapped_column(JSON)
    subnetpool_id: Mapped[str | None] = mapped_column(sa.String(36), ForeignKey('subnet_pools.id'), index=True)

    __table_args__ = (Index(None, 'project_id'),)


class Port(Standard, Base):
    """A port. `host`: where it is bound, empty: nowhere. `vif_details` and the like are made from the rest."""

    __tablename__ = 'ports'

    network_id: Mapped[Uuid] = mapped_column(ForeignKey('networks.id'))
    mac_address: Mapped[Str32]
    admin_state_up: Mapped[bool] = mapped_column(default=True)
    status: Mapped[Str16] = mapped_column(default='DOWN')
    device_id: Mapped[Str255] = mapped_column(default='')
    device_owner: Mapped[Str255] = mapped_column(default='')
    port_security_enabled: Mapped[bool] = mapped_column(default=True)
    allowed_address_pairs: Mapped[list[Any] | None] = mapped_column(JSON)
    extra_dhcp_opts: Mapped[list[Any] | None] = mapped_column(JSON)
    host: Mapped[Str255] = mapped_column(default='')
    vnic_type: Mapped[Str32] = mapped_column(default='normal')
    profile: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (
        UniqueConstraint('network_id', 'mac_address'),
        Index(None, 'project_id'),
        Index(None, 'device_id'),
        Index(None, 'host'),
    )


class Allocation(Base):
    """An address of a port. `position`: its place among the port's."""

    __tablename__ = 'allocations'

    subnet_id: Mapped[Uuid] = mapped_column(ForeignKey('subnets.id'), primary_key=True)
    ip_address: Mapped[str] = mapped_column(IP, primary_key=True)
    port_id: Mapped[Uuid] = mapped_column(ForeignKey('ports.id', ondelete='CASCADE'), index=True)
    network_id: Mapped[Uuid]
    position: Mapped[int] = mapped_column(default=0)

    __table_args__ = (Index(None, 'network_id', 'ip_address'),)


class SecurityGroup(Standard, Base):
    """A security group."""

    __tablename__ = 'security_groups'

    stateful: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index(None, 'project_id'),)


class DefaultSecurityGroup(Base):
    """The one default group of a project."""

    __tablename__ = 'default_security_groups'

    project_id: Mapped[Str64] = mapped_column(primary_key=True)
    security_group_id: Mapped[Uuid] = mapped_column(ForeignKey('security_groups.id', ondelete='CASCADE'))


class SecurityGroupRule(Base):
    """A rule. `fingerprint`: what it says, in one text, so that a group holds it once."""

    __tablename__ = 'security_group_rules'

    id: Mapped[UuidKey]
    project_id: Mapped[Str64] = mapped_column(default='')
    security_group_id: Mapped[Uuid] = mapped_column(ForeignKey('security_groups.id', ondelete='CASCADE'))
    direction: Mapped[Str16]
    ethertype: Mapped[Str16]
    protocol: Mapped[Str32 | None]
    port_range_min: Mapped[int | None]
    port_range_max: Mapped[int | None]
    remote_group_id: Mapped[str | None] = mapped_column(sa.String(36), ForeignKey('security_groups.id', ondelete='CASCADE'), index=True)
    remote_ip_prefix: Mapped[Str64 | None]
    fingerprint: Mapped[Str255]
    description: Mapped[Str255] = mapped_column(default='')
    revision_number: Mapped[BigInt] = mapped_column(default=0)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    __table_args__ = (UniqueConstraint('security_group_id', 'fingerprint'), Index(None, 'project_id'))


class PortSecurityGroup(Base):
    """A port in a group."""

    __tablename__ = 'port_security_groups'

    port_id: Mapped[Uuid] = mapped_column(ForeignKey('ports.id', ondelete='CASCADE'), primary_key=True)
    security_group_id: Mapped[Uuid] = mapped_column(ForeignKey('security_groups.id'), primary_key=True, index=True)


class Router(Standard, Base):
    """A router. `routes`: `[[destination, next hop], ...]`; `host`: where it runs, empty: nowhere."""

    __tablename__ = 'routers'

    admin_state_up: Mapped[bool] = mapped_column(default=True)
    external_network_id: Mapped[str | None] = mapped_column(sa.String(36), ForeignKey('networks.id'), index=True)
    gateway_port_id: Mapped[str | None] = mapped_column(sa.String(36))
    enable_snat: Mapped[bool] = mapped_column(default=True)
    routes: Mapped[list[Any] | None] = mapped_column(JSON)
    availability_zone_hints: Mapped[list[str] | None] = mapped_column(JSON)
    host: Mapped[Str255] = mapped_column(default='')

    __table_args__ = (Index(None, 'project_id'), Index(None, 'host'))


class FloatingIp(Base):
    """An address of an external network that may lead to a port. `external_port_id`: the port that holds the address there."""

    __tablename__ = 'floating_ips'

    id: Mapped[UuidKey]
    project_id: Mapped[Str64] = mapped_column(default='')
    floating_ip_address: Mapped[str] = mapped_column(IP)
    floating_network_id: Mapped[Uuid] = mapped_column(ForeignKey('networks.id'), index=True)
    external_port_id: Mapped[Uuid] = mapped_column(ForeignKey('ports.id'))
    port_id: Mapped[str | None] = mapped_column(sa.String(36), ForeignKey('ports.id'))
    fixed_ip_address: Mapped[str | None] = mapped_column(IP)
    router_id: Mapped[str | None] = mapped_column(sa.String(36), ForeignKey('routers.id'), index=True)
    status: Mapped[Str16] = mapped_column(default='DOWN')
    description: Mapped[Str255] = mapped_column(default='')
    tags: Mapped[LongText] = mapped_column(default='')
    revision_number: Mapped[BigInt] = mapped_column(default=1)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    __table_args__ = (UniqueConstraint('port_id', 'fixed_ip_address'), Index(None, 'project_id'))


class Agent(Base):
    """The agent of a host. `desired_revision` grows whenever what the host should look like may have changed."""

    __tablename__ = 'agents'

    id: Mapped[UuidKey]
    host: Mapped[Str255] = mapped_column(unique=True)
    availability_zone: Mapped[Str255] = mapped_column(default='nova')
    admin_state_up: Mapped[bool] = mapped_column(default=True)
    description: Mapped[Str255] = mapped_column(default='')
    tunnel_ip: Mapped[str | None] = mapped_column(IP)
    serves_networks: Mapped[bool] = mapped_column(default=True)
    configurations: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    desired_revision: Mapped[BigInt] = mapped_column(default=1)
    applied_revision: Mapped[BigInt] = mapped_column(default=0)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    started_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    heartbeat_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)


QUOTA_TABLES = quota_tables(Base.metadata)
OPERATION_TABLES = operation_tables(Base.metadata)

NETWORKS = Network.__table__
SUBNETS = Subnet.__table__
SUBNET_POOLS = SubnetPool.__table__
PORTS = Port.__table__
ALLOCATIONS = Allocation.__table__
GROUPS = SecurityGroup.__table__
DEFAULT_GROUPS = DefaultSecurityGroup.__table__
RULES = SecurityGroupRule.__table__
MEMBERSHIPS = PortSecurityGroup.__table__
ROUTERS = Router.__table__
FLOATING_IPS = FloatingIp.__table__
AGENTS = Agent.__table__
