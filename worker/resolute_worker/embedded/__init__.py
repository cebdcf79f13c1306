"""An embedded Temporal server for one machine: the official binary, on loopback, with its state on disk.

`command` says how the server is set up, `folder` keeps its state, `child` is one process of it, and `server` is what
the rest of the worker uses.
"""

from resolute_worker.embedded.child import EmbeddedServerError
from resolute_worker.embedded.command import HOST, NAMESPACE
from resolute_worker.embedded.folder import is_free_to_use
from resolute_worker.embedded.server import RETENTION, EmbeddedServer

__all__ = ["HOST", "NAMESPACE", "RETENTION", "EmbeddedServer", "EmbeddedServerError", "is_free_to_use"]
