"""Ids of images that are gone."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'


def upgrade() -> None:
    op.create_table(
        'spent_image_ids',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_spent_image_ids')),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table('spent_image_ids', if_exists=True)
