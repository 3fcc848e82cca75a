"""Access to types."""

import sqlalchemy as sa
from alembic import op

from common.db.types import TIME

revision = '0004'
down_revision = '0003'


def upgrade() -> None:
    op.create_table(
        'volume_type_access',
        sa.Column('type_id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['type_id'], ['volume_types.id'], name=op.f('fk_volume_type_access_type_id_volume_types'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('type_id', 'project_id', name=op.f('pk_volume_type_access')),
        if_not_exists=True,
    )
