"""Projects to queue on."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table(
        'quota_projects',
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('project_id', name=op.f('pk_quota_projects')),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table('quota_projects', if_exists=True)
