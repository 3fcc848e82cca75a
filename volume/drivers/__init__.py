"""Where volume data lives."""
