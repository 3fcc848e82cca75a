"""The operator's command, and the programs that run services."""
