"""Queries about the options that domains set for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from identity.db.filter_models import DomainOption

Config = dict[str, dict[str, Any]]


def options_of(session: Session, domain_id: str) -> Config:
    """Section -> option -> value, of all that a domain has set."""
    found: Config = {}
    query = select(DomainOption).where(DomainOption.domain_id == domain_id).order_by(DomainOption.section, DomainOption.name)
    for row in session.scalars(query):
        found.setdefault(row.section, {})[row.name] = row.value['is']
    return found


def put(session: Session, domain_id: str, config: Mapping[str, Mapping[str, Any]]) -> None:
    """Set these options; others stay."""
    for section, options in config.items():
        for name, value in options.items():
            session.merge(DomainOption(domain_id=domain_id, section=section, name=name, value={'is': value}))


def remove(session: Session, domain_id: str, section: str | None = None, name: str | None = None) -> bool:
    """Forget all options, those of a section, or one. False when there are none."""
    query = delete(DomainOption).where(DomainOption.domain_id == domain_id)
    if section is not None:
        query = query.where(DomainOption.section == section)
    if name is not None:
        query = query.where(DomainOption.name == name)
    return bool(session.execute(query).rowcount)


def all_options(session: Session) -> dict[str, Config]:
    """Domain id -> section -> option -> value, of all domains that have set anything."""
    found: dict[str, Config] = {}
    for row in session.scalars(select(DomainOption).order_by(DomainOption.domain_id)):
        found.setdefault(row.domain_id, {}).setdefault(row.section, {})[row.name] = row.value['is']
    return found
