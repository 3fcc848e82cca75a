"""Options of the image service."""

from __future__ import annotations

from common.config import group, option
from image.drivers import options as _store_options  # noqa: F401 (declares the sections of stores)


@group('image')
class ImageOptions:
    """What an operator may set under `[image]`."""

    stores: list[str] = option(
        [],
        help='Where image data is kept, as name:driver with drivers filesystem, http, s3, swift; each has a section [image_store_NAME]. '
        'Empty: one named default, in the directory below. Keep that name for one of them once there are images',
    )
    default_store: str = option('', help='The store of uploads that name none; empty: the first that can be written to')
    directory: str = option('', help='Directory of the store named default; empty: images/ below the state directory')
    show_direct_url: bool = option(False, help='Whether an image shows the URL of its data')
    show_multiple_locations: bool = option(False, help='Whether an image shows where its data is, and lets those be changed')
    do_secure_hash: bool = option(True, help='Whether data at a location that a client adds is read once for its hashes')
    enable_v1_api: bool = option(True, help='Whether clients of version 1 of the API are served')
    max_size: int = option(1 << 40, min=1, help='Largest upload in bytes')
    max_properties: int = option(128, min=0, help='Custom properties an image may have')
    max_tags: int = option(128, min=0, help='Tags an image may have')
    max_members: int = option(128, min=0, help='Projects an image may be shared with')
    use_identity_limits: bool = option(
        False, help='Hold to the limits that identity has for the service; the options below are for the rest'
    )
    image_count_total: int = option(-1, min=-1, help='Images a project may have; -1: no limit')
    image_count_uploading: int = option(-1, min=-1, help='Uploads and imports a project may have at once; -1: no limit')
    image_size_total: int = option(-1, min=-1, help='MiB of image data a project may have, in all stores together; -1: no limit')
    image_stage_total: int = option(-1, min=-1, help='MiB of data of a project that may wait to be imported; -1: no limit')
    upload_idle: int = option(60, min=5, help='Seconds without a sign of life after which an upload counts as dead')
    conversion_format: str = option('', help='Disk format that imported images are converted to, raw or qcow2 for example; empty: none')
    conversion_memory: int = option(1024, min=64, help='MiB of address space that converting an image may take')
    conversion_timeout: int = option(3600, min=1, help='Seconds that converting an image may take, on the clock and on the processor')
    conversion_max_size: int = option(128 << 30, min=1, help='Bytes of the disk that an image may unfold to and still be converted')
    conversion_max_ratio: int = option(100, min=1, help='How many times as large as its data an image may become by converting it')
    check_formats: bool = option(
        True, help='Whether data is refused that is not what its image says; hosts check what they use in any case'
    )
    max_virtual_size: int = option(64 << 40, min=1, help='Bytes of the disk that an image may unfold to')
    cache_directory: str = option('', help='Copies of images from slow stores; empty: image-cache/ below the state directory')
    cache_max_size: int = option(10 << 30, min=0, help='Bytes that the cache of a host may have; 0: no cache')
    hash_algorithm: str = option(
        'sha512', choices=['sha256', 'sha384', 'sha512'], help='Of the hash that images get; sha256 costs half on processors that know it'
    )
    chunk: int = option(1 << 20, min=4096, help='Bytes read at once from a client')
    transfers: int = option(128, min=1, help='Uploads and downloads at once in one API process; more are answered with 503')
    transfers_per_project: int = option(64, min=1, help='How many of them one project may have; more are answered with 429')
    allowed_networks: list[str] = option([], help='Networks that a URL of a user may lead to, although they are not public')
    denied_hosts: list[str] = option([], help='Hosts, domains (.example.org) and networks that no URL of a user may lead to')
    import_allowed_schemes: list[str] = option(['http', 'https'], help='Schemes that a URL of a user may have')
    import_allowed_ports: list[str] = option(['80', '443'], help='Ports, and ranges like 8000-8100, that a URL of a user may name')
    import_methods: list[str] = option(
        ['glance-direct', 'web-download', 'glance-download', 'copy-image'], help='Ways of importing that users may choose'
    )
    import_idle: int = option(30, min=1, help='Seconds without data after which a server that is fetched from counts as gone')
    import_tries: int = option(5, min=1, help='How often in a row fetching may break off without any progress')
    import_min_speed: int = option(10 << 10, min=0, help='Bytes a second, on the average of two minutes, below which fetching is given up')
    import_workers: int = option(8, min=1, help='Imports that run at once in one process; others wait')
    import_per_project: int = option(4, min=1, help='How many of them may fetch for one project; those of others go first')
    import_properties: list[str] = option(
        ['hw_', 'trait:', 'os_distro', 'os_type', 'os_secure_boot'],
        help='Properties that glance-download copies from the other image: names, or beginnings that end with _ or :',
    )
    staging_directory: str = option('', help='Where data waits to be imported; empty: staging/ below the state directory')
    task_hours: int = option(48, min=1, help='Hours that an ended task is kept')
