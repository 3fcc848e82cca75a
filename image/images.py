"""The rules of images: who may see and change them, and what makes a valid one.

Functions take the service, the caller's context and plain values; each is one transaction. Policies that look at a record
are asked here, on the record; a record that the caller may not see does not exist for it (404).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import is_uuid, new_id
from image import locations, quotas
from image.db import images as image_queries
from image.db import members as member_queries
from image.db import staging as staging_queries
from image.operations import clear
from image.records import ACTIVE, BASE, DEACTIVATED, QUEUED, READ_ONLY, RESERVED_PREFIX, SAVING, UPLOADING, ImageFilter, ImageRecord

if TYPE_CHECKING:
    from common.db.session import Session
    from image.service import ImageService

_OWNED = 'This image is not yours to change.'


def target(record: ImageRecord) -> dict[str, Any]:
    """What a policy rule may look at."""
    return {'project_id': record.owner, 'owner': record.owner, 'visibility': record.visibility}


def find(service: ImageService, ctx: Context, image_id: str, session: Any = None) -> ImageRecord:
    """The image, if the caller may see it. Raises NotFound."""
    if session is None:
        with service.db.read() as own:
            return find(service, ctx, image_id, own)
    record = image_queries.get_image(session, image_id) if len(image_id) <= 36 else None
    if record is None or not _may_see(ctx, record, session):
        raise NotFound('image', image_id, message=f'No image found with ID {image_id[:255]}')
    return record


def _may_see(ctx: Context, record: ImageRecord, session: Any) -> bool:
    if ctx.is_admin or record.visibility in ('public', 'community'):
        return True
    if ctx.project_id is None:
        return False
    if record.owner == ctx.project_id:
        return True
    return record.visibility == 'shared' and member_queries.get_member(session, record.id, ctx.project_id) is not None


def find_own(service: ImageService, ctx: Context, image_id: str, policy: str, session: Any) -> ImageRecord:
    """The image, if the caller may change it in the way that the policy names. Raises NotFound, Forbidden."""
    record = find(service, ctx, image_id, session)
    if not service.policy.check(ctx, policy, target(record)):
        raise Forbidden(_OWNED)
    return record


def create(
    service: ImageService, ctx: Context, body: dict[str, Any], within: Callable[[Session, ImageRecord], None] | None = None
) -> ImageRecord:
    """Register an image without data. Raises InvalidInput, Forbidden, Conflict, OverQuota.

    :param within: what else belongs into the transaction that writes the image
    """
    forbidden = sorted(set(body) & READ_ONLY)
    if forbidden:
        raise Forbidden(f"Attribute '{forbidden[0]}' is read-only.")
    properties = {name: value for name, value in body.items() if name not in BASE}
    for name in properties:
        _check_property_name(name)
    owner = body.get('owner', ctx.project_id)
    if owner != ctx.project_id and not ctx.is_admin:
        raise Forbidden(f"You are not permitted to create images owned by '{owner}'.")
    if body.get('id') is not None and not is_uuid(body['id']):
        raise InvalidInput('Invalid image id format: give a UUID in lower case, with dashes.', field='id')
    when = now()
    record = ImageRecord(
        id=body.get('id') or new_id(),
        name=body.get('name'),
        status=QUEUED,
        visibility=body.get('visibility', 'shared'),
        owner=owner,
        container_format=body.get('container_format'),
        disk_format=body.get('disk_format'),
        min_disk=body.get('min_disk', 0),
        min_ram=body.get('min_ram', 0),
        protected=body.get('protected', False),
        os_hidden=body.get('os_hidden', False),
        size=None, virtual_size=None, checksum=None, os_hash_algo=None, os_hash_value=None,
        created_at=when,
        updated_at=when,
        tags=sorted(set(body.get('tags', ()))),
        properties=properties,
    )  # fmt: skip
    _check_visibility(service, ctx, record)
    check_amounts(service, record)

    def work(session: Session) -> None:
        image_queries.insert_image(session, record)
        if within is not None:
            within(session, record)

    quotas.enforced(service, owner, quotas.NEW_IMAGE, work)
    return record


def _check_property_name(name: str) -> None:
    if name.startswith(RESERVED_PREFIX):
        raise Forbidden(f"Attribute '{name}' is reserved.")
    if len(name) > 255 or not name:
        raise InvalidInput('A property name has 1 to 255 characters.', field=name[:64])


def _check_visibility(service: ImageService, ctx: Context, record: ImageRecord) -> None:
    rule = {'public': 'image:images:publicize', 'community': 'image:images:communitize'}.get(record.visibility)
    if rule and not service.policy.check(ctx, rule, target(record)):
        raise Forbidden(f'You are not permitted to make an image {record.visibility}.')


def check_amounts(service: ImageService, record: ImageRecord) -> None:
    """Raise TooLarge when the image has more tags or properties than allowed."""
    from common.errors import TooLarge

    for noun, have, limit in (
        ('tags', len(record.tags), service.options.max_tags),
        ('properties', sum(not name.startswith(RESERVED_PREFIX) for name in record.properties), service.options.max_properties),
    ):
        if have > limit:
            raise TooLarge(f'The limit of image {noun} is {limit}, this would make {have}. Remove some.')


def list_page(
    service: ImageService, ctx: Context, narrowing: ImageFilter, sort: list[tuple[str, str]], limit: int, marker: str | None
) -> list[ImageRecord]:
    """A page of what the caller may see. Raises InvalidInput when the marker is not an image."""
    with service.db.read() as session:
        last = None
        if marker is not None:
            try:
                last = find(service, ctx, marker, session)
            except NotFound:
                raise InvalidInput(f'The marker {marker[:64]} is not an image that you can see.', field='marker') from None
        return image_queries.list_images(session, ctx.project_id, ctx.is_admin, narrowing, sort, limit, last)


def delete(service: ImageService, ctx: Context, image_id: str) -> None:
    """Remove the image, then its data. Raises NotFound, Forbidden, Conflict.

    The image's row goes first. What cannot be removed from a store now, the sweeper removes: the rows of the places remain.
    """
    with service.db.write() as session:
        record = find_own(service, ctx, image_id, 'image:images:delete', session)
        if record.protected:
            raise Forbidden(f'Image {image_id} is protected and cannot be deleted. Unset its "protected" attribute first.')
        clear.overtake(session, service, ctx, image_id)
        # What lies there whole is removed at once, as the project's quota says; what arrives has an owner, who finds the image gone.
        staged = record.upload_id if record.status == UPLOADING and not staging_queries.arriving(session, image_id) else None
        held = image_queries.remove_image(session, image_id)
    locations.purge(service, held)
    if staged:
        service.staging.remove(image_id, staged)
    if service.cache is not None:
        service.cache.unlink(image_id)


def set_activity(service: ImageService, ctx: Context, image_id: str, active: bool) -> None:
    """Reactivate or deactivate the image's data. Raises NotFound, Forbidden."""
    policy = 'image:images:reactivate' if active else 'image:images:deactivate'
    wanted, other = (ACTIVE, DEACTIVATED) if active else (DEACTIVATED, ACTIVE)
    with service.db.write() as session:
        record = find_own(service, ctx, image_id, policy, session)
        if record.status == wanted:
            return
        if record.status != other:
            raise Forbidden(f'Not allowed to {"reactivate" if active else "deactivate"} an image in status {record.status!r}.')
        image_queries.set_columns(session, image_id, expect={'status': other}, status=wanted, updated_at=now())


def set_tag(service: ImageService, ctx: Context, image_id: str, tag: str, present: bool) -> None:
    """Add or remove one tag. Raises NotFound (also for a tag that is not there), Forbidden, TooLarge."""
    if len(tag) > 255:
        raise InvalidInput('A tag has at most 255 characters.', field='tag')
    with service.db.write() as session:
        record = find_own(service, ctx, image_id, 'image:images:update', session)
        if present:
            record.tags = sorted({*record.tags, tag})
        elif tag in record.tags:
            record.tags.remove(tag)
        else:
            raise NotFound('tag', tag)
        check_amounts(service, record)
        image_queries.save_image(session, record, now())


def check_data_allowed(record: ImageRecord) -> None:
    """Raise unless data may be uploaded now."""
    if record.status == SAVING:
        raise Conflict(f'Image {record.id} is being uploaded already.')
    if record.status != QUEUED:
        raise Conflict(f'Image {record.id} already has data (status {record.status}); create another image.')
    if not record.container_format or not record.disk_format:
        raise InvalidInput('Properties disk_format, container_format must be set prior to saving data.', field='disk_format')
