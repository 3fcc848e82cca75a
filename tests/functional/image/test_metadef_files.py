"""`image-manage metadefs`: definitions from files and into files."""

from __future__ import annotations

import json
import pathlib

import pytest

from image.manage import main

OWN = {'Pileus::Flavor::Placement', 'Pileus::Image::OperatingSystem', 'Pileus::Image::Placement'}


@pytest.fixture
def conf(tmp_path: pathlib.Path) -> list[str]:
    """A configuration with a fresh database."""
    (tmp_path / 'db').mkdir()
    (tmp_path / 'pileus.conf').write_text(f'[service]\nstate_dir = {tmp_path}\n')
    arguments = ['--config-file', str(tmp_path / 'pileus.conf')]
    assert main([*arguments, 'db', 'sync']) == 0
    return arguments


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return dict(line.split(': ', 1) for line in capsys.readouterr().out.splitlines() if ': ' in line)


def test_the_own_set_goes_in_once_comes_out_and_goes_away(
    conf: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*conf, 'metadefs', 'load']) == 0
    assert told(capsys) == dict.fromkeys(OWN, 'made')
    assert main([*conf, 'metadefs', 'load']) == 0
    assert told(capsys) == dict.fromkeys(OWN, 'kept')
    folder = tmp_path / 'out'
    assert main([*conf, 'metadefs', 'export', str(folder)]) == 0
    written = told(capsys)
    assert set(written) == OWN
    exported = json.loads(pathlib.Path(written['Pileus::Flavor::Placement']).read_text())
    own = pathlib.Path(__file__).parents[3] / 'image' / 'metadefs' / 'definitions' / 'flavor_placement.json'
    assert exported == json.loads(own.read_text())
    assert main([*conf, 'metadefs', 'unload']) == 0
    assert told(capsys) == dict.fromkeys(OWN, 'removed')
    assert main([*conf, 'metadefs', 'load', str(folder)]) == 0
    assert told(capsys) == dict.fromkeys(OWN, 'made')


def test_a_changed_file_replaces_only_when_asked(conf: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / 'in'
    folder.mkdir()
    file = folder / 'one.json'
    file.write_text(json.dumps({'namespace': 'One', 'tags': [{'name': 'old'}]}))
    for content, arguments, what in ((None, [], 'made'), ('new', [], 'kept'), ('new', ['--replace'], 'replaced')):
        if content:
            file.write_text(json.dumps({'namespace': 'One', 'tags': [{'name': content}]}))
        assert main([*conf, 'metadefs', 'load', str(folder), *arguments]) == 0
        assert told(capsys) == {'One': what}
    assert main([*conf, 'metadefs', 'export', str(tmp_path / 'out')]) == 0
    assert json.loads((tmp_path / 'out' / 'one.json').read_text())['tags'] == [{'name': 'new'}]


@pytest.mark.parametrize(
    ('content', 'says'),
    [
        ('{', 'cannot be read'),
        ('{}', "'namespace' must be given"),
        ('{"namespace": "n", "visibility": "shared"}', 'visibility'),
        (None, 'no file'),
    ],
)
def test_a_wrong_file_is_named_and_nothing_is_loaded(
    conf: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], content: str | None, says: str
) -> None:
    folder = tmp_path / 'in'
    folder.mkdir()
    if content is not None:
        (folder / 'a.json').write_text('{"namespace": "good"}')
        (folder / 'b.json').write_text(content)
    assert main([*conf, 'metadefs', 'load', str(folder)]) == 1
    error = capsys.readouterr().err
    assert says in error and (content is None or 'b.json' in error)
    assert main([*conf, 'metadefs', 'export', str(tmp_path / 'out')]) == 0
    assert told(capsys) == {}
