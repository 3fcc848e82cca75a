"""Whom a rule is asked about: a user with the roles that identity says they have, and where these come from."""

from __future__ import annotations

import dataclasses
import urllib.parse
from typing import Any

from common.context import Context
from common.errors import InvalidInput, NotFound
from common.rest import RestClient


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a token of the user would say, and in words why."""

    ctx: Context
    reasons: tuple[str, ...]


class Directory:
    """Looks users and their roles up through identity's API.

    :param client: of identity, as a user who may see all assignments
    :param domain: id or name of the domain in which names are looked for
    """

    def __init__(self, client: RestClient, domain: str = 'default') -> None:
        self._client, self._domain_text = client, domain

    def subject(self, user: str, project: str | None, domain: str | None, system: bool) -> Subject:
        """The user in one scope; each is given by id or name. Raises NotFound, InvalidInput for more or less than one scope."""
        if sum((bool(project), bool(domain), system)) != 1:
            raise InvalidInput('Name one of --project, --domain and --system: roles hold somewhere.')
        home = self._one('domain', self._domain_text)['id']
        person = self._one('user', user, home)
        shown = f'{person["name"]} ({person["id"]})'
        query = {'user.id': person['id'], 'effective': 'true', 'include_names': 'true'}
        place: dict[str, Any]
        if system:
            place, where, thing = {'system_scope': 'all'}, 'the system', {}
            query['scope.system'] = 'all'
        else:
            kind = 'project' if project else 'domain'
            thing = self._one(kind, project or domain or '', home)
            place, where = {f'{kind}_id': thing['id']}, f'{kind} {thing["name"]} ({thing["id"]})'
            if project:
                place |= {'project_name': thing['name'], 'project_domain_id': thing['domain_id']}
            query[f'scope.{kind}.id'] = thing['id']
        lines = self._client.get(f'/v3/role_assignments?{urllib.parse.urlencode(query)}')['role_assignments']
        roles = {line['role']['name'].lower() for line in lines}
        ctx = Context(
            'policy-check', 'policy-check', user_id=person['id'], user_name=person['name'], user_domain_id=person['domain_id'],
            roles=frozenset(roles), **place,
        )  # fmt: skip
        reasons = [f'{shown} on {where}: {", ".join(sorted(roles)) or "no role, so no token can be had"}']
        reasons += sorted(f'  {line["role"]["name"]}: {self._origin(line, person["id"])}' for line in lines)
        reasons += [
            f'{what} is disabled: no token can be had' for what, one in ((shown, person), (where, thing)) if one.get('enabled') is False
        ]
        return Subject(ctx, tuple(reasons))

    def _one(self, kind: str, text: str, home: str | None = None) -> dict[str, Any]:
        """A user, project or domain by id or, in the domain `home`, by name."""
        try:
            found: dict[str, Any] = self._client.get(f'/v3/{kind}s/{urllib.parse.quote(text, safe="")}')[kind]
            return found
        except NotFound:
            query = {'name': text} | ({'domain_id': home} if home and kind != 'domain' else {})
            listed = self._client.get(f'/v3/{kind}s?{urllib.parse.urlencode(query)}')[f'{kind}s']
            if len(listed) != 1:
                raise NotFound(kind, text) from None
            return dict(listed[0])

    def _origin(self, line: dict[str, Any], user_id: str) -> str:
        """Why the user has a role: from the addresses of the assignment and, where there is one, of the membership in a group."""
        links = line['links']
        parts = urllib.parse.urlsplit(links['assignment']).path.strip('/').split('/')[1:]
        said = []
        if 'prior_role' in links:
            said.append(f'implied by role {self._name("role", links["prior_role"].split("/prior_role/")[1].split("/")[0])}')
        if 'membership' in links:
            group = urllib.parse.urlsplit(links['membership']).path.split('/groups/')[1].split('/')[0]
            said.append(f'through group {self._name("group", group)}')
        if parts[0] == 'OS-INHERIT':
            said.append(f'inherited from {parts[1].removesuffix("s")} {self._name(parts[1].removesuffix("s"), parts[2])}')
        return ', '.join(said) or 'given to the user'

    def _name(self, kind: str, identifier: str) -> str:
        try:
            return str(self._client.get(f'/v3/{kind}s/{identifier}')[kind]['name'])
        except NotFound:
            return identifier
