"""The database layer: engines, transactions, column types, paging and migrations.

`common.db.migrate` is not imported here: it is the only module that imports Alembic, and only when asked to change a schema.
"""

from sqlalchemy.orm import configure_mappers

from common.db.engine import Database
from common.db.session import after_commit, duplicate_as, first, one_or_404
from common.db.types import declarative_base_for

__all__ = ['Database', 'after_commit', 'configure_mappers', 'declarative_base_for', 'duplicate_as', 'first', 'one_or_404']
