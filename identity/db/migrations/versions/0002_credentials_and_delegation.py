"""Credentials."""

import sqlalchemy as sa
from alembic import op

from common.db.types import JSON, LONG_TEXT

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table(
        'credentials',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=True),
        sa.Column('type', sa.String(length=255), nullable=False),
        sa.Column('access_digest', sa.String(length=64), nullable=True),
        sa.Column('sealed', LONG_TEXT, nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_credentials')),
        sa.UniqueConstraint('access_digest', name=op.f('uq_credentials_access_digest')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_credentials_user_id'), 'credentials', ['user_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_credentials_project_id'), 'credentials', ['project_id'], unique=False, if_not_exists=True)
