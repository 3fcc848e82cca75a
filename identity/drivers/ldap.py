"""Users and groups in a directory (LDAP). Passwords are checked by logging in to the directory with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ldap3.utils.dn import escape_rdn

from common.config import ConfigError
from common.db.session import Session
from common.errors import Forbidden, InvalidInput
from common.ids import new_hex_id
from identity.conf import LdapOptions
from identity.drivers.base import BackendPlace, UserBackend
from identity.drivers.directory import Directory, Entry
from identity.drivers.ldap_names import all_of, any_of, below, first_value, is_value, narrowing, parsed_dn, portions
from identity.drivers.matching import fits
from identity.drivers.public_ids import PublicIds
from identity.records import GroupRecord, UserRecord


class LdapBackend(UserBackend):
    """The users and groups of one domain, in a directory. What is changed elsewhere is seen at once: nothing is remembered but ids."""

    def __init__(self, domain_id: str, options: LdapOptions) -> None:
        if not options.user_tree_dn:
            raise ConfigError('[ldap] user_tree_dn must say where in the directory the users are.')
        self._domain_id = domain_id
        self._options = options
        self._directory = Directory(options)
        self._ids = PublicIds(domain_id, self._names)
        # The attribute by which groups name users: the first part of their distinguished names.
        self._member_key = (
            options.user_id_attribute if options.group_members_are_ids else options.user_rdn_attribute or options.user_id_attribute
        )
        if options.writable:
            self.capabilities = frozenset({'write'})

    @classmethod
    def make(cls, place: BackendPlace) -> LdapBackend:
        return cls(place.domain_id, place.settings.get(LdapOptions))

    # Users

    def _user_entries(self, condition: str = '') -> list[Entry]:
        o = self._options
        wanted = (
            o.user_id_attribute,
            o.user_name_attribute,
            o.user_mail_attribute,
            o.user_description_attribute,
            o.user_enabled_attribute,
            self._member_key,
        )
        found = self._directory.search(o.user_tree_dn, o.user_scope, all_of(o.user_object_class, o.user_filter, condition), wanted)
        return [entry for entry in found if entry.first(o.user_id_attribute) and entry.first(o.user_name_attribute)]

    def _user(self, entry: Entry) -> UserRecord:
        o = self._options
        extra = {'email': entry.first(o.user_mail_attribute), 'description': entry.first(o.user_description_attribute)}
        return UserRecord(
            id=self._ids.learn('user', entry.first(o.user_id_attribute) or ''),
            domain_id=self._domain_id,
            name=entry.first(o.user_name_attribute) or '',
            enabled=self._is_enabled(entry),
            extra={name: value for name, value in extra.items() if value is not None},
        )

    def _is_enabled(self, entry: Entry) -> bool:
        o = self._options
        value = entry.first(o.user_enabled_attribute)
        if value is None:
            return o.user_enabled_default
        if o.user_enabled_mask:
            return value.lstrip('-').isdigit() and not int(value) & o.user_enabled_mask
        return (value.strip().upper() == 'TRUE') != o.user_enabled_invert

    def _entry_of_user(self, user_id: str) -> Entry | None:
        local = self._ids.local('user', user_id)
        if local is None:
            return None
        found = self._user_entries(is_value(self._options.user_id_attribute, local))
        if len(found) != 1:
            self._ids.forget('user', user_id)
            return None
        return found[0]

    def get_user(self, session: Session, user_id: str) -> UserRecord | None:
        entry = self._entry_of_user(user_id)
        return self._user(entry) if entry else None

    def find_user(self, session: Session, domain_id: str, name: str) -> UserRecord | None:
        if domain_id != self._domain_id or not name:
            return None
        found = self._user_entries(is_value(self._options.user_name_attribute, name))
        # Two of one name: nobody can say which is meant.
        return self._user(found[0]) if len(found) == 1 else None

    def list_users(
        self, session: Session, wanted: Mapping[str, Any], *, group_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[UserRecord]:
        if wanted.get('domain_id', self._domain_id) != self._domain_id:
            return []
        attribute, names = self._options.user_id_attribute, None
        if group_id is not None:
            group = self._entry_of_group(group_id)
            names = self._member_names([group])[group.dn] if group else []
        if ids is not None:
            asked = [local for one in ids if (local := self._ids.local('user', one)) is not None]
            names = asked if names is None else [name for name in asked if name in set(names)]
        narrow = narrowing(self._options.user_name_attribute, wanted)
        if names is None:
            entries = self._user_entries(narrow)
        else:
            entries = [entry for some in portions(names) for entry in self._user_entries(narrow + any_of(attribute, some))]
        found = [user for user in map(self._user, entries) if fits(user, wanted, fold=True)]
        return sorted(found, key=lambda user: (user.name, user.id))

    def check_password(self, user: UserRecord, password: str) -> bool:
        entry = self._entry_of_user(user.id)
        return entry is not None and self._directory.can_bind(entry.dn, password)

    def check_nobody(self, password: str) -> None:
        self._directory.can_bind(f'{self._member_key}=nobody-{new_hex_id()},{self._options.user_tree_dn}', password)

    def _names(self, kind: str) -> Iterable[str]:
        o = self._options
        if kind == 'user':
            return [entry.first(o.user_id_attribute) or '' for entry in self._user_entries()]
        return [entry.first(o.group_id_attribute) or '' for entry in self._group_entries()]

    # Groups

    def _group_entries(self, condition: str = '', *, members: bool = False) -> list[Entry]:
        o = self._options
        if not o.group_tree_dn:
            return []
        wanted = [o.group_id_attribute, o.group_name_attribute, o.group_description_attribute]
        if members:
            wanted.append(o.group_member_attribute)
        found = self._directory.search(o.group_tree_dn, o.group_scope, all_of(o.group_object_class, o.group_filter, condition), wanted)
        return [entry for entry in found if entry.first(o.group_id_attribute) and entry.first(o.group_name_attribute)]

    def _group(self, entry: Entry) -> GroupRecord:
        o = self._options
        return GroupRecord(
            id=self._ids.learn('group', entry.first(o.group_id_attribute) or ''),
            domain_id=self._domain_id,
            name=entry.first(o.group_name_attribute) or '',
            description=entry.first(o.group_description_attribute) or '',
        )

    def _entry_of_group(self, group_id: str) -> Entry | None:
        local = self._ids.local('group', group_id)
        if local is None:
            return None
        found = self._group_entries(is_value(self._options.group_id_attribute, local), members=True)
        if len(found) != 1:
            self._ids.forget('group', group_id)
            return None
        return found[0]

    def get_group(self, session: Session, group_id: str) -> GroupRecord | None:
        entry = self._entry_of_group(group_id)
        return self._group(entry) if entry else None

    def find_group(self, session: Session, domain_id: str, name: str) -> GroupRecord | None:
        if domain_id != self._domain_id or not name:
            return None
        found = self._group_entries(is_value(self._options.group_name_attribute, name))
        return self._group(found[0]) if len(found) == 1 else None

    def list_groups(
        self, session: Session, wanted: Mapping[str, Any], *, user_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[GroupRecord]:
        if wanted.get('domain_id', self._domain_id) != self._domain_id:
            return []
        narrow = narrowing(self._options.group_name_attribute, wanted)
        if user_id is not None:
            entries = self._groups_of(user_id, narrow)
        elif ids is not None:
            names = [local for one in ids if (local := self._ids.local('group', one)) is not None]
            attribute = self._options.group_id_attribute
            entries = [entry for some in portions(names) for entry in self._group_entries(narrow + any_of(attribute, some))]
        else:
            entries = self._group_entries(narrow)
        found = [group for group in map(self._group, entries) if fits(group, wanted, fold=True)]
        if ids is not None:
            found = [group for group in found if group.id in set(ids)]
        return sorted(found, key=lambda group: (group.name, group.id))

    def _groups_of(self, user_id: str, condition: str = '') -> list[Entry]:
        entry = self._entry_of_user(user_id)
        return self._group_entries(condition + is_value(self._options.group_member_attribute, self._as_member(entry))) if entry else []

    def _as_member(self, user: Entry) -> str:
        """How a group names the user."""
        return (user.first(self._options.user_id_attribute) or '') if self._options.group_members_are_ids else user.dn

    def group_ids_of(self, session: Session, user_id: str) -> list[str]:
        return [self._group(entry).id for entry in self._groups_of(user_id)]

    def members(self, session: Session, group_ids: Sequence[str]) -> dict[str, list[str]]:
        names = [local for one in group_ids if (local := self._ids.local('group', one)) is not None]
        attribute = self._options.group_id_attribute
        entries = [entry for some in portions(names) for entry in self._group_entries(any_of(attribute, some), members=True)]
        found = self._member_names(entries)
        return {
            self._group(entry).id: sorted(self._ids.learn('user', name) for name in found[entry.dn]) for entry in entries if found[entry.dn]
        }

    def _member_names(self, groups: Sequence[Entry]) -> dict[str, list[str]]:
        """Group's distinguished name -> local ids of the users in it. Members that are no users of ours are left out."""
        o = self._options
        named = {group.dn: [self._name_of_member(value) for value in group.all(o.group_member_attribute)] for group in groups}
        wanted = sorted({name for names in named.values() for name in names if name})
        # Asked for, since a group may name a user who is gone, or write the name in another case.
        true: dict[str, str] = {}
        for some in portions(wanted):
            for user in self._user_entries(any_of(self._member_key, some)):
                true[(user.first(self._member_key) or '').casefold()] = user.first(o.user_id_attribute) or ''
        return {dn: [true[name.casefold()] for name in names if name and name.casefold() in true] for dn, names in named.items()}

    def _name_of_member(self, value: str) -> str | None:
        """The value of `_member_key` that a member of a group stands for; None for what is no user of ours."""
        if self._options.group_members_are_ids:
            return value
        parsed = parsed_dn(value)
        if not parsed or not below(parsed, parsed_dn(self._options.user_tree_dn)) or parsed[0][0] != self._member_key.lower():
            return None
        return first_value(value)

    # Changes

    def insert_user(self, session: Session, record: UserRecord) -> str:
        self.require('write')
        o = self._options
        if record.default_project_id or record.options:
            raise Forbidden('The directory of users keeps no default project and no options of users.')
        attributes: dict[str, Any] = {o.user_name_attribute: record.name, o.user_id_attribute: record.name, self._member_key: record.name}
        if o.user_object_class.lower() in ('inetorgperson', 'organizationalperson', 'person'):
            # These must have both.
            attributes = {'cn': record.name, 'sn': record.name, **attributes}
        attributes |= self._changed_extra(record.extra)
        if not record.enabled:
            attributes |= self._enabled_value(False)
        self._directory.add(
            f'{self._member_key}={escape_rdn(record.name)},{o.user_tree_dn}',
            [o.user_object_class],
            {k: v for k, v in attributes.items() if v is not None},
        )
        return self._ids.learn('user', record.name)

    def _changed_extra(self, extra: Mapping[str, Any]) -> dict[str, str | None]:
        """Attribute -> value (None: none) for what the API calls by other names. Raises Forbidden for what has no attribute."""
        o = self._options
        names = {'email': o.user_mail_attribute, 'description': o.user_description_attribute}
        changed = {}
        for name, value in extra.items():
            if not names.get(name):
                raise Forbidden(f'The directory of users keeps no {name!r} of users.')
            changed[names[name]] = None if value in (None, '') else str(value)
        return changed

    def _enabled_value(self, enabled: bool) -> dict[str, str]:
        o = self._options
        if not o.user_enabled_attribute or o.user_enabled_mask:
            raise Forbidden('Users of this directory are enabled and disabled in the directory only.')
        return {o.user_enabled_attribute: 'TRUE' if enabled != o.user_enabled_invert else 'FALSE'}

    def set_password(self, session: Session, user: UserRecord, password: str) -> None:
        self.require('write')
        if not password:
            raise InvalidInput('The password must not be empty.', field='password')
        entry = self._entry_of_user(user.id)
        if entry is not None:
            self._directory.modify(entry.dn, {'userPassword': ('replace', [password])})

    def update_user(self, session: Session, user_id: str, values: Mapping[str, Any]) -> None:
        if not values:
            return
        self.require('write')
        entry = self._entry_of_user(user_id)
        if entry is None:
            return
        changed: dict[str, str | None] = {}
        user = self._user(entry)
        if values.get('default_project_id') or values.get('options'):
            raise Forbidden('The directory of users keeps no default project and no options of users.')
        if 'extra' in values:
            gone = dict.fromkeys(user.extra.keys() - values['extra'].keys())
            changed |= self._changed_extra({**gone, **values['extra']})
        if 'enabled' in values and values['enabled'] != user.enabled:
            changed |= self._enabled_value(values['enabled'])
        if values.get('name', user.name) != user.name:
            changed |= self._new_name(self._options.user_name_attribute, self._options.user_id_attribute, values['name'])
        if changed:
            self._directory.modify(entry.dn, {name: ('replace', [] if value is None else [value]) for name, value in changed.items()})

    @staticmethod
    def _new_name(name_attribute: str, id_attribute: str, name: str) -> dict[str, str]:
        if name_attribute.lower() == id_attribute.lower():
            raise Forbidden('Names are what tells entries of this directory apart: they cannot be changed.')
        return {name_attribute: name}

    def delete_user(self, session: Session, user_id: str) -> None:
        self.require('write')
        entry = self._entry_of_user(user_id)
        if entry is not None:
            for group in self._group_entries(is_value(self._options.group_member_attribute, self._as_member(entry))):
                self._directory.modify(group.dn, {self._options.group_member_attribute: ('delete', [self._as_member(entry)])})
            self._directory.delete(entry.dn)
            self._ids.forget('user', user_id)

    def insert_group(self, session: Session, record: GroupRecord) -> str:
        self.require('write')
        o = self._options
        if not o.group_tree_dn:
            raise Forbidden('This directory has no place for groups.')
        dn = f'{o.group_id_attribute}={escape_rdn(record.name)},{o.group_tree_dn}'
        attributes = {o.group_name_attribute: record.name, o.group_id_attribute: record.name}
        if record.description and o.group_description_attribute:
            attributes[o.group_description_attribute] = record.description
        if not o.group_members_are_ids:
            # A groupOfNames cannot be empty: it begins with itself, which is no user.
            attributes[o.group_member_attribute] = dn
        self._directory.add(dn, [o.group_object_class], attributes)
        return self._ids.learn('group', record.name)

    def update_group(self, session: Session, group_id: str, values: Mapping[str, Any]) -> None:
        if not values:
            return
        self.require('write')
        entry = self._entry_of_group(group_id)
        if entry is None:
            return
        changed: dict[str, str] = {}
        group = self._group(entry)
        if values.get('extra'):
            raise Forbidden('The directory of users keeps nothing more of groups.')
        if 'description' in values and self._options.group_description_attribute:
            changed[self._options.group_description_attribute] = values['description']
        if values.get('name', group.name) != group.name:
            changed |= self._new_name(self._options.group_name_attribute, self._options.group_id_attribute, values['name'])
        self._directory.modify(entry.dn, {name: ('replace', [value] if value else []) for name, value in changed.items()})

    def delete_group(self, session: Session, group_id: str) -> None:
        self.require('write')
        entry = self._entry_of_group(group_id)
        if entry is not None:
            self._directory.delete(entry.dn)
            self._ids.forget('group', group_id)

    def add_member(self, session: Session, user_id: str, group_id: str) -> None:
        self.require('write')
        group, user = self._entry_of_group(group_id), self._entry_of_user(user_id)
        if group is not None and user is not None:
            self._directory.modify(group.dn, {self._options.group_member_attribute: ('add', [self._as_member(user)])})

    def remove_member(self, session: Session, user_id: str, group_id: str) -> bool:
        self.require('write')
        group, user = self._entry_of_group(group_id), self._entry_of_user(user_id)
        if group is None or user is None:
            return False
        if (user.first(self._options.user_id_attribute) or '') not in self._member_names([group])[group.dn]:
            return False
        self._directory.modify(group.dn, {self._options.group_member_attribute: ('delete', [self._as_member(user)])})
        return True
