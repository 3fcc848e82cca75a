"""Which host a server or a volume goes to, and why: inventory, claims, filters, weighers, explanations."""
