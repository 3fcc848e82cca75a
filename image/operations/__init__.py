"""Long-running work of the image service."""
