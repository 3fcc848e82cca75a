"""Boot order of volumes."""

import sqlalchemy as sa
from alembic import op

from common.db.types import JSON

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    with op.batch_alter_table('server_volumes', schema=None) as batch_op:
        batch_op.add_column(sa.Column('boot_index', sa.Integer(), nullable=True))
        batch_op.drop_column('connection')


def downgrade() -> None:
    with op.batch_alter_table('server_volumes', schema=None) as batch_op:
        batch_op.add_column(sa.Column('connection', JSON, nullable=True))
        batch_op.drop_column('boot_index')
