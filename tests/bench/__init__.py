"""Benchmarks: ratios and distributions, never a verdict."""
