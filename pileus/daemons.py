"""The daemons of others that a host or a deployment needs: libvirtd, tgtd, RabbitMQ, MariaDB.

Where systemd runs a libvirtd that one is used. Everything else is started here, as private instances with their own ports
and with all their files below the state directory, so that ending them and removing the directory leaves nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

from common.clock import monotonic, sleep
from common.errors import Unavailable
from pileus import rabbitmq_node

TGT_CONTROL, TGT_PORT = 17, 13260
RABBIT_PORT, RABBIT_DIST_PORT, EPMD_PORT = 13672, 13673, 13674
MARIADB_PORT = 13306


@dataclasses.dataclass(frozen=True)
class Daemon:
    """One process to be kept: how it is started and when it is ready.

    `forks`: the command returns and leaves the daemon behind, which writes `pid_file` itself.
    """

    name: str
    command: list[str]
    ready: Callable[[], bool]
    forks: bool = False
    pid_file: pathlib.Path | None = None
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    seconds: float = 60.0
    # How long it may take to end when asked; tgtd does not end while it has targets, so it is not asked twice.
    grace: float = 20.0


class Daemons:
    """The daemons of one state directory. Their process ids and start times are kept in `run/daemons.json`."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state
        self.book = state / 'run' / 'daemons.json'
        self.book.parent.mkdir(parents=True, exist_ok=True)

    def _read(self) -> dict[str, dict[str, float]]:
        try:
            return dict(json.loads(self.book.read_text()))
        except FileNotFoundError:
            return {}

    def _write(self, entries: dict[str, dict[str, float]]) -> None:
        new = self.book.with_suffix('.new')
        new.write_text(json.dumps(entries))
        new.replace(self.book)

    def entries(self) -> dict[str, dict[str, float]]:
        """Name -> process id and start time of everything that was started here."""
        return self._read()

    def running(self, name: str) -> bool:
        """Whether the daemon that was started here still lives."""
        entry = self._read().get(name)
        return entry is not None and _started_at(int(entry['pid'])) == entry['started']

    def start(self, daemon: Daemon) -> bool:
        """Start it and wait until it is ready; False if it ran already. Raises Unavailable with the end of its log."""
        await_ready = self.launch(daemon)
        if await_ready is None:
            return False
        await_ready()
        return True

    def launch(self, daemon: Daemon) -> Callable[[], None] | None:
        """Start it and write it down; None if it ran already and is ready.

        :returns: waits until it is ready, raises Unavailable with the end of its log; others may be launched before
        """
        if self.running(daemon.name) and daemon.ready():
            return None
        log = self.state / 'logs' / f'{daemon.name}.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open('ab') as output:
            process = subprocess.Popen(
                daemon.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, **daemon.environment}, close_fds=True,
            )  # fmt: skip
        if daemon.forks:
            process.wait(timeout=daemon.seconds)
        else:  # written down before it is ready: whoever ends this command now leaves nothing that nobody knows
            self._note(daemon, process.pid)

        def await_ready() -> None:
            self._await(daemon, process, log)
            if daemon.forks and daemon.pid_file:
                self._note(daemon, int(daemon.pid_file.read_text().split()[0]))

        return await_ready

    def _note(self, daemon: Daemon, pid: int) -> None:
        self._write({**self._read(), daemon.name: {'pid': pid, 'started': _started_at(pid) or 0, 'grace': daemon.grace}})

    @staticmethod
    def _await(daemon: Daemon, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
        end = monotonic() + daemon.seconds
        while not daemon.ready() or (daemon.forks and daemon.pid_file and not daemon.pid_file.exists()):
            # The command of one that forks ends too, but well.
            died = process.poll() is not None and not (daemon.forks and process.returncode == 0)
            if died or monotonic() > end:
                tail = log.read_text(errors='replace')[-500:].strip()
                what = f'ended with status {process.returncode}' if died else f'is not ready after {daemon.seconds:.0f} s'
                raise Unavailable(f'{daemon.name} {what}. The end of {log}: {tail}')
            sleep(0.05)

    def stop(self, name: str) -> bool:
        """End a daemon that was started here; False if none was."""
        entries = self._read()
        entry = entries.pop(name, None)
        if entry is None:
            return False
        if _started_at(int(entry['pid'])) == entry['started']:
            _end(int(entry['pid']), entry['started'], entry['grace'])
        self._write(entries)
        return True

    def stop_all(self) -> list[str]:
        """End all of them, the last started first; gives their names."""
        return [name for name in reversed(list(self._read())) if self.stop(name)]


def _started_at(pid: int) -> int | None:
    """The start time of a process in clock ticks since boot (proc(5), field 22): a number is reused, the pair is not."""
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(')')[2].split()
    return None if fields[0] == 'Z' else int(fields[19])


def _end(pid: int, started: int, seconds: float) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        end = monotonic() + seconds
        while _started_at(pid) == started and monotonic() < end:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(('127.0.0.1', port)) == 0


def _socket_answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def hypervisor(daemons: Daemons) -> list[Daemon]:
    """virtlogd and libvirtd, unless somebody else runs a libvirtd already."""
    if _socket_answers('/run/libvirt/libvirt-sock') and not daemons.running('libvirtd'):
        return []
    from pileus import kvm

    run = daemons.state / 'run'
    without = [] if kvm.virt_type(daemons.state) == 'kvm' else [sys.executable, '-m', 'pileus.without_kvm']
    log_pid, virt_pid = run / 'virtlogd.pid', run / 'libvirtd.pid'
    return [
        Daemon(
            'virtlogd',
            ['virtlogd', '-d', '-p', str(log_pid)],
            lambda: _socket_answers('/run/libvirt/virtlogd-sock'),
            forks=True,
            pid_file=log_pid,
        ),
        Daemon(
            'libvirtd',
            [*without, 'libvirtd', '-d', '-p', str(virt_pid)],
            lambda: _socket_answers('/run/libvirt/libvirt-sock'),
            forks=True,
            pid_file=virt_pid,
        ),
    ]


def iscsi_target() -> Daemon:
    """A tgtd of our own, on a port of its own, on loopback."""
    pathlib.Path('/var/run/tgtd').mkdir(parents=True, exist_ok=True)
    return Daemon(
        'tgtd',
        ['tgtd', '-f', '-C', str(TGT_CONTROL), '--iscsi', f'portal=127.0.0.1:{TGT_PORT}'],
        lambda: _socket_answers(f'/var/run/tgtd/socket.{TGT_CONTROL}'),
        grace=0.5,
    )


def rabbitmq(daemons: Daemons) -> list[Daemon]:
    """A RabbitMQ node of our own with its own port mapper, all of it on loopback."""
    home = daemons.state / 'rabbitmq'
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = home / 'rabbitmq.config'
    config.write_text(rabbitmq_node.config(RABBIT_PORT))
    (home / 'enabled_plugins').write_text('[].\n')
    cookie = home / '.erlang.cookie'
    if not cookie.exists():
        cookie.touch(mode=0o400)
        cookie.chmod(0o600)
        cookie.write_text(secrets.token_hex(20))
        cookie.chmod(0o400)
    environment = {
        'HOME': str(home),
        'ERL_EPMD_ADDRESS': '127.0.0.1',
        'ERL_EPMD_PORT': str(EPMD_PORT),
        'RABBITMQ_HOME': str(home),
        'RABBITMQ_NODENAME': 'pileus@localhost',
        'RABBITMQ_DIST_PORT': str(RABBIT_DIST_PORT),
        'RABBITMQ_CONFIG_FILE': str(config),
        'RABBITMQ_ENABLED_PLUGINS_FILE': str(home / 'enabled_plugins'),
        'RABBITMQ_MNESIA_BASE': str(home / 'mnesia'),
        'RABBITMQ_LOG_BASE': str(home / 'log'),
        'RABBITMQ_PID_FILE': str(home / 'pid'),
        'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': rabbitmq_node.emulator_flags(),
        'RABBITMQ_USE_LONGNAME': 'false',
    }
    binary = next(pathlib.Path('/usr/lib/rabbitmq').glob('lib/rabbitmq_server-*/sbin/rabbitmq-server'), pathlib.Path('rabbitmq-server'))
    needed = rabbitmq_node.link_needed(binary, home / 'applications')
    if needed is not None:
        environment['RABBITMQ_PLUGINS_DIR'] = str(needed)
    return [
        Daemon('epmd', ['epmd', '-address', '127.0.0.1', '-port', str(EPMD_PORT)], lambda: _listens(EPMD_PORT)),
        Daemon('rabbitmq', [str(binary)], lambda: _listens(RABBIT_PORT), environment=environment),
    ]


def mariadb(daemons: Daemons, databases: list[str]) -> tuple[Daemon, str]:
    """A MariaDB of our own, and the URL template of its databases (with `{service}` in it)."""
    home = daemons.state / 'mariadb'
    data, control = home / 'data', home / 'mysqld.sock'
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A folder of its own: every mariadbd that starts removes temporary tables from its folder, those of others in /tmp too.
    temporary = home / 'tmp'
    temporary.mkdir(exist_ok=True)
    common = ['--no-defaults', f'--tmpdir={temporary}', *([] if os.geteuid() else ['--user=root'])]
    if not data.is_dir():
        _install_mariadb(data, common)
    password = _password(home / 'password')
    start = home / 'init.sql'
    start.touch(mode=0o600)
    lines = [f'CREATE DATABASE IF NOT EXISTS `pileus_{name}` CHARACTER SET utf8mb4;' for name in databases]
    lines += [
        f"CREATE OR REPLACE USER 'pileus'@'127.0.0.1' IDENTIFIED BY '{password}';",
        "GRANT ALL ON `pileus\\_%`.* TO 'pileus'@'127.0.0.1';",
    ]
    start.write_text('\n'.join(lines) + '\n')
    command = [
        'mariadbd', *common, f'--datadir={data}', f'--socket={control}', f'--port={MARIADB_PORT}', '--bind-address=127.0.0.1',
        f'--pid-file={home / "pid"}', f'--init-file={start}', '--innodb-buffer-pool-size=64M', '--innodb-log-file-size=48M',
        '--innodb-log-buffer-size=4M', '--key-buffer-size=1M', '--aria-pagecache-buffer-size=4M', '--performance-schema=off', '--max-connections=400', '--innodb-flush-log-at-trx-commit=1', '--skip-name-resolve',
    ]  # fmt: skip
    daemon = Daemon('mariadb', command, lambda: _listens(MARIADB_PORT), environment={'MALLOC_ARENA_MAX': '2'})
    return daemon, f'mysql+pymysql://pileus:{password}@127.0.0.1:{MARIADB_PORT}/pileus_{{service}}'


def _install_mariadb(data: pathlib.Path, options: list[str]) -> None:
    """Make the system tables, beside their place and then renamed, so that what was broken off is not taken for whole. Raises Unavailable."""
    new = data.with_suffix('.new')
    shutil.rmtree(new, ignore_errors=True)
    command = ['mariadb-install-db', *options, f'--datadir={new}', '--auth-root-authentication-method=socket', '--skip-test-db']
    try:
        subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Unavailable('The tables of MariaDB could not be made.', admin_detail=str(error.stdout or error)[:1000]) from error
    new.rename(data)


def _password(file: pathlib.Path) -> str:
    """The password kept in a file, made at the first time."""
    if not file.exists():
        new = file.with_suffix('.new')
        new.touch(mode=0o600)
        new.write_text(secrets.token_urlsafe(24))
        new.rename(file)
    return file.read_text()
