"""A connection of requests that another thread can end.

Its own time limits begin again with every byte: a server that sends its header drop by drop would
keep a client for ever.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter


class CutConnection(HTTPAdapter):
    """What a session of requests is mounted on, for one request."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = False
        self._opened: list[Any] = []  # http.client's connections

    def cut(self) -> None:
        """End what is being read, at once or with its next byte, and open nothing more."""
        self.is_cut = True
        for connection in self._opened:
            if connection.sock is not None:
                with suppress(OSError):  # it has ended by itself
                    # Not by the method of an encrypted socket, which its reader is just using.
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """The pool of the request's host, whose connections can be cut."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        pool.ConnectionCls = self._remember(pool.ConnectionCls)
        return pool

    def _remember(self, open_connection: Callable[..., Any]) -> Any:
        def open_one(*arguments: Any, **options: Any) -> Any:
            if self.is_cut:
                raise OSError("given up")
            connection = open_connection(*arguments, **options)
            self._opened.append(connection)
            return connection

        return open_one
