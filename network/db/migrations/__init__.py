"""Schema migrations of the network service."""
