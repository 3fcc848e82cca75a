"""The volume service: the OpenStack Block Storage API v3."""
