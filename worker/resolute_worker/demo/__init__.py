"""`resolute demo`: one incident from its first alert to its resolution."""

from resolute_worker.demo.show import run

__all__ = ["run"]
