"""The scheduler's part of the timeline; it has no public API beside it."""

from scheduler.api.events import EVENTS

RESOURCES = [EVENTS]
