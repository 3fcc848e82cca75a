"""`pileus`: the operator's command."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from common.errors import PileusError
from pileus import image_verbs
from pileus import settings as state_files

Verb = Callable[[argparse.Namespace], int]


def main(argv: list[str] | None = None) -> int:
    """Run a verb; gives the exit status. Errors are one line on standard error, status 2."""
    parser = _parser()
    given = parser.parse_args(argv)
    if getattr(given, 'state', None) is not None:
        given.state = given.state.expanduser().absolute()
    try:
        return int(given.run(given))
    except PileusError as error:
        print(f'pileus: {error.message}' + (f' ({error.admin_detail})' if error.admin_detail else ''), file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='pileus', description='Start, watch and understand a cloud.')
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    _up(verbs)
    _verb(verbs, 'down', down, 'end the cloud; its data stays')
    _verb(verbs, 'status', status_verb, 'processes, APIs and hosts', as_json=True)
    doctor = _verb(verbs, 'doctor', doctor_verb, 'look for what is wrong, and say what to type', as_json=True)
    doctor.add_argument('--only', action='append', metavar='CHECK', help='only this check; may be given again')
    for name, function, text in (
        ('timeline', timeline_verb, 'every event of a request, server or volume, over all services, in order'),
        ('explain', explain_verb, 'why a server is where it is, or nowhere'),
    ):
        verb = _verb(verbs, name, function, text, as_json=True)
        verb.add_argument(
            'what',
            metavar='ID',
            help='a request id (req-...), or the id or name of a server' if name == 'timeline' else 'the id or name of a server',
        )
        verb.add_argument('--os-cloud', help='a cloud of clouds.yaml; else the environment, else the state folder')
    image = verbs.add_parser('image', help='files into images, images into files', description='Files into images, images into files.')
    image_verbs.add(image, lambda *words: _verb(*words, as_json=True))
    messages = _verb(verbs, 'messages', messages_verb, 'messages that were given up', as_json=True)
    messages.add_argument('--purge', action='store_true', help='forget them')
    config = _verb(verbs, 'config', config_verb, 'the configuration: values and where they come from, or a documented sample')
    config.add_argument('action', choices=('show', 'sample', 'check'))
    return parser


def _verb(verbs: Any, name: str, function: Verb, text: str, *, as_json: bool = False) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text[:1].upper() + text[1:] + '.')
    made.add_argument('--state', type=pathlib.Path, help=f'the folder of the cloud (default: {state_files.default_state()})')
    if as_json:
        made.add_argument('--json', action='store_true', help='print JSON')
    made.set_defaults(run=function)
    return made


def _up(verbs: Any) -> None:
    up = _verb(verbs, 'up', up_verb, 'start a cloud; again, it changes nothing')
    up.add_argument(
        '--deployment', choices=('embedded', 'distributed'), default='embedded', help='one process, or one for each part of each service'
    )
    up.add_argument('--simulated', action='store_true', help='simulated hosts, volumes and networks: no root, no hypervisor')
    up.add_argument('--hosts', type=int, default=1, help='how many simulated hosts')
    up.add_argument('--address', default='127.0.0.1', help='address that the APIs listen on and are found at')
    up.add_argument('--port-offset', type=int, default=0, metavar='N', help='add N to every port, for several clouds on one machine')
    up.add_argument('--set', action='append', default=[], metavar='GROUP.OPTION=VALUE', help='a further setting; may be given again')
    up.add_argument('--bare', action='store_true', help='no flavors, networks and images')
    up.add_argument('--foreground', action='store_true', help='stay, and end the cloud when told to end')


def _folder(given: argparse.Namespace) -> pathlib.Path:
    return given.state or state_files.default_state()


def up_verb(given: argparse.Namespace) -> int:
    """Start a cloud."""
    from pileus import up as starting

    say = _say
    wish = starting.Wish(
        _folder(given), given.deployment, given.simulated, given.hosts, given.address, given.port_offset, _options(given.set)
    )
    found = starting.up(wish, say)
    if not given.bare:
        _furnish(wish, say)
    say(f'ready: source {wish.state}/openrc')
    if given.foreground:
        from common.service.process import Signals

        Signals().wait_for_end()
        starting.down(wish.state, say)
    return 0 if found else 1


def _options(words: list[str]) -> dict[str, dict[str, str]]:
    from common.config import ConfigError

    found: dict[str, dict[str, str]] = {}
    for word in words:
        name, equals, value = word.partition('=')
        group, dot, option = name.partition('.')
        if not (equals and dot and group and option):
            raise ConfigError(f'--set wants GROUP.OPTION=VALUE, for example compute.simulated_vcpus=64, not {word!r}.')
        found.setdefault(group, {})[option] = value
    return found


def _furnish(wish: Any, say: Callable[[str], None]) -> None:
    from keystoneauth1.exceptions import ClientException

    from common.errors import Unavailable
    from pileus import credentials, furnish, stack

    arguments, region = credentials.find(wish.state)
    image: pathlib.Path | None = wish.state / 'guest' / f'{furnish.IMAGE_NAME}.qcow2'
    assert image is not None
    if wish.simulated and not image.exists():
        image.parent.mkdir(exist_ok=True)
        stack._write_empty_qcow2(image)
    elif not image.exists():
        image = None
    try:
        furnish.furnish(
            furnish.Cloud(credentials.session(arguments), region),
            furnish.Plan(image_path=image),
            state_files.secret(wish.state, 'demo-password'),
            say,
        )
    except ClientException as error:
        raise Unavailable(f'The cloud runs, but could not be furnished: {error}') from error
    say('flavors, networks and the demo project are there' + ('' if image else '; no guest image: tools/stack up builds one'))


def down(given: argparse.Namespace) -> int:
    """End the cloud."""
    from pileus.up import down as end

    if not end(_folder(given), _say):
        _say(f'no cloud runs from {_folder(given)}')
    return 0


def status_verb(given: argparse.Namespace) -> int:
    """Print what runs; status 0 when all is well, 1 when not."""
    from pileus import credentials, status

    arguments, region = credentials.find(_folder(given))
    from pileus.apis import Apis

    found = status.of_state(_folder(given), Apis(credentials.session(arguments), region))
    if given.json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        from pileus import show

        show.status(found)
    return 0 if found.is_well else 1


def doctor_verb(given: argparse.Namespace) -> int:
    """Examine; status 0 when nothing is wrong (warnings do not count), 1 when something is."""
    from common import log
    from pileus import doctor

    log.setup('CRITICAL')
    checks = doctor.all_checks()
    unknown = set(given.only or ()) - checks.keys()
    if unknown:
        print(f'pileus: there is no check {", ".join(sorted(unknown))}; known: {", ".join(checks)}', file=sys.stderr)
        return 2
    chosen = {name: check for name, check in checks.items() if not given.only or name in given.only}
    examined = []
    if given.json:
        examined = list(doctor.examine(_folder(given), chosen))
        print(json.dumps([_as_dict(one) for one in examined], indent=1))
    else:
        from pileus import show

        for one in doctor.examine(_folder(given), chosen):
            examined.append(one)
            show.examined(one)
        show.verdict(examined)
    return 1 if any(finding.severity == doctor.PROBLEM for one in examined for finding in one.findings) else 0


def _as_dict(examined: Any) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(examined)


def _apis(given: argparse.Namespace) -> Any:
    from pileus import credentials
    from pileus.apis import Apis

    arguments, region = credentials.find(given.state, given.os_cloud)
    apis = Apis(credentials.session(arguments), region)
    apis.connect()
    return apis


def timeline_verb(given: argparse.Namespace) -> int:
    """Print events in order; status 1 when a service could not be asked."""
    from pileus import timeline

    found = timeline.gather(_apis(given), given.what)
    if given.json:
        print(json.dumps({'events': found.events, 'silent': {name: error.message for name, error in found.silent.items()}}, indent=1))
    else:
        from pileus import show

        show.timeline(found)
    return 1 if found.silent else 0


def explain_verb(given: argparse.Namespace) -> int:
    """Print decisions."""
    from pileus import explain

    found = explain.explain(_apis(given), given.what)
    if given.json:
        print(json.dumps({'id': found.id, 'thing': found.thing, 'decisions': found.decisions}, indent=1))
    else:
        print('\n'.join(explain.lines(found)))
    return 0


def messages_verb(given: argparse.Namespace) -> int:
    """Print or forget dead letters."""
    import dataclasses

    from common.runtime import Runtime

    letters = Runtime(state_files.load(_folder(given)), embedded=False).broker.dead_letters()
    if given.purge:
        _say(f'{letters.purge()} messages forgotten')
        return 0
    found = [dataclasses.asdict(letter) for letter in letters.list(1000)]
    if given.json:
        print(json.dumps(found, indent=1))
        return 0
    for letter in found:
        print(f'{letter["queue"]:40s} {letter["reason"]:16s} {letter["method"]:30s} {letter["request_id"]}')
    _say(f'{letters.count()} messages were given up')
    return 0


def config_verb(given: argparse.Namespace) -> int:
    """Print the configuration."""
    from common import config
    from common.runtime import Runtime

    if given.action == 'sample':
        Runtime.check(config.Settings.load())
        print(config.sample(), end='')
        return 0
    settings = state_files.load(_folder(given))
    Runtime.check(settings)
    if given.action == 'check':
        _say('every option is known and has a value that can be')
        return 0
    for name, option, value, source in settings.describe():
        print(f'[{name}] {option} = {value}    # {source}')
    return 0


def _say(text: str) -> None:
    print(text, flush=True)
