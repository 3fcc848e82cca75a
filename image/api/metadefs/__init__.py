"""Metadata definitions as clients see them."""
