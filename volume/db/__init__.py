"""Tables and queries of the volume service."""
