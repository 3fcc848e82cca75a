"""The identity service: who may do what where, and where the services are (OpenStack Identity API v3)."""
