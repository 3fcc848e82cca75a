"""Claims: choosing a host and taking its room in one, however many requests race.

The choice is made on the hosts in memory; the room is taken by one conditional UPDATE of the host's row, which is what decides. If it
does not work (another process was faster), the host is read again and the choice made anew.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from common import clock, ids
from common.context import Context
from common.db import Database
from common.errors import Conflict, NotFound, NoValidHost, Unavailable
from scheduler.conf import SchedulerOptions
from scheduler.db import rows
from scheduler.explanation import Tally, of_host, sentence
from scheduler.filters.groups import group_allows
from scheduler.host import Host
from scheduler.hosts import HostTable
from scheduler.request import AMOUNTS, Request
from scheduler.select import candidates, explain_refusal

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LOG = logging.getLogger(__name__)
TRIES = 50
SHOWN = 5


class Claims:
    """The claims of one scheduler process."""

    def __init__(self, db: Database, hosts: HostTable, options: SchedulerOptions) -> None:
        self.db = db
        self.hosts = hosts
        self.options = options
        self._last_refusal: Any = None
        """(request, version of the hosts, tally, explanation)"""

    def claim(self, ctx: Context, consumer: str, request: Request, role: str = 'main') -> dict[str, Any]:
        """A host for the consumer: `{'host', 'zone', 'claim', 'explanation'}`. Raises NoValidHost, whose message explains.

        A consumer that holds a claim in this role already gets the same answer, unless that host is now excluded: then it moves.
        """
        started = clock.monotonic()
        held = self._held(consumer, request, role)
        if held is not None:
            return held
        self._look_up_neighbours(request, consumer)
        for attempt in range(TRIES):
            chosen = self._choose(request, fresh=attempt > 0)
            if isinstance(chosen, Tally):
                raise self._refuse(ctx, consumer, request, chosen, started)
            host, tally, best = chosen
            explanation = {**tally.to_dict(), 'host': host.name, 'best': best}
            try:
                claim = self.db.transaction(self._write, ctx, consumer, request, role, host, explanation, clock.monotonic() - started)
            except rows.AlreadyHeld:
                self._put_back(host, request)
                held = self._held(consumer, request, role)
                if held is not None:
                    return held
                continue
            except BaseException:
                self._put_back(host, request)
                raise
            if claim is not None:
                return {'host': host.name, 'zone': host.zone, 'claim': claim, 'explanation': explanation}
            self.hosts.reread(host.id)
        raise Unavailable(
            'The scheduler is very busy. Try again.', admin_detail=f'{TRIES} attempts to claim for {consumer} met other claims'
        )

    def _choose(self, request: Request, *, fresh: bool) -> tuple[Host, Tally, list[str]] | Tally:
        """The best host, with the room taken in memory, or the tally of a refusal (made on fresh rows)."""
        with self.hosts.lock:
            if self._refused_just_now(request):
                return self._last_refusal[2]
            fitting, tally = candidates(self.hosts.of_kind(request.kind), request, self.options)
            if not fitting and not fresh:
                self.hosts.refresh_unless_fresh()
                fitting, tally = candidates(self.hosts.of_kind(request.kind), request, self.options)
            if not fitting:
                self._last_refusal = (request, self.hosts.version, tally, explain_refusal(self.hosts.of_kind(request.kind), request, tally))
                return tally
            host = fitting[0]
            self.hosts.take(host, request.vcpus, request.ram, request.disk)
            return host, tally, [other.name for other in fitting[:SHOWN]]

    def _refused_just_now(self, request: Request) -> bool:
        """Whether the very same request was refused and nothing has changed since: a storm of refusals looks at the hosts once."""
        if self._last_refusal is None or self._last_refusal[0] != request:
            return False
        self.hosts.refresh_unless_fresh()
        return bool(self._last_refusal[1] == self.hosts.version)

    def _put_back(self, host: Host, request: Request) -> None:
        self.hosts.take(host, -request.vcpus, -request.ram, -request.disk)

    def _held(self, consumer: str, request: Request, role: str) -> dict[str, Any] | None:
        with self.db.read() as session:
            claim = rows.find_claim(session, consumer, role)
        if claim is None:
            return None
        if claim.host in request.exclude:
            self.release(consumer, role)
            return None
        host = self.hosts.get(claim.kind, claim.host)
        return {'host': claim.host, 'zone': host and host.zone, 'claim': claim.id, 'explanation': {'host': claim.host, 'held': True}}

    def _look_up_neighbours(self, request: Request, consumer: str, session: Session | None = None) -> None:
        """Where the consumers are that hints and the group speak of."""
        group = str(request.group['id']) if request.group else None
        wanted = request.consumers
        if not wanted and group is None:
            return
        with contextlib.nullcontext(session) if session is not None else self.db.read() as reading:
            where = [found for found in rows.hosts_of(reading, wanted, request.kind, group) if found[0] != consumer]
        request.far = frozenset(host for one, host, _ in where if one in request.different_host)
        request.near = frozenset(host for one, host, _ in where if one in request.same_host)
        members: dict[str, int] = {}
        listed = set(request.group.get('members', ())) if request.group else set()
        for one, host, of in where:
            if group is not None and (of == group or one in listed):
                members[host] = members.get(host, 0) + 1
        request.members = members

    def _write(
        self,
        session: Session,
        ctx: Context,
        consumer: str,
        request: Request,
        role: str,
        host: Host,
        explanation: dict[str, Any],
        took: float,
    ) -> str | None:
        """Take the room and write claim and decision; None if the room (or the place in the group) has gone meanwhile."""
        group = str(request.group['id']) if request.group else None
        if group is not None:
            rows.lock_group(session, group)
            self._look_up_neighbours(request, consumer, session)
            if group_allows(host, request) is not None:
                return None
        amounts = {name: getattr(request, name) for name in AMOUNTS}
        if not rows.take(session, host.id, amounts):
            return None
        claim = ids.new_id()
        values = {'id': claim, 'consumer': consumer, 'role': role, 'host_id': host.id, 'kind': request.kind, 'host': host.name}
        values |= {'project': request.project, 'group_id': group, **amounts, 'created_at': clock.now()}
        rows.add_claim(session, values)
        rows.add_decision(session, _decision(ctx, consumer, request, host.name, explanation, f'Chosen: {host.name}.', took))
        return claim

    def _refuse(self, ctx: Context, consumer: str, request: Request, tally: Tally, started: float) -> NoValidHost:
        last = self._last_refusal
        if last is not None and last[2] is tally:
            explanation = last[3]
        else:
            with self.hosts.lock:
                explanation = explain_refusal(self.hosts.of_kind(request.kind), request, tally)
        message = sentence(request.kind, explanation)
        record = {**explanation, 'sample': tally.sampled()}
        self.db.transaction(rows.add_decision, _decision(ctx, consumer, request, None, record, message, clock.monotonic() - started))
        LOG.info('no host for %s %s: %s', request.kind, consumer, message)
        why = '; '.join(f'{name}: {of_host(refused)}' for name, refused in tally.sample)
        return NoValidHost(message, details=explanation, admin_detail=why[:2000])

    def dry_run(self, ctx: Context, request: Request) -> dict[str, Any]:
        """What `claim` would answer now. Raises NoValidHost likewise; nothing is taken or written."""
        self._look_up_neighbours(request, '')
        with self.hosts.lock:
            hosts = self.hosts.of_kind(request.kind)
            fitting, tally = candidates(hosts, request, self.options)
            explanation = tally.to_dict() if fitting else explain_refusal(hosts, request, tally)
        if not fitting:
            raise NoValidHost(sentence(request.kind, explanation), details=explanation)
        return {
            'host': fitting[0].name,
            'zone': fitting[0].zone,
            'claim': None,
            'explanation': {**explanation, 'best': [host.name for host in fitting[:SHOWN]]},
        }

    def release(self, consumer: str, role: str = 'main') -> None:
        """Give back what a consumer holds in a role; nothing happens if it holds nothing."""

        def body(session: Session) -> Any | None:
            claim = rows.find_claim(session, consumer, role)
            if claim is None or not rows.delete_claim(session, claim):
                return None
            rows.give(session, claim)
            return claim

        claim = self.db.transaction(body)
        if claim is not None:
            self._returned(claim)

    def _returned(self, claim: Any) -> None:
        with self.hosts.lock:
            host = self.hosts.get(claim.kind, claim.host)
            if host is not None:
                self.hosts.take(host, -claim.vcpus, -claim.ram, -claim.disk)

    def settle(self, consumer: str, keep: str) -> None:
        """End a move: keep the claim `incoming` (which becomes `main`) or `main`; the other is given back. May be asked again."""
        if keep not in ('main', 'incoming'):
            raise Conflict('A move ends with the claim main or incoming.')
        if keep == 'main':
            self.release(consumer, 'incoming')
            return

        def body(session: Session) -> Any | None:
            incoming = rows.find_claim(session, consumer, 'incoming')
            main = rows.find_claim(session, consumer, 'main')
            if incoming is None:
                if main is None:
                    raise NotFound('claim', consumer)
                return None
            if main is not None and rows.delete_claim(session, main):
                rows.give(session, main)
            rows.rename_role(session, incoming, 'main')
            return main

        given = self.db.transaction(body)
        if given is not None:
            self._returned(given)

    def explain(self, consumer: str) -> dict[str, Any]:
        """The decisions made for a consumer, newest first."""
        with self.db.read() as session:
            found = rows.decisions_of(session, consumer=consumer)
        return {'decisions': [_told(row) for row in found]}

    def recount(self) -> list[str]:
        """Compare the use of every host with its claims; what differs, as sentences (for `doctor`). Changes nothing."""
        with self.db.read() as session:
            sums = rows.claimed(session)
            hosts = rows.all_hosts(session)
        wrong = []
        for row in hosts:
            used = (row.used_vcpus, row.used_ram, row.used_disk)
            if used != sums.get(row.id, (0, 0, 0)):
                wrong.append(f'{row.kind} host {row.name}: used {used}, claimed {sums.get(row.id, (0, 0, 0))}')
        return wrong


def _decision(
    ctx: Context, consumer: str, request: Request, host: str | None, explanation: dict[str, Any], message: str, took: float
) -> dict[str, Any]:
    return {
        'consumer': consumer,
        'kind': request.kind,
        'host': host,
        'project': request.project,
        'request_id': ctx.request_id,
        'global_request_id': ctx.global_request_id,
        'request': request.to_dict(),
        'explanation': explanation,
        'message': message,
        'duration': took,
        'at': clock.now(),
    }


def _told(row: Any) -> dict[str, Any]:
    return {
        'consumer': row.consumer,
        'kind': row.kind,
        'host': row.host,
        'at': clock.iso(row.at, micro=True),
        'duration': row.duration,
        'request_id': row.request_id,
        'global_request_id': row.global_request_id,
        'request': row.request,
        'explanation': row.explanation,
        'message': row.message,
    }
