"""Spent one-time passwords."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'


def _is_there() -> bool:
    """Where a schema change cannot be rolled back, half of this script may have run before."""
    return any(column['name'] == 'last_step' for column in sa.inspect(op.get_bind()).get_columns('credentials'))


def upgrade() -> None:
    if not _is_there():
        op.add_column('credentials', sa.Column('last_step', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    if _is_there():
        with op.batch_alter_table('credentials', schema=None) as batch_op:
            batch_op.drop_column('last_step')
