"""What an operator may set for a store, in the section `[image_store_NAME]` of its name."""

from __future__ import annotations

from common.config import family, option, shared


@shared
class StoreOptions:
    """What any store has."""

    description: str = option('', help='What users are told about the store')
    weight: int = option(0, help='Stores with more weight come first when an image is read, and where its stores are shown')


@family('image_store')
class FilesystemStoreOptions(StoreOptions):
    """A store of the driver `filesystem`: files of local directories."""

    directories: list[str] = option(
        [],
        help='Directories, each with a priority behind a colon if it matters: /a:10,/b:20. Of the highest priority with room for the '
        'image, the one with most room is taken. Empty: images-NAME/ below the state directory',
    )


@family('image_store')
class HttpStoreOptions(StoreOptions):
    """A store of the driver `http`: data that web servers hold. It cannot be written to; images get locations there."""

    min_speed: int = option(10 << 10, min=0, help='Bytes a second of waiting below which a server is given up')


@family('image_store')
class S3StoreOptions(StoreOptions):
    """A store of the driver `s3`: objects of a bucket. Needs the extra `s3`."""

    endpoint: str = option('', help='URL of the service; empty: that of Amazon for the region')
    region: str = option('us-east-1', help='Region of the bucket')
    bucket: str = option('images', help='The bucket')
    create_bucket: bool = option(False, help='Whether to make the bucket when it is missing')
    access_key: str = option('', help='Name of the key pair; empty: where the SDK usually finds one')
    secret_key: str = option('', help='Secret of the key pair', secret=True)
    addressing: str = option('auto', choices=('auto', 'path', 'virtual'), help='Where the bucket is named in URLs')
    part_size: int = option(16 << 20, min=5 << 20, help='Bytes of each part of a large object')
    timeout: float = option(60.0, min=0.1, help='Seconds the service may be silent')


@family('image_store')
class SwiftStoreOptions(StoreOptions):
    """A store of the driver `swift`: objects of a container, large ones in segments."""

    auth_url: str = option('', help='Identity API of the cloud that has the object store')
    username: str = option('', help='The user that owns the container')
    password: str = option('', help='Password of the user', secret=True)
    project: str = option('service', help='Project of the user')
    user_domain: str = option('Default', help='Domain of the user, by name')
    project_domain: str = option('Default', help='Domain of the project, by name')
    region: str = option('', help='Region of the object store; empty: the only one')
    interface: str = option('public', choices=('public', 'internal', 'admin'), help='Which of the endpoints of the object store')
    container: str = option('images', help='The container; segments are in one of this name with _segments behind it')
    segment_size: int = option(1 << 30, min=1 << 10, help='Bytes of each segment of a large object')
    timeout: float = option(60.0, min=0.1, help='Seconds the object store may be silent')
