"""Users and groups: making, changing and removing them, and what goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common import clock
from common.db.session import Session
from common.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from common.ids import new_hex_id
from identity import application_credentials, passwords
from identity.brute_force import names_in
from identity.db import application_credentials as application_credential_rows
from identity.db import assignments as assignment_rows
from identity.db import credentials as credential_rows
from identity.db import oauth1 as oauth_rows
from identity.db import projects as project_rows
from identity.db import trusts as trust_rows
from identity.db import users as rows
from identity.db.retry import retried
from identity.records import GroupRecord, UserRecord
from identity.service import IdentityService


def find(service: IdentityService, session: Session, user_id: str) -> UserRecord:
    """A user in a transaction. Raises NotFound."""
    user = service.users.get_user(session, user_id)
    if user is None:
        raise NotFound('user', user_id)
    return user


def find_group(service: IdentityService, session: Session, group_id: str) -> GroupRecord:
    """A group in a transaction. Raises NotFound."""
    group = service.users.get_group(session, group_id)
    if group is None:
        raise NotFound('group', group_id)
    return group


def get(service: IdentityService, user_id: str) -> UserRecord:
    """One user. Raises NotFound."""
    with service.read() as session:
        return find(service, session, user_id)


def list_all(
    service: IdentityService, wanted: Mapping[str, Any], *, group_id: str | None = None, ids: Sequence[str] | None = None
) -> list[UserRecord]:
    """Users that fit the filters; those of one group if asked. Raises NotFound for the group."""
    with service.read() as session:
        if group_id is not None:
            find_group(service, session, group_id)
        return service.users.list_users(session, wanted, group_id=group_id, ids=ids)


@retried
def create(service: IdentityService, values: Mapping[str, Any]) -> UserRecord:
    """Make a user. Raises NotFound (domain), Conflict (name), InvalidInput (password)."""
    password = values.get('password')
    if password is not None:
        service.rules.check_new(password)
    hashed = service.hasher.hash(password) if password is not None else None
    record = UserRecord(
        id=new_hex_id(),
        domain_id=values.get('domain_id') or service.options.default_domain_id,
        name=values['name'],
        enabled=values.get('enabled', True),
        default_project_id=values.get('default_project_id'),
        options=_merged({}, values.get('options')),
        extra=_merged({}, values.get('extra')),
    )
    with service.write() as session:
        _check_domain(session, record.domain_id)
        _check_default_project(session, record.default_project_id)
        record.id = service.users.insert_user(session, record)
        if password is not None:
            _store_password(service, session, record, password, hashed, set_by_admin=True)
        return find(service, session, record.id)


@retried
def update(service: IdentityService, user_id: str, values: Mapping[str, Any]) -> UserRecord:
    """Change a user; a new password or being disabled voids all tokens. Raises NotFound, Conflict, InvalidInput."""
    password = values.get('password')
    if password is not None:
        service.rules.check_new(password)
    hashed = service.hasher.hash(password) if password is not None else None
    with service.write() as session:
        user = find(service, session, user_id)
        columns = {name: values[name] for name in ('name', 'enabled', 'default_project_id') if name in values}
        for name in ('options', 'extra'):
            if values.get(name):
                columns[name] = _merged(getattr(user, name), values[name])
        _check_default_project(session, columns.get('default_project_id'))
        if values.get('enabled') and not user.enabled:
            columns |= {'failed_logins': 0, 'failed_at': None}
        service.users.update_user(session, user_id, columns)
        if password is not None:
            _store_password(service, session, user, password, hashed, set_by_admin=True)
        changed = find(service, session, user_id)
        if hashed is not None or (user.enabled and not changed.enabled):
            service.revoke(session, {'user_id': user_id})
    return changed


def change_password(service: IdentityService, user_id: str, original: str, new: str, address: str | None = None) -> None:
    """A user changes the own password, knowing the present one; all tokens become void.

    :param address: where the request comes from
    :raises Unauthorized: the user does not exist, is disabled, or the password is wrong
    :raises TooManyRequests: the user or the address failed too often of late
    :raises InvalidInput: the new password breaks a rule
    """
    names = names_in({'methods': ['password'], 'password': {'user': {'id': user_id}}})
    service.guard.around(address, names, lambda: _change_password(service, user_id, original, new))


@retried
def _change_password(service: IdentityService, user_id: str, original: str, new: str) -> None:
    with service.read() as session:
        user = service.users.get_user(session, user_id)
        hashes = rows.password_hashes(session, user_id, service.rules.keep) if user else []
        domain = project_rows.find_domain_ref(session, id=user.domain_id) if user else None
    if user is None or domain is None or not user.enabled or not domain.enabled or service.rules.locked_out(user):
        service.users.check_nobody(original, domain.id if domain else None)
        raise Unauthorized()
    if not service.users.check_password(user, original):
        if service.rules.counts_failures:
            with service.db.write() as session:
                service.rules.after_failure(session, user)
        raise Unauthorized()
    passwords.check_options_allow_change(user)
    service.rules.check_new(new)
    service.rules.check_age(user)
    service.rules.check_not_reused(new, hashes)
    hashed = service.hasher.hash(new)
    with service.write() as session:
        _store_password(service, session, find(service, session, user_id), new, hashed, set_by_admin=False)
        service.revoke(session, {'user_id': user_id})


@retried
def delete(service: IdentityService, user_id: str) -> None:
    """Remove a user with roles and memberships; all tokens become void. Raises NotFound."""
    with service.write() as session:
        find(service, session, user_id)
        assignment_rows.remove_of_actors(session, 'user', [user_id])
        credential_rows.remove_of_users(session, [user_id])
        application_credential_rows.remove_of_users(session, [user_id])
        oauth_rows.remove_of_users(session, [user_id])
        trust_rows.end_of_users(session, [user_id])
        service.users.delete_user(session, user_id)
        service.revoke(session, {'user_id': user_id})


def _store_password(
    service: IdentityService, session: Session, user: UserRecord, password: str, hashed: str | None, *, set_by_admin: bool
) -> None:
    backend = service.users.of(session, user.domain_id)
    if hashed is None or 'history' not in backend.capabilities:
        backend.set_password(session, user, password)
        return
    expires_at = service.rules.expiry(user, set_by_admin=set_by_admin)
    rows.add_password(session, user.id, hashed, clock.now(), expires_at, service.rules.keep)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> dict[str, Any]:
    """The old values with the new ones over them; a key whose value is null goes."""
    return {k: v for k, v in {**old, **(new or {})}.items() if v is not None}


def _check_domain(session: Session, domain_id: str) -> None:
    domain = project_rows.find_domain_ref(session, id=domain_id)
    if domain is None:
        raise NotFound('domain', domain_id)
    if not domain.enabled:
        raise Forbidden(f'The domain {domain_id} is disabled.')


def _check_default_project(session: Session, project_id: str | None) -> None:
    if project_id is not None and (project := project_rows.project_ref(session, project_id)) is not None and project.is_domain:
        raise InvalidInput('The default project of a user cannot be a domain.', field='default_project_id')


# Groups


def get_group(service: IdentityService, group_id: str) -> GroupRecord:
    """One group. Raises NotFound."""
    with service.read() as session:
        return find_group(service, session, group_id)


def list_groups(service: IdentityService, wanted: Mapping[str, Any], *, user_id: str | None = None) -> list[GroupRecord]:
    """Groups that fit the filters; those of one user if asked. Raises NotFound for the user."""
    with service.read() as session:
        if user_id is not None:
            find(service, session, user_id)
        return service.users.list_groups(session, wanted, user_id=user_id)


@retried
def create_group(service: IdentityService, values: Mapping[str, Any]) -> GroupRecord:
    """Make a group. Raises NotFound (domain), Conflict (name)."""
    record = GroupRecord(
        id=new_hex_id(),
        domain_id=values.get('domain_id') or service.options.default_domain_id,
        name=values['name'],
        description=values.get('description') or '',
        extra=_merged({}, values.get('extra')),
    )
    with service.write() as session:
        _check_domain(session, record.domain_id)
        record.id = service.users.insert_group(session, record)
    return record


@retried
def update_group(service: IdentityService, group_id: str, values: Mapping[str, Any]) -> GroupRecord:
    """Change a group. Raises NotFound, Conflict."""
    with service.write() as session:
        group = find_group(service, session, group_id)
        columns = {name: values[name] or '' for name in ('name', 'description') if name in values}
        if values.get('extra'):
            columns['extra'] = _merged(group.extra, values['extra'])
        service.users.update_group(session, group_id, columns)
        return find_group(service, session, group_id)


@retried
def delete_group(service: IdentityService, group_id: str) -> None:
    """Remove a group with its roles; tokens of its members become void. Raises NotFound."""
    with service.write() as session:
        find_group(service, session, group_id)
        members = service.users.members(session, [group_id]).get(group_id, [])
        assignment_rows.remove_of_actors(session, 'group', [group_id])
        service.users.delete_group(session, group_id)
        application_credentials.drop_unheld(service, session, members)
        service.revoke(session, *({'user_id': user_id} for user_id in members))


@retried
def add_member(service: IdentityService, group_id: str, user_id: str) -> None:
    """Put a user into a group. Raises NotFound."""
    with service.write() as session:
        find_group(service, session, group_id)
        find(service, session, user_id)
        service.users.add_member(session, user_id, group_id)


@retried
def remove_member(service: IdentityService, group_id: str, user_id: str) -> None:
    """Take a user out of a group; the user's tokens become void. Raises NotFound when not in it."""
    with service.write() as session:
        find_group(service, session, group_id)
        find(service, session, user_id)
        if not service.users.remove_member(session, user_id, group_id):
            raise NotFound(message=f'User {user_id} is not in group {group_id}.')
        application_credentials.drop_unheld(service, session, [user_id])
        service.revoke(session, {'user_id': user_id})


def check_member(service: IdentityService, group_id: str, user_id: str) -> None:
    """Raises NotFound unless the user is in the group."""
    with service.read() as session:
        find_group(service, session, group_id)
        find(service, session, user_id)
        if group_id not in service.users.group_ids_of(session, user_id):
            raise NotFound(message=f'User {user_id} is not in group {group_id}.')
