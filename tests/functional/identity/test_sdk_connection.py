"""The calls of openstacksdk's connection itself, with which playbooks manage identity; at the end, that none was left out."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from openstack import exceptions
from openstack.cloud._identity import IdentityCloudMixin


class Recording:
    """A connection that remembers which of its calls were used."""

    def __init__(self, connection: Any) -> None:
        self._connection, self.used = connection, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        return getattr(self._connection, name)


@pytest.fixture(scope='module')
def connection(cloud: Any) -> Recording:
    return Recording(cloud.sdk())


def test_domains_projects_users_and_groups(connection: Any) -> None:
    domain = connection.create_domain('play-domain', 'of the tests')
    assert connection.update_domain(domain.id, description='changed').description == 'changed'
    assert connection.get_domain(domain.id).name == 'play-domain' == connection.get_domain(name_or_id='play-domain').name
    assert domain.id in {one.id for one in connection.list_domains()}
    assert [one.id for one in connection.search_domains(filters={'name': 'play-domain'})] == [domain.id]
    project = connection.create_project('play-project', domain.id, 'first')
    assert connection.update_project('play-project', domain_id=domain.id, description='changed').description == 'changed'
    assert connection.get_project('play-project', domain_id=domain.id).id == project.id
    assert [one.id for one in connection.list_projects(domain_id=domain.id)] == [project.id]
    assert [one.id for one in connection.search_projects('play-project', domain_id=domain.id)] == [project.id]
    user = connection.create_user(
        'play-user', password='first-secret', email='a@example.org', default_project=project.id, domain_id=domain.id
    )
    assert connection.update_user(user.id, email='b@example.org', password='second-secret').email == 'b@example.org'
    assert connection.get_user('play-user', domain_id=domain.id).id == user.id == connection.get_user_by_id(user.id).id
    assert [one.id for one in connection.list_users(domain_id=domain.id)] == [user.id]
    assert [one.id for one in connection.search_users('play-user', domain_id=domain.id)] == [user.id]
    group = connection.create_group('play-group', 'first', domain=domain.id)
    assert connection.update_group(group.id, description='changed').description == 'changed'
    assert connection.get_group('play-group').id == group.id and group.id in {one.id for one in connection.list_groups()}
    assert [one.id for one in connection.search_groups('play-group')] == [group.id]
    connection.add_user_to_group(user.id, group.id)
    assert connection.is_user_in_group(user.id, group.id)
    connection.remove_user_from_group(user.id, group.id)
    assert not connection.is_user_in_group(user.id, group.id)
    assert connection.delete_group(group.id) and connection.delete_user(user.id) and connection.delete_project(project.id)
    assert connection.delete_domain(domain.id) and connection.get_domain(name_or_id='play-domain') is None


@pytest.mark.parametrize('who', ['user', 'group'])
def test_roles_and_who_has_them(connection: Any, who: str) -> None:
    role = connection.create_role('play-role')
    assert connection.update_role('play-role', name='play-artist').name == 'play-artist' == connection.get_role(role.id).name
    assert role.id in {one.id for one in connection.list_roles()}
    assert [one.id for one in connection.search_roles('play-artist')] == [role.id]
    group = connection.create_group('play-painters', 'they paint')
    grantee = {'user': 'demo'} if who == 'user' else {'group': 'play-painters'}
    actor = connection.get_user('demo').id if who == 'user' else group.id
    for place in ({'project': 'demo'}, {'domain': 'default'}, {'system': 'all'}):
        assert connection.grant_role('play-artist', **grantee, **place) is True
        assert connection.grant_role('play-artist', **grantee, **place) is False
        [row] = connection.list_role_assignments(filters={who: actor, 'role': role.id})
        assert row.role['id'] == role.id and bool(row.scope.get(next(iter(place))))
        assert connection.revoke_role('play-artist', **grantee, **place) is True
        assert connection.revoke_role('play-artist', **grantee, **place) is False
    assert connection.delete_group(group.id) and connection.delete_role('play-artist') and connection.get_role('play-artist') is None


def test_the_catalog(connection: Any) -> None:
    service = connection.create_service('play-weather', type='weather', description='rain')
    assert connection.update_service('play-weather', description='shine').description == 'shine'
    assert connection.get_service('play-weather').id == service.id and service.id in {one.id for one in connection.list_services()}
    assert [one.id for one in connection.search_services(filters={'type': 'weather'})] == [service.id]
    url = 'http://127.0.0.1:1/weather'
    endpoints = connection.create_endpoint('play-weather', public_url=url, internal_url=f'{url}/internal', region='RegionOne')
    assert {one.interface for one in endpoints} == {'public', 'internal'}
    public = next(one for one in endpoints if one.interface == 'public')
    assert connection.update_endpoint(public.id, url=f'{url}/2').url == f'{url}/2' == connection.get_endpoint(public.id).url
    assert public.id in {one.id for one in connection.list_endpoints()}
    assert len(connection.search_endpoints(filters={'service_id': service.id})) == 2
    group = connection.create_endpoint_group('play-outside', filters={'interface': 'public'})
    assert connection.update_endpoint_group(group.id, description='changed').description == 'changed'
    assert connection.get_endpoint_group('play-outside').id == group.id
    assert group.id in {one.id for one in connection.list_endpoint_groups()}
    assert [one.id for one in connection.search_endpoint_groups('play-outside')] == [group.id]
    assert connection.delete_endpoint_group(group.id)
    assert all(connection.delete_endpoint(one.id) for one in endpoints)
    assert connection.delete_service('play-weather') and connection.get_service('play-weather') is None


def test_what_others_may_not(cloud: Any) -> None:
    member = cloud.sdk('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    for ask in (member.list_users, member.list_domains, member.list_projects, member.list_role_assignments):
        with pytest.raises(exceptions.ForbiddenException):
            ask()
    assert member.get_project(member.current_project_id).name == 'demo'


def test_no_call_was_left_out(whole_file: None, connection: Recording) -> None:
    """Counted is what the tests above did."""
    wanted = {name for name, _ in inspect.getmembers(IdentityCloudMixin, inspect.isfunction) if name in vars(IdentityCloudMixin)}
    assert sorted(name for name in wanted - connection.used if not name.startswith('_')) == []
