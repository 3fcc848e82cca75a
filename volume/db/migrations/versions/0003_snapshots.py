"""Snapshots."""

import sqlalchemy as sa
from alembic import op

from common.db.types import JSON, LONG_TEXT, TIME

revision = '0003'
down_revision = '0002'


def upgrade() -> None:
    op.create_table(
        'snapshots',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=True),
        sa.Column('volume_id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.Column('volume_size', sa.Integer(), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=True),
        sa.Column('metadata', JSON, nullable=False),
        sa.Column('fault', LONG_TEXT, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_snapshots')),
        if_not_exists=True,
    )
    op.create_index('ix_snapshots_created_at_id', 'snapshots', ['created_at', 'id'], unique=False, if_not_exists=True)
    op.create_index('ix_snapshots_project_id_created_at', 'snapshots', ['project_id', 'created_at'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_snapshots_volume_id'), 'snapshots', ['volume_id'], unique=False, if_not_exists=True)


def downgrade() -> None:
    op.drop_table('snapshots', if_exists=True)
