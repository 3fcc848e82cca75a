"""The sets of definitions that come with Pileus; loaded on request."""
