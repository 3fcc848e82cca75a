"""Metadata definitions: the words that images, flavors, volumes and servers may be described with, and what they mean."""
