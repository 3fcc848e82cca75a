"""What a host's network should look like, as plain values: made from rows by the service, applied by the agent."""
