"""A connection of requests that another thread can end.

Its own time limits begin again with every byte: a server that sends its header drop by drop would
keep a client for ever.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class CutConnection(HTTPAdapter):
    """What a session of requests is mounted on, for one request."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = False
        self._connections: list[Any] = []  # http.client's, which forget a socket before its end
        self._sockets: list[Any] = []

    def session(self) -> requests.Session:
        """A session whose every connection can be cut."""
        session = requests.Session()
        session.mount("https://", self)
        session.mount("http://", self)
        return session

    def cut(self) -> None:
        """End what is being read, at once or with its next byte, and open nothing more.

        What is being connected has a time limit as a whole, and ends after that.
        """
        self.is_cut = True
        opened = [*self._sockets, *(connection.sock for connection in self._connections)]
        for opened_socket in filter(None, opened):
            with suppress(OSError):  # it has ended by itself
                # Not by the method of an encrypted socket, which its reader is just using.
                socket.socket.shutdown(opened_socket, socket.SHUT_RDWR)

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """The pool of the request's host, whose connections can be cut."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        pool.ConnectionCls = self._remember(pool.ConnectionCls)
        return pool

    def _remember(self, new_connection: Callable[..., Any]) -> Any:
        def new_remembered(*arguments: Any, **options: Any) -> Any:
            connection = new_connection(*arguments, **options)
            self._connections.append(connection)
            connect = connection.connect

            def connect_unless_cut() -> None:
                if not self.is_cut:
                    connect()
                    self._sockets.append(connection.sock)
                if self.is_cut:  # perhaps only now: nobody else ends what was not open then
                    connection.close()
                    raise OSError("given up")

            connection.connect = connect_unless_cut
            return connection

        return new_remembered
