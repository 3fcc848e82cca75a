"""The image service: the OpenStack Image API v2."""
