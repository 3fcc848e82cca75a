"""Where users and groups live: one module per kind of backend."""
