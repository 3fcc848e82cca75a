"""The scheduler's own object: hosts and claims over one database."""

from __future__ import annotations

import datetime

from common import clock
from common.db import Database
from scheduler.claims import Claims
from scheduler.conf import SchedulerOptions
from scheduler.db import rows
from scheduler.hosts import HostTable


class SchedulerService:
    """What the contract's implementation, the API and the commands work with."""

    def __init__(self, db: Database, options: SchedulerOptions) -> None:
        self.db = db
        self.options = options
        self.hosts = HostTable(db, options)
        self.claims = Claims(db, self.hosts, options)

    def prune(self) -> int:
        """Forget decisions older than the options say; returns how many."""
        before = clock.now() - datetime.timedelta(days=self.options.keep_decisions_days)
        return self.db.transaction(rows.prune_decisions, before)

    def check_counts(self) -> str | None:
        """For health checks: what is counted wrong, or None."""
        wrong = self.claims.recount()
        if wrong:  # a claim may have been written between the two queries
            wrong = [one for one in self.claims.recount() if one in wrong]
        return f'{len(wrong)} hosts count their use wrong, for example {wrong[0]}' if wrong else None
