"""First tables."""

import sqlalchemy as sa
from alembic import op

from common.db.types import BIG, JSON, TIME

revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table(
        'images',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('status', sa.String(length=30), nullable=False),
        sa.Column('visibility', sa.String(length=20), nullable=False),
        sa.Column('owner', sa.String(length=64), nullable=True),
        sa.Column('container_format', sa.String(length=20), nullable=True),
        sa.Column('disk_format', sa.String(length=20), nullable=True),
        sa.Column('min_disk', sa.Integer(), nullable=False),
        sa.Column('min_ram', sa.Integer(), nullable=False),
        sa.Column('protected', sa.Boolean(), nullable=False),
        sa.Column('os_hidden', sa.Boolean(), nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=True),
        sa.Column('virtual_size', sa.BigInteger(), nullable=True),
        sa.Column('checksum', sa.String(length=32), nullable=True),
        sa.Column('os_hash_algo', sa.String(length=64), nullable=True),
        sa.Column('os_hash_value', sa.String(length=128), nullable=True),
        sa.Column('upload_id', sa.String(length=36), nullable=True),
        sa.Column('upload_until', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_images')),
        if_not_exists=True,
    )
    op.create_index('ix_images_created_at_id', 'images', ['created_at', 'id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_images_owner'), 'images', ['owner'], unique=False, if_not_exists=True)
    op.create_index('ix_images_visibility', 'images', ['visibility'], unique=False, if_not_exists=True)
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
        'image_members',
        sa.Column('image_id', sa.String(length=36), nullable=False),
        sa.Column('member', sa.String(length=64), nullable=False),
        sa.Column('status', sa.String(length=20), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['image_id'], ['images.id'], name=op.f('fk_image_members_image_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('image_id', 'member', name=op.f('pk_image_members')),
        if_not_exists=True,
    )
    op.create_index('ix_image_members_member', 'image_members', ['member'], unique=False, if_not_exists=True)
    op.create_table(
        'image_properties',
        sa.Column('image_id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('value', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['image_id'], ['images.id'], name=op.f('fk_image_properties_image_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('image_id', 'name', name=op.f('pk_image_properties')),
        if_not_exists=True,
    )
    op.create_table(
        'image_tags',
        sa.Column('image_id', sa.String(length=36), nullable=False),
        sa.Column('value', sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(['image_id'], ['images.id'], name=op.f('fk_image_tags_image_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('image_id', 'value', name=op.f('pk_image_tags')),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table('image_tags', if_exists=True)
    op.drop_table('image_properties', if_exists=True)
    op.drop_index('ix_image_members_member', table_name='image_members', if_exists=True)
    op.drop_table('image_members', if_exists=True)
    op.drop_index(op.f('ix_request_events_request_id'), table_name='request_events', if_exists=True)
    op.drop_index(op.f('ix_request_events_global_request_id'), table_name='request_events', if_exists=True)
    op.drop_index(op.f('ix_request_events_at'), table_name='request_events', if_exists=True)
    op.drop_table('request_events', if_exists=True)
    op.drop_index(op.f('ix_operations_waits_for'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_resource_id_created_at'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_request_id'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_place_run_at'), table_name='operations', if_exists=True)
    op.drop_index(op.f('ix_operations_global_request_id'), table_name='operations', if_exists=True)
    op.drop_table('operations', if_exists=True)
    op.drop_table('operation_events', if_exists=True)
    op.drop_index('ix_images_visibility', table_name='images', if_exists=True)
    op.drop_index(op.f('ix_images_owner'), table_name='images', if_exists=True)
    op.drop_index('ix_images_created_at_id', table_name='images', if_exists=True)
    op.drop_table('images', if_exists=True)
