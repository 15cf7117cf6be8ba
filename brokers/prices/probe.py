"""Whether a service can be reached at all, in a second or two: its client tries for a minute."""

import socket
import time
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

PATIENCE = 1.5  # seconds for name and connection together
PORTS = {"https": 443, "http": 80}


def connection_problem(url: str) -> str:
    """Why there is no connection to the host and port of `url`; "" where there is one.

    Nothing is sent. Behind a proxy that the environment names, the proxy resolves names and
    connects: nothing is checked, and the result is "".
    """
    parts = urlsplit(url)
    host, port = _address(url)
    if {parts.scheme, "all"} & getproxies_environment().keys():
        return ""
    why = _connection_error(host, port, PATIENCE)
    return f"no connection to {parts.hostname} ({why})" if why else ""


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS[parts.scheme]


def _connection_error(host: str, port: int, patience: float) -> str:
    """The error of the last address of `host`; "" as soon as one connects.

    All are tried at once, since one address family may lead nowhere.
    """
    ends = time.monotonic() + patience
    results: SimpleQueue[str] = SimpleQueue()
    # Resolving a name has no time limit, so it runs in a thread; a daemon, so that the program
    # does not wait for it at its end.
    Thread(target=_connect_all, args=(host, port, patience, results), daemon=True).start()
    try:
        return results.get(timeout=max(ends - time.monotonic(), 0.0))
    except Empty:
        return f"no response within {patience:g} s"


def _connect_all(host: str, port: int, patience: float, result: "SimpleQueue[str]") -> None:
    try:
        addresses = {entry[4] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        result.put(error.strerror or type(error).__name__)
        return
    errors: SimpleQueue[str] = SimpleQueue()
    for address in addresses:
        Thread(target=lambda to=address: errors.put(_connect(to, patience)), daemon=True).start()
    why = ""
    for _ in addresses:
        if not (why := errors.get()):
            break
    result.put(why)


def _connect(address: tuple[object, ...], patience: float) -> str:
    try:
        socket.create_connection((str(address[0]), int(str(address[1]))), timeout=patience).close()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
