"""Tables and queries of the compute service."""
