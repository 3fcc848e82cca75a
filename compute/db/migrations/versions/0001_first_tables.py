"""First tables."""

import sqlalchemy as sa
from alembic import op

from common.db.types import BIG, JSON, LONG_TEXT, TIME

revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table(
        'flavors',
        sa.Column('id', sa.String(length=255), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('vcpus', sa.Integer(), nullable=False),
        sa.Column('memory_mib', sa.Integer(), nullable=False),
        sa.Column('root_gib', sa.Integer(), nullable=False),
        sa.Column('ephemeral_gib', sa.Integer(), nullable=False),
        sa.Column('swap_mib', sa.Integer(), nullable=False),
        sa.Column('rxtx_factor', sa.Double(), nullable=False),
        sa.Column('is_public', sa.Boolean(), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.Column('extra_specs', JSON, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_flavors')),
        sa.UniqueConstraint('name', name=op.f('uq_flavors_name')),
        if_not_exists=True,
    )
    op.create_table(
        'keypairs',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('type', sa.String(length=16), nullable=False),
        sa.Column('public_key', LONG_TEXT, nullable=False),
        sa.Column('fingerprint', sa.String(length=255), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_keypairs')),
        sa.UniqueConstraint('user_id', 'name', name=op.f('uq_keypairs_user_id_name')),
        if_not_exists=True,
    )
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
        'servers',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('hostname', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=True),
        sa.Column('vm_state', sa.String(length=32), nullable=False),
        sa.Column('task_state', sa.String(length=32), nullable=True),
        sa.Column('power_state', sa.Integer(), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=True),
        sa.Column('availability_zone', sa.String(length=255), nullable=True),
        sa.Column('requested_zone', sa.String(length=255), nullable=True),
        sa.Column('image_id', sa.String(length=36), nullable=True),
        sa.Column('flavor_id', sa.String(length=255), nullable=False),
        sa.Column('flavor', JSON, nullable=False),
        sa.Column('vcpus', sa.Integer(), nullable=False),
        sa.Column('memory_mib', sa.Integer(), nullable=False),
        sa.Column('root_gib', sa.Integer(), nullable=False),
        sa.Column('key_name', sa.String(length=255), nullable=True),
        sa.Column('key_type', sa.String(length=16), nullable=True),
        sa.Column('public_key', LONG_TEXT, nullable=True),
        sa.Column('user_data', LONG_TEXT, nullable=True),
        sa.Column('config_drive', sa.Boolean(), nullable=False),
        sa.Column('metadata', JSON, nullable=False),
        sa.Column('tags', JSON, nullable=False),
        sa.Column('network_info', JSON, nullable=False),
        sa.Column('requested', JSON, nullable=False),
        sa.Column('access_ip_v4', sa.String(length=39), nullable=True),
        sa.Column('access_ip_v6', sa.String(length=39), nullable=True),
        sa.Column('disk_config', sa.String(length=16), nullable=False),
        sa.Column('reservation_id', sa.String(length=32), nullable=True),
        sa.Column('launch_index', sa.Integer(), nullable=False),
        sa.Column('locked', sa.Boolean(), nullable=False),
        sa.Column('locked_reason', sa.String(length=255), nullable=True),
        sa.Column('progress', sa.Integer(), nullable=False),
        sa.Column('fault', JSON, nullable=True),
        sa.Column('deleted', sa.Boolean(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('launched_at', TIME, nullable=True),
        sa.Column('terminated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_servers')),
        if_not_exists=True,
    )
    op.create_index('ix_servers_deleted_created_at', 'servers', ['deleted', 'created_at', 'id'], unique=False, if_not_exists=True)
    op.create_index('ix_servers_host', 'servers', ['host'], unique=False, if_not_exists=True)
    op.create_index(
        'ix_servers_project_id_deleted_created_at', 'servers', ['project_id', 'deleted', 'created_at'], unique=False, if_not_exists=True
    )
    op.create_table(
        'flavor_access',
        sa.Column('flavor_id', sa.String(length=255), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(['flavor_id'], ['flavors.id'], name=op.f('fk_flavor_access_flavor_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('flavor_id', 'project_id', name=op.f('pk_flavor_access')),
        if_not_exists=True,
    )
    op.create_table(
        'server_volumes',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('server_id', sa.String(length=36), nullable=False),
        sa.Column('volume_id', sa.String(length=36), nullable=False),
        sa.Column('attachment_id', sa.String(length=36), nullable=True),
        sa.Column('device', sa.String(length=32), nullable=True),
        sa.Column('tag', sa.String(length=255), nullable=True),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('delete_on_termination', sa.Boolean(), nullable=False),
        sa.Column('connection', JSON, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['server_id'], ['servers.id'], name=op.f('fk_server_volumes_server_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_server_volumes')),
        sa.UniqueConstraint('server_id', 'volume_id', name=op.f('uq_server_volumes_server_id_volume_id')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_server_volumes_server_id'), 'server_volumes', ['server_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_server_volumes_volume_id'), 'server_volumes', ['volume_id'], unique=False, if_not_exists=True)


def downgrade() -> None:
    op.drop_index(op.f('ix_server_volumes_volume_id'), table_name='server_volumes', if_exists=True)
    op.drop_index(op.f('ix_server_volumes_server_id'), table_name='server_volumes', if_exists=True)
    op.drop_table('server_volumes', if_exists=True)
    op.drop_table('flavor_access', if_exists=True)
    op.drop_index('ix_servers_project_id_deleted_created_at', table_name='servers', if_exists=True)
    op.drop_index('ix_servers_host', table_name='servers', if_exists=True)
    op.drop_index('ix_servers_deleted_created_at', table_name='servers', if_exists=True)
    op.drop_table('servers', if_exists=True)
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
    op.drop_table('keypairs', if_exists=True)
    op.drop_table('flavors', if_exists=True)
