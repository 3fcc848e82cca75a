"""What stands around every service's API: request ids, log, metrics, CORS, health, limits, authentication.

Each module holds one WSGI middleware that can be made from plain objects, and a `filter_factory` for PasteDeploy that
finds those objects through `common.middleware.live`.
"""
