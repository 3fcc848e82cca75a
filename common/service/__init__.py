"""The life of a process: threads, servers, signals."""
