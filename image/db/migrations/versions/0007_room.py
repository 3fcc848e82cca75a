"""Room that is reserved for data on their way."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'

_COLUMNS = ('reserved_size', 'reserved_stage')


def _there() -> set[str]:
    return {column['name'] for column in sa.inspect(op.get_bind()).get_columns('images')}


def upgrade() -> None:
    present = _there()
    for name in _COLUMNS:
        if name not in present:
            op.add_column('images', sa.Column(name, sa.BigInteger(), nullable=False, server_default='0'))


def downgrade() -> None:
    present = _there()
    for name in _COLUMNS:
        if name in present:
            op.drop_column('images', name)
