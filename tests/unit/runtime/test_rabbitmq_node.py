"""The folder of applications that a small RabbitMQ node looks at."""

from __future__ import annotations

import os

from pileus import rabbitmq_node


def package(top, applications, release='1.0'):
    """A RabbitMQ of this release whose applications are these, each with those it starts after."""
    for name, needs in applications.items():
        folder = top / 'plugins' / f'{name}-{release}' / 'ebin'
        folder.mkdir(parents=True)
        listed = ',\n   '.join(['kernel', 'stdlib', *needs])
        (folder / f'{name}.app').write_text(
            f'{{application, {name}, [{{vsn, "{release}"}},\n {{applications, [{listed}]}}, {{env, []}}]}}.\n'
        )
    return top / 'sbin' / 'rabbitmq-server'


USUAL = {
    'rabbit': ['rabbit_common', 'ra', 'rabbitmq_prelaunch'], 'rabbit_common': ['recon'], 'ra': ['aten'], 'aten': [], 'recon': [],
    'rabbitmq_prelaunch': ['cuttlefish'], 'cuttlefish': [], 'rabbitmq_management': ['rabbit', 'cowboy'], 'cowboy': [],
}  # fmt: skip


def test_it_has_what_the_node_needs_and_no_plugins(tmp_path):
    chosen = rabbitmq_node.link_needed(package(tmp_path / 'server', USUAL), tmp_path / 'applications')
    assert chosen == tmp_path / 'applications'
    names = {'rabbit', 'rabbit_common', 'ra', 'aten', 'recon', 'rabbitmq_prelaunch', 'cuttlefish'}
    assert {entry.name for entry in chosen.iterdir()} == {f'{name}-1.0' for name in names}
    assert (chosen / 'ra-1.0' / 'ebin' / 'ra.app').read_text().startswith('{application, ra,')


def test_a_node_that_runs_keeps_its_folder_and_an_upgrade_changes_it(tmp_path):
    folder = tmp_path / 'applications'
    binary = package(tmp_path / 'server', USUAL)
    rabbitmq_node.link_needed(binary, folder)
    before = {entry.name: os.lstat(entry).st_ino for entry in folder.iterdir()}
    rabbitmq_node.link_needed(binary, folder)
    assert {entry.name: os.lstat(entry).st_ino for entry in folder.iterdir()} == before
    rabbitmq_node.link_needed(package(tmp_path / 'newer', USUAL, '2.0'), folder)
    assert {entry.name.rpartition('-')[2] for entry in folder.iterdir()} == {'2.0'}


def test_a_package_of_another_form_is_left_to_look_for_itself(tmp_path):
    assert rabbitmq_node.link_needed(tmp_path / 'server' / 'sbin' / 'rabbitmq-server', tmp_path / 'applications') is None
    assert not (tmp_path / 'applications').exists()
