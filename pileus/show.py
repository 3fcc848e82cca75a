"""The operator's command in a terminal: tables and colours, plain text where there is no terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pileus import timeline as events
from pileus.doctor import PROBLEM, Examined
from pileus.status import Status

_PLAIN_WIDTH = 200


def console() -> Console:
    """Where things are printed; wide where nobody looks at it, so that lines can be searched."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False, soft_wrap=False)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    made = Table(box=None, pad_edge=False, header_style='bold')
    for column in columns:
        made.add_column(column, justify='right' if column in right else 'left', overflow='fold')
    return made


def _well(well: bool) -> str:
    return '[green]:-)[/green]' if well else '[red]XXX[/red]'


def status(found: Status) -> None:
    """Processes, APIs, hosts."""
    out = console()
    if found.processes:
        made = _table('PROCESS', 'PID', 'MiB', right=('PID', 'MiB'))
        for name, pid, mib in found.processes:
            made.add_row(escape(name), str(pid), f'{mib:.1f}')
        made.add_row('', '', f'[bold]{sum(row[2] for row in found.processes):.1f}[/bold]')
        out.print(made, '')
    made = _table('API', 'URL', '')
    for service, url, well in found.apis:
        made.add_row(service, url, _well(well))
    out.print(made)
    if found.hosts:
        made = _table('HOST', 'KIND', 'ZONE', 'STATUS', '')
        for kind, host, zone, state, enabled in sorted(found.hosts, key=lambda row: (row[1], row[0])):
            made.add_row(escape(host), kind, zone, 'enabled' if enabled else 'disabled', _well(state == 'up'))
        out.print('', made)
    if found.problem:
        out.print(f'[red]{escape(found.problem)}[/red]')


def examined(one: Examined) -> None:
    """One check of the doctor."""
    out = console()
    if one.skipped:
        out.print(f'[dim]-  {one.name}: {escape(one.skipped)}[/dim]')
    elif not one.findings:
        out.print(f'[green]ok[/green] {one.name}')
    for finding in one.findings:
        colour = 'red' if finding.severity == PROBLEM else 'yellow'
        out.print(f'[{colour}]{"!!" if finding.severity == PROBLEM else " !"}[/{colour}] {one.name}: {escape(finding.what)}')
        out.print(f'   [bold]{escape(finding.remedy)}[/bold]')


def verdict(found: list[Examined]) -> None:
    """The doctor's last line."""
    problems = sum(finding.severity == PROBLEM for one in found for finding in one.findings)
    warnings = sum(len(one.findings) for one in found) - problems
    skipped = sum(bool(one.skipped) for one in found)
    console().print(
        f'\n{len(found)} checks, {skipped} left out: {problems} problem{"s" * (problems != 1)}, {warnings} warning{"s" * (warnings != 1)}'
    )


def timeline(found: events.Timeline) -> None:
    """Events with the time since the first one, and how long each took."""
    out = console()
    begin = found.begin
    assert begin is not None
    out.print(f'{len(found.events)} events from {found.events[0]["at"]}')
    made = _table('AFTER s', 'TOOK ms', 'SERVICE', 'HOST', 'WHAT', right=('AFTER s', 'TOOK ms'))
    chain = None
    for event in found.events:
        if event.get('global_request_id') != chain:
            chain = event.get('global_request_id')
            made.add_row('', '', '', '', f'[dim]{chain}[/dim]')
        took = event.get('duration')
        made.add_row(
            f'{(events.at(event) - begin).total_seconds():.3f}', f'{took * 1000:.1f}' if took is not None else '', event['service'],
            escape(event.get('host') or ''), _coloured(event),
        )  # fmt: skip
    out.print(made)
    for service, error in found.silent.items():
        out.print(f'[red]{service} could not be asked: {escape(error.message)}[/red]')


def _coloured(event: dict[str, Any]) -> str:
    text = escape(events.words(event))
    bad = event.get('event') in ('failed', 'refused') or event.get('status', 0) >= 500
    return f'[red]{text}[/red]' if bad else f'[dim]{text}[/dim]' if event.get('event') == 'started' else text
