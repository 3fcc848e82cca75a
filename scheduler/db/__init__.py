"""The scheduler's database: hosts, claims, decisions."""
