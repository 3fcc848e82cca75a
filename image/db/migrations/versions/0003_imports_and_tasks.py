"""Imports and tasks."""

import sqlalchemy as sa
from alembic import op

from common.db.types import JSON, TIME

revision = '0003'
down_revision = '0002'


def upgrade() -> None:
    op.create_table(
        'tasks',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('type', sa.String(length=30), nullable=False),
        sa.Column('status', sa.String(length=30), nullable=False),
        sa.Column('owner', sa.String(length=64), nullable=True),
        sa.Column('image_id', sa.String(length=36), nullable=True),
        sa.Column('request_id', sa.String(length=64), nullable=True),
        sa.Column('user_id', sa.String(length=64), nullable=True),
        sa.Column('input', JSON, nullable=True),
        sa.Column('result', JSON, nullable=True),
        sa.Column('message', sa.Text(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.Column('expires_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tasks')),
        if_not_exists=True,
    )
    op.create_index('ix_tasks_created_at_id', 'tasks', ['created_at', 'id'], unique=False, if_not_exists=True)
    op.create_index('ix_tasks_image_id', 'tasks', ['image_id'], unique=False, if_not_exists=True)
    op.create_index('ix_tasks_expires_at', 'tasks', ['expires_at'], unique=False, if_not_exists=True)
    op.create_index('ix_images_status', 'images', ['status'], unique=False, if_not_exists=True)


def downgrade() -> None:
    op.drop_index('ix_images_status', table_name='images', if_exists=True)
    op.drop_table('tasks', if_exists=True)
