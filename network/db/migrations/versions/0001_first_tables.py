"""First tables."""

import sqlalchemy as sa
from alembic import op

from common.db.types import BIG, JSON, LONG_TEXT, TIME

revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table(
        'agents',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('availability_zone', sa.String(length=255), nullable=False),
        sa.Column('admin_state_up', sa.Boolean(), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('tunnel_ip', sa.String(length=45), nullable=True),
        sa.Column('serves_networks', sa.Boolean(), nullable=False),
        sa.Column('configurations', JSON, nullable=True),
        sa.Column('desired_revision', BIG, nullable=False),
        sa.Column('applied_revision', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('started_at', TIME, nullable=False),
        sa.Column('heartbeat_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_agents')),
        sa.UniqueConstraint('host', name=op.f('uq_agents_host')),
        if_not_exists=True,
    )
    op.create_table(
        'networks',
        sa.Column('admin_state_up', sa.Boolean(), nullable=False),
        sa.Column('shared', sa.Boolean(), nullable=False),
        sa.Column('external', sa.Boolean(), nullable=False),
        sa.Column('is_default', sa.Boolean(), nullable=False),
        sa.Column('mtu', sa.Integer(), nullable=False),
        sa.Column('port_security_enabled', sa.Boolean(), nullable=False),
        sa.Column('network_type', sa.String(length=16), nullable=False),
        sa.Column('physical_network', sa.String(length=64), nullable=True),
        sa.Column('segmentation_id', sa.Integer(), nullable=True),
        sa.Column('segment_key', sa.String(length=255), nullable=True),
        sa.Column('availability_zone_hints', JSON, nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('tags', LONG_TEXT, nullable=False),
        sa.Column('revision_number', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_networks')),
        sa.UniqueConstraint('segment_key', name=op.f('uq_networks_segment_key')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_networks_project_id'), 'networks', ['project_id'], unique=False, if_not_exists=True)
    op.create_table(
        'operation_events',
        sa.Column('operation_id', sa.String(length=36), nullable=False),
        sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('step', sa.String(length=64), nullable=False),
        sa.Column('direction', sa.String(length=8), nullable=False),
        sa.Column('event', sa.String(length=16), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=True),
        sa.Column('at', TIME, nullable=False),
        sa.Column('data', JSON, nullable=True),
        sa.PrimaryKeyConstraint('operation_id', 'seq', name=op.f('pk_operation_events')),
        if_not_exists=True,
    )
    op.create_table(
        'operations',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('kind', sa.String(length=64), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('resource_type', sa.String(length=32), nullable=False),
        sa.Column('resource_id', sa.String(length=64), nullable=False),
        sa.Column('live_key', sa.String(length=100), nullable=True),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('params', JSON, nullable=False),
        sa.Column('memory', JSON, nullable=False),
        sa.Column('fault', JSON, nullable=True),
        sa.Column('context', JSON, nullable=False),
        sa.Column('project', sa.String(length=64), nullable=True),
        sa.Column('user', sa.String(length=64), nullable=True),
        sa.Column('request_id', sa.String(length=64), nullable=False),
        sa.Column('global_request_id', sa.String(length=64), nullable=False),
        sa.Column('reason', sa.String(length=255), nullable=True),
        sa.Column('parent', sa.String(length=36), nullable=True),
        sa.Column('waits_for', sa.String(length=36), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.Column('deadline_at', TIME, nullable=True),
        sa.Column('ended_at', TIME, nullable=True),
        sa.Column('host', sa.String(length=255), nullable=True),
        sa.Column('place', sa.String(length=255), nullable=True),
        sa.Column('run_at', TIME, nullable=False),
        sa.Column('stalled', sa.Boolean(), nullable=False),
        sa.Column('lease_owner', sa.String(length=160), nullable=True),
        sa.Column('lease_until', TIME, nullable=True),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('attention', sa.Boolean(), nullable=False),
        sa.Column('event_count', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_operations')),
        sa.UniqueConstraint('live_key', name=op.f('uq_operations_live_key')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_operations_global_request_id'), 'operations', ['global_request_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_operations_place_run_at'), 'operations', ['place', 'run_at'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_operations_request_id'), 'operations', ['request_id'], unique=False, if_not_exists=True)
    op.create_index(
        op.f('ix_operations_resource_id_created_at'), 'operations', ['resource_id', 'created_at'], unique=False, if_not_exists=True
    )
    op.create_index(op.f('ix_operations_waits_for'), 'operations', ['waits_for'], unique=False, if_not_exists=True)
    op.create_table(
        'quota_limits',
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('resource', sa.String(length=64), nullable=False),
        sa.Column('hard_limit', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'resource', name=op.f('pk_quota_limits')),
        if_not_exists=True,
    )
    op.create_table(
        'quota_projects',
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('project_id', name=op.f('pk_quota_projects')),
        if_not_exists=True,
    )
    op.create_table(
        'request_events',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('global_request_id', sa.String(length=64), nullable=False),
        sa.Column('request_id', sa.String(length=64), nullable=False),
        sa.Column('method', sa.String(length=16), nullable=False),
        sa.Column('path', sa.String(length=512), nullable=False),
        sa.Column('status', sa.Integer(), nullable=False),
        sa.Column('user', sa.String(length=64), nullable=True),
        sa.Column('project', sa.String(length=64), nullable=True),
        sa.Column('at', TIME, nullable=False),
        sa.Column('duration', sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_request_events')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_request_events_at'), 'request_events', ['at'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_request_events_global_request_id'), 'request_events', ['global_request_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_request_events_request_id'), 'request_events', ['request_id'], unique=False, if_not_exists=True)
    op.create_table(
        'security_groups',
        sa.Column('stateful', sa.Boolean(), nullable=False),
        sa.Column('is_default', sa.Boolean(), nullable=False),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('tags', LONG_TEXT, nullable=False),
        sa.Column('revision_number', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_security_groups')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_security_groups_project_id'), 'security_groups', ['project_id'], unique=False, if_not_exists=True)
    op.create_table(
        'default_security_groups',
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('security_group_id', sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ['security_group_id'], ['security_groups.id'], name=op.f('fk_default_security_groups_security_group_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('project_id', name=op.f('pk_default_security_groups')),
        if_not_exists=True,
    )
    op.create_table(
        'ports',
        sa.Column('network_id', sa.String(length=36), nullable=False),
        sa.Column('mac_address', sa.String(length=32), nullable=False),
        sa.Column('admin_state_up', sa.Boolean(), nullable=False),
        sa.Column('status', sa.String(length=16), nullable=False),
        sa.Column('device_id', sa.String(length=255), nullable=False),
        sa.Column('device_owner', sa.String(length=255), nullable=False),
        sa.Column('port_security_enabled', sa.Boolean(), nullable=False),
        sa.Column('allowed_address_pairs', JSON, nullable=True),
        sa.Column('extra_dhcp_opts', JSON, nullable=True),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('vnic_type', sa.String(length=32), nullable=False),
        sa.Column('profile', JSON, nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('tags', LONG_TEXT, nullable=False),
        sa.Column('revision_number', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['network_id'], ['networks.id'], name=op.f('fk_ports_network_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_ports')),
        sa.UniqueConstraint('network_id', 'mac_address', name=op.f('uq_ports_network_id_mac_address')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_ports_device_id'), 'ports', ['device_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_ports_host'), 'ports', ['host'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_ports_project_id'), 'ports', ['project_id'], unique=False, if_not_exists=True)
    op.create_table(
        'routers',
        sa.Column('admin_state_up', sa.Boolean(), nullable=False),
        sa.Column('external_network_id', sa.String(length=36), nullable=True),
        sa.Column('gateway_port_id', sa.String(length=36), nullable=True),
        sa.Column('enable_snat', sa.Boolean(), nullable=False),
        sa.Column('routes', JSON, nullable=True),
        sa.Column('availability_zone_hints', JSON, nullable=True),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('tags', LONG_TEXT, nullable=False),
        sa.Column('revision_number', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['external_network_id'], ['networks.id'], name=op.f('fk_routers_external_network_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_routers')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_routers_external_network_id'), 'routers', ['external_network_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_routers_host'), 'routers', ['host'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_routers_project_id'), 'routers', ['project_id'], unique=False, if_not_exists=True)
    op.create_table(
        'security_group_rules',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('security_group_id', sa.String(length=36), nullable=False),
        sa.Column('direction', sa.String(length=16), nullable=False),
        sa.Column('ethertype', sa.String(length=16), nullable=False),
        sa.Column('protocol', sa.String(length=32), nullable=True),
        sa.Column('port_range_min', sa.Integer(), nullable=True),
        sa.Column('port_range_max', sa.Integer(), nullable=True),
        sa.Column('remote_group_id', sa.String(length=36), nullable=True),
        sa.Column('remote_ip_prefix', sa.String(length=64), nullable=True),
        sa.Column('fingerprint', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('revision_number', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['remote_group_id'], ['security_groups.id'], name=op.f('fk_security_group_rules_remote_group_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['security_group_id'], ['security_groups.id'], name=op.f('fk_security_group_rules_security_group_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_security_group_rules')),
        sa.UniqueConstraint('security_group_id', 'fingerprint', name=op.f('uq_security_group_rules_security_group_id_fingerprint')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_security_group_rules_project_id'), 'security_group_rules', ['project_id'], unique=False, if_not_exists=True)
    op.create_index(
        op.f('ix_security_group_rules_remote_group_id'), 'security_group_rules', ['remote_group_id'], unique=False, if_not_exists=True
    )
    op.create_table(
        'subnets',
        sa.Column('network_id', sa.String(length=36), nullable=False),
        sa.Column('ip_version', sa.Integer(), nullable=False),
        sa.Column('cidr', sa.String(length=64), nullable=False),
        sa.Column('gateway_ip', sa.String(length=45), nullable=True),
        sa.Column('enable_dhcp', sa.Boolean(), nullable=False),
        sa.Column('ipv6_ra_mode', sa.String(length=32), nullable=True),
        sa.Column('ipv6_address_mode', sa.String(length=32), nullable=True),
        sa.Column('dns_nameservers', JSON, nullable=True),
        sa.Column('host_routes', JSON, nullable=True),
        sa.Column('allocation_pools', JSON, nullable=False),
        sa.Column('service_types', JSON, nullable=True),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('tags', LONG_TEXT, nullable=False),
        sa.Column('revision_number', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['network_id'], ['networks.id'], name=op.f('fk_subnets_network_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_subnets')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_subnets_network_id'), 'subnets', ['network_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_subnets_project_id'), 'subnets', ['project_id'], unique=False, if_not_exists=True)
    op.create_table(
        'allocations',
        sa.Column('subnet_id', sa.String(length=36), nullable=False),
        sa.Column('ip_address', sa.String(length=45), nullable=False),
        sa.Column('port_id', sa.String(length=36), nullable=False),
        sa.Column('network_id', sa.String(length=36), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['port_id'], ['ports.id'], name=op.f('fk_allocations_port_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['subnet_id'], ['subnets.id'], name=op.f('fk_allocations_subnet_id')),
        sa.PrimaryKeyConstraint('subnet_id', 'ip_address', name=op.f('pk_allocations')),
        if_not_exists=True,
    )
    op.create_index(
        op.f('ix_allocations_network_id_ip_address'), 'allocations', ['network_id', 'ip_address'], unique=False, if_not_exists=True
    )
    op.create_index(op.f('ix_allocations_port_id'), 'allocations', ['port_id'], unique=False, if_not_exists=True)
    op.create_table(
        'floating_ips',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('floating_ip_address', sa.String(length=45), nullable=False),
        sa.Column('floating_network_id', sa.String(length=36), nullable=False),
        sa.Column('external_port_id', sa.String(length=36), nullable=False),
        sa.Column('port_id', sa.String(length=36), nullable=True),
        sa.Column('fixed_ip_address', sa.String(length=45), nullable=True),
        sa.Column('router_id', sa.String(length=36), nullable=True),
        sa.Column('status', sa.String(length=16), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('tags', LONG_TEXT, nullable=False),
        sa.Column('revision_number', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['external_port_id'], ['ports.id'], name=op.f('fk_floating_ips_external_port_id')),
        sa.ForeignKeyConstraint(['floating_network_id'], ['networks.id'], name=op.f('fk_floating_ips_floating_network_id')),
        sa.ForeignKeyConstraint(['port_id'], ['ports.id'], name=op.f('fk_floating_ips_port_id')),
        sa.ForeignKeyConstraint(['router_id'], ['routers.id'], name=op.f('fk_floating_ips_router_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_floating_ips')),
        sa.UniqueConstraint('port_id', 'fixed_ip_address', name=op.f('uq_floating_ips_port_id_fixed_ip_address')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_floating_ips_floating_network_id'), 'floating_ips', ['floating_network_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_floating_ips_project_id'), 'floating_ips', ['project_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_floating_ips_router_id'), 'floating_ips', ['router_id'], unique=False, if_not_exists=True)
    op.create_table(
        'port_security_groups',
        sa.Column('port_id', sa.String(length=36), nullable=False),
        sa.Column('security_group_id', sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(['port_id'], ['ports.id'], name=op.f('fk_port_security_groups_port_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['security_group_id'], ['security_groups.id'], name=op.f('fk_port_security_groups_security_group_id')),
        sa.PrimaryKeyConstraint('port_id', 'security_group_id', name=op.f('pk_port_security_groups')),
        if_not_exists=True,
    )
    op.create_index(
        op.f('ix_port_security_groups_security_group_id'), 'port_security_groups', ['security_group_id'], unique=False, if_not_exists=True
    )


def downgrade() -> None:
    op.drop_index(op.f('ix_port_security_groups_security_group_id'), table_name='port_security_groups', if_exists=True)
    op.drop_table('port_security_groups', if_exists=True)
    op.drop_index(op.f('ix_floating_ips_router_id'), table_name='floating_ips', if_exists=True)
    op.drop_index(op.f('ix_floating_ips_project_id'), table_name='floating_ips', if_exists=True)
    op.drop_index(op.f('ix_floating_ips_floating_network_id'), table_name='floating_ips', if_exists=True)
    op.drop_table('floating_ips', if_exists=True)
    op.drop_index(op.f('ix_allocations_port_id'), table_name='allocations', if_exists=True)
    op.drop_index(op.f('ix_allocations_network_id_ip_address'), table_name='allocations', if_exists=True)
    op.drop_table('allocations', if_exists=True)
    op.drop_index(op.f('ix_subnets_project_id'), table_name='subnets', if_exists=True)
    op.drop_index(op.f('ix_subnets_network_id'), table_name='subnets', if_exists=True)
    op.drop_table('subnets', if_exists=True)
    op.drop_index(op.f('ix_security_group_rules_remote_group_id'), table_name='security_group_rules', if_exists=True)
    op.drop_index(op.f('ix_security_group_rules_project_id'), table_name='security_group_rules', if_exists=True)
    op.drop_table('security_group_rules', if_exists=True)
    op.drop_index(op.f('ix_routers_project_id'), table_name='routers', if_exists=True)
    op.drop_index(op.f('ix_routers_host'), table_name='routers', if_exists=True)
    op.drop_index(op.f('ix_routers_external_network_id'), table_name='routers', if_exists=True)
    op.drop_table('routers', if_exists=True)
    op.drop_index(op.f('ix_ports_project_id'), table_name='ports', if_exists=True)
    op.drop_index(op.f('ix_ports_host'), table_name='ports', if_exists=True)
    op.drop_index(op.f('ix_ports_device_id'), table_name='ports', if_exists=True)
    op.drop_table('ports', if_exists=True)
    op.drop_table('default_security_groups', if_exists=True)
    op.drop_index(op.f('ix_security_groups_project_id'), table_name='security_groups', if_exists=True)
    op.drop_table('security_groups', if_exists=True)
    op.drop_index(op.f('ix_request_events_request_id'), table_name='request_events', if_exists=True)
    op.drop_index(op.f('ix_request_events_global_request_id'), table_name='request_events', if_exists=True)
    op.drop_index(op.f('ix_request_events_at'), table_name='request_events', if_exists=True)
    op.drop_table('request_events', if_exists=True)
    op.drop_table('quota_projects', if_exists=True)
    op.drop_table('quota_limits', if_exists=True)
    op.drop_index(op.f('ix_operations_waits_for'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_resource_id_created_at'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_request_id'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_place_run_at'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_global_request_id'), table_name='operations', if_exists=True)
    op.drop_table('operations', if_exists=True)
    op.drop_table('operation_events', if_exists=True)
    op.drop_index(op.f('ix_networks_project_id'), table_name='networks', if_exists=True)
    op.drop_table('networks', if_exists=True)
    op.drop_table('agents', if_exists=True)
