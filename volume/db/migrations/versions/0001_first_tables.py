"""First tables."""

import sqlalchemy as sa
from alembic import op

from common.db.types import BIG, JSON, LONG_TEXT, TIME

revision = '0001'
down_revision = None


def upgrade() -> None:
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
        'volume_hosts',
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('availability_zone', sa.String(length=255), nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('disabled_reason', sa.String(length=255), nullable=True),
        sa.Column('total_gib', sa.Double(), nullable=False),
        sa.Column('free_gib', sa.Double(), nullable=False),
        sa.Column('provisioned_gib', sa.Double(), nullable=False),
        sa.Column('seen_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_volume_hosts')),
        if_not_exists=True,
    )
    op.create_table(
        'volume_types',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=True),
        sa.Column('is_public', sa.Boolean(), nullable=False),
        sa.Column('extra_specs', JSON, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_volume_types')),
        sa.UniqueConstraint('name', name=op.f('uq_volume_types_name')),
        if_not_exists=True,
    )
    op.create_table(
        'volumes',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=True),
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('availability_zone', sa.String(length=255), nullable=True),
        sa.Column('bootable', sa.Boolean(), nullable=False),
        sa.Column('multiattach', sa.Boolean(), nullable=False),
        sa.Column('volume_type_id', sa.String(length=36), nullable=True),
        sa.Column('snapshot_id', sa.String(length=36), nullable=True),
        sa.Column('source_volid', sa.String(length=36), nullable=True),
        sa.Column('host', sa.String(length=255), nullable=True),
        sa.Column('export_secret', sa.String(length=64), nullable=False),
        sa.Column('metadata', JSON, nullable=False),
        sa.Column('image_metadata', JSON, nullable=True),
        sa.Column('fault', LONG_TEXT, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['volume_type_id'], ['volume_types.id'], name=op.f('fk_volumes_volume_type_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_volumes')),
        if_not_exists=True,
    )
    op.create_index('ix_volumes_created_at_id', 'volumes', ['created_at', 'id'], unique=False, if_not_exists=True)
    op.create_index('ix_volumes_project_id_created_at', 'volumes', ['project_id', 'created_at'], unique=False, if_not_exists=True)
    op.create_table(
        'attachments',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('volume_id', sa.String(length=36), nullable=False),
        sa.Column('instance_id', sa.String(length=36), nullable=True),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('mode', sa.String(length=8), nullable=False),
        sa.Column('host_name', sa.String(length=255), nullable=True),
        sa.Column('mountpoint', sa.String(length=255), nullable=True),
        sa.Column('connector', JSON, nullable=True),
        sa.Column('connection_info', JSON, nullable=True),
        sa.Column('attached_at', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['volume_id'], ['volumes.id'], name=op.f('fk_attachments_volume_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_attachments')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_attachments_instance_id'), 'attachments', ['instance_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_attachments_volume_id'), 'attachments', ['volume_id'], unique=False, if_not_exists=True)


def downgrade() -> None:
    op.drop_index(op.f('ix_attachments_volume_id'), table_name='attachments', if_exists=True)
    op.drop_index(op.f('ix_attachments_instance_id'), table_name='attachments', if_exists=True)
    op.drop_table('attachments', if_exists=True)
    op.drop_index('ix_volumes_project_id_created_at', table_name='volumes', if_exists=True)
    op.drop_index('ix_volumes_created_at_id', table_name='volumes', if_exists=True)
    op.drop_table('volumes', if_exists=True)
    op.drop_table('volume_types', if_exists=True)
    op.drop_table('volume_hosts', if_exists=True)
    op.drop_index(op.f('ix_request_events_request_id'), table_name='request_events', if_exists=True)
    op.drop_index(op.f('ix_request_events_global_request_id'), table_name='request_events', if_exists=True)
    op.drop_index(op.f('ix_request_events_at'), table_name='request_events', if_exists=True)
    op.drop_table('request_events', if_exists=True)
    op.drop_table('quota_limits', if_exists=True)
    op.drop_index(op.f('ix_operations_waits_for'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_resource_id_created_at'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_request_id'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_place_run_at'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_global_request_id'), table_name='operations', if_exists=True)
    op.drop_table('operations', if_exists=True)
    op.drop_table('operation_events', if_exists=True)
