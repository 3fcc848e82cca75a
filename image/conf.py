"""Options of the image service."""

from __future__ import annotations

from common.config import group, option


@group('image')
class ImageOptions:
    """What an operator may set under `[image]`."""

    store: str = option('filesystem', help='Where image data is kept: filesystem')
    directory: str = option('', help='Directory of the filesystem store; empty: images/ below the state directory')
    max_size: int = option(1 << 40, min=1, help='Largest upload in bytes')
    max_properties: int = option(128, min=0, help='Custom properties an image may have')
    max_tags: int = option(128, min=0, help='Tags an image may have')
    max_members: int = option(128, min=0, help='Projects an image may be shared with')
    max_images: int = option(-1, min=-1, help='Images a project may have; -1: no limit')
    upload_idle: int = option(60, min=5, help='Seconds without a sign of life after which an upload counts as dead')
    chunk: int = option(1 << 20, min=4096, help='Bytes read at once from a client')
