"""Groups of options: defaults, files, overrides, and what is refused with words that help."""

from __future__ import annotations

import pathlib

import pytest

from common import config
from common.config import ConfigError, MessagingOptions, ServiceOptions, Settings, group, option
from common.runtime import SERVICES, Runtime, database_url

ROOT = pathlib.Path(__file__).resolve().parents[3]


@group('test_kinds')
class Kinds:
    """Options of every kind."""

    text: str = option('a', help='Text')
    number: int = option(3, min=1, max=9, help='A number')
    share: float = option(0.5, min=0.0, help='A share')
    on: bool = option(False, help='A switch')
    names: list[str] = option(['x'], help='Names')
    kind: str = option('red', choices=('red', 'blue'), help='A colour')
    api_password: str = option('', help='A secret')


def load(tmp_path, text, **overrides):
    path = tmp_path / 'pileus.conf'
    path.write_text(text)
    return Settings.load([path], overrides)


def test_defaults():
    found = Settings.load().get(Kinds)
    assert (found.text, found.number, found.share, found.on, found.names, found.kind) == ('a', 3, 0.5, False, ['x'], 'red')


def test_a_later_file_wins_and_overrides_win_over_files(tmp_path):
    first, second = tmp_path / 'a.conf', tmp_path / 'b.conf'
    first.write_text('[test_kinds]\ntext = first\nnumber = 4\nnames = p, q\non = yes\n')
    second.write_text('[test_kinds]\ntext = second\n')
    found = Settings.load([first, second], {'test_kinds': {'number': 5}}).get(Kinds)
    assert (found.text, found.number, found.names, found.on) == ('second', 5, ['p', 'q'], True)


def test_values_cannot_be_changed():
    with pytest.raises(AttributeError):
        Settings.load().get(Kinds).text = 'b'


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('number = 10', 'number'),
        ('number = many', 'number'),
        ('share = -1', 'share'),
        ('kind = green', 'kind'),
        ('on = perhaps', 'on'),
    ],
)
def test_values_out_of_bounds_name_the_option_and_the_file(tmp_path, line, words):
    settings = load(tmp_path, f'[test_kinds]\n{line}\n')
    with pytest.raises(ConfigError) as caught:
        settings.check()
    assert f'[test_kinds] {words}' in caught.value.message
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('[messaging]\nulr = x\n', "did you mean 'url'?"),
        ('[messagin]\nurl = x\n', "did you mean 'messaging'?"),
        ('[service]\nBind = ::\n', "did you mean 'bind'?"),
        ('[DEFAULT]\ndebug = true\n', 'there is no section [DEFAULT]'),
        ('[service]\nqqqqqq = 1\n', "has no option 'qqqqqq'."),
    ],
)
def test_what_nobody_knows_is_refused_with_the_nearest_name(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text).check()
    assert words in caught.value.message


def test_unknown_overrides_are_refused():
    with pytest.raises(ConfigError, match="did you mean 'state_dir'"):
        Settings.load(overrides={'service': {'statedir': '/x'}}).check()


@pytest.mark.parametrize('text', ['no section = 1\n', '[service\nx = 1\n', '\xff\xfe'])
def test_files_that_cannot_be_read(tmp_path, text):
    path = tmp_path / 'x.conf'
    path.write_bytes(text.encode('latin-1'))
    with pytest.raises(ConfigError):
        Settings.load([path]).check()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match='none.conf does not exist'):
        Settings.load([tmp_path / 'none.conf'])


def test_every_value_says_where_it_comes_from_and_secrets_are_hidden(tmp_path):
    settings = load(
        tmp_path,
        '[test_kinds]\ntext = b\napi_password = s3cret\n[messaging]\nurl = amqp://guest:s3cret@h:1//\n',
        test_kinds={'number': 7},
    )
    rows = {(name, option): (value, source) for name, option, value, source in settings.describe()}
    assert rows['test_kinds', 'text'] == ('b', str(tmp_path / 'pileus.conf'))
    assert rows['test_kinds', 'number'] == ('7', 'override')
    assert rows['test_kinds', 'share'] == ('0.5', 'default')
    assert rows['test_kinds', 'api_password'][0] == '***'
    assert rows['messaging', 'url'][0] == 'amqp://guest:***@h:1//'
    assert 's3cret' not in str(rows)


def test_values_with_percent_and_dollar_are_taken_as_they_are(tmp_path):
    assert load(tmp_path, '[messaging]\nurl = amqp://u:a%2Fb@h//\n').get(MessagingOptions).url == 'amqp://u:a%2Fb@h//'


def test_every_service_declares_its_options_and_the_sample_file_has_them_all(tmp_path):
    settings = Settings.load()
    Runtime.check(settings)
    shipped = (ROOT / 'etc' / 'pileus.conf.sample').read_text()
    for name, key, _, _ in settings.describe():
        if not name.startswith('test_'):
            assert f'\n[{name}]\n' in shipped
            assert f'\n#{key} =' in shipped, f'[{name}] {key} is missing in etc/pileus.conf.sample; write it with: pileus config sample'
    uncommented = tmp_path / 'all.conf'
    uncommented.write_text(
        '\n'.join(line.removeprefix('#') if line.startswith('#') and line[1:2] != ' ' else line for line in shipped.splitlines())
    )
    again = Settings.load([uncommented])
    again.check()
    assert [row[:3] for row in again.describe()] == [row[:3] for row in settings.describe()]


def test_the_sample_says_what_values_may_be():
    text = config.sample()
    assert '# A number (at least 1, at most 9).\n#number = 3\n' in text
    assert '# A colour (one of red, blue).\n#kind = red\n' in text


def test_database_urls(tmp_path):
    settings = load(tmp_path, '[database]\nurl_template = mysql+pymysql://u:a{b}c@h/pileus_{service}\n')
    assert database_url(settings, 'image') == 'mysql+pymysql://u:a{b}c@h/pileus_image'
    assert database_url(Settings.load(overrides={'service': {'state_dir': '/s'}}), 'image') == 'sqlite:////s/db/image.sqlite'


def test_the_host_name():
    assert Settings.load(overrides={'service': {'host': 'h1'}}).get(ServiceOptions).host_name == 'h1'
    assert Settings.load().get(ServiceOptions).host_name
    assert len(SERVICES) == 7


def test_a_family_has_a_section_for_each_member(tmp_path):
    @config.family('test_shelf')
    class Wood:
        width: int = config.option(10, min=1, help='Centimetres')

    @config.family('test_shelf')
    class Safe:
        secret: str = config.option('', help='The combination', secret=True)

    try:
        path = tmp_path / 'x.conf'
        path.write_text('[test_shelf_left]\nwidth = 20\n[test_shelf_right]\nsecret = 1234\n[test_shelf_bad]\nwidht = 1\n')
        settings = Settings.load([path], {'test_shelf_left': {'width': 30}})
        settings.check()
        assert settings.members('test_shelf') == ['bad', 'left', 'right']
        shown = {(name, option): value for name, option, value, _ in settings.describe()}
        assert shown['test_shelf_left', 'width'] == '30' and shown['test_shelf_right', 'secret'] == '***'
        assert settings.member(Wood, 'left').width == 30 and settings.member(Wood, 'none').width == 10
        with pytest.raises(ConfigError, match="did you mean 'width'"):
            settings.member(Wood, 'bad')
        assert '[test_shelf_NAME]' in config.sample() and '#width = 10' in config.sample()
    finally:
        del config._FAMILIES['test_shelf']
