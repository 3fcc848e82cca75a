"""The compute service: the OpenStack Compute API v2.1."""
