"""Where files are that everything needs to find: those that come with the program, and the folder of a cloud."""

from __future__ import annotations

import os
import pathlib
import site
import sys

CONFIG, LOCAL = 'pileus.conf', 'local.conf'
"""Settings in the folder of a cloud: those that `pileus up` writes, and the operator's own, which win."""
_PROOF = pathlib.Path('identity') / 'api-paste.ini'


def etc() -> pathlib.Path:
    """The folder `etc` beside the sources, or where an installed distribution put it (`<prefix>/etc/pileus`)."""
    top = pathlib.Path(__file__).resolve().parent.parent
    places = [top / 'etc', *(pathlib.Path(base) / 'etc' / 'pileus' for base in (sys.prefix, site.getuserbase(), top))]
    return next((place for place in places if (place / _PROOF).is_file()), places[0])


def state() -> pathlib.Path:
    """Where a cloud lives when nobody says: /var/lib/pileus for root, the user's own data folder else."""
    if os.geteuid() == 0:
        return pathlib.Path('/var/lib/pileus')
    base = os.environ.get('XDG_DATA_HOME')
    return (pathlib.Path(base) if base else pathlib.Path.home() / '.local' / 'share') / 'pileus'


def settings_of(folder: pathlib.Path) -> list[pathlib.Path]:
    """The configuration files of the cloud in a folder, as many as there are."""
    return [path for path in (folder / CONFIG, folder / LOCAL) if path.exists()]
