"""From where the request came that is being served: for the record of who did what."""

from contextvars import ContextVar

address: ContextVar[str] = ContextVar("address", default="")
"""An IP address; empty where nothing is being served."""
