"""Cache and quotas."""

import sqlalchemy as sa
from alembic import op

from common.db.types import TIME

revision = '0005'
down_revision = '0004'


def upgrade() -> None:
    op.create_table(
        'cached_images',
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('image_id', sa.String(length=36), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('file', sa.String(length=64), nullable=True),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.Column('hits', sa.BigInteger(), nullable=False),
        sa.Column('queued_at', TIME, nullable=False),
        sa.Column('last_accessed', TIME, nullable=True),
        sa.Column('last_modified', TIME, nullable=True),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('retry_at', TIME, nullable=False),
        sa.Column('lease_id', sa.String(length=36), nullable=True),
        sa.Column('lease_until', TIME, nullable=True),
        sa.ForeignKeyConstraint(['image_id'], ['images.id'], name=op.f('fk_cached_images_image_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('host', 'image_id', name=op.f('pk_cached_images')),
        if_not_exists=True,
    )
    op.create_index('ix_cached_images_host_state', 'cached_images', ['host', 'state'], unique=False, if_not_exists=True)
    op.create_index('ix_cached_images_image_id', 'cached_images', ['image_id'], unique=False, if_not_exists=True)
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


def downgrade() -> None:
    op.drop_table('quota_projects', if_exists=True)
    op.drop_table('quota_limits', if_exists=True)
    op.drop_index('ix_cached_images_image_id', table_name='cached_images', if_exists=True)
    op.drop_index('ix_cached_images_host_state', table_name='cached_images', if_exists=True)
    op.drop_table('cached_images', if_exists=True)
