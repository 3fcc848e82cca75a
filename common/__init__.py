"""The kernel every Pileus service builds on. Imports no service."""
