"""Whether a service can be reached at all, in a second or two: its own client asks for a minute before it gives up."""

import socket
import time
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

PATIENCE = 1.5  # seconds for name and connection together
PORTS = {"https": 443, "http": 80}


def unreachable(url: str) -> str:
    """Why nobody can be connected to at the host and port of `url`; "" if somebody can, or if only the client itself can tell.

    Nothing is sent. Behind a proxy that the environment names, names and connections are the proxy's affair: not looked at.
    """
    parts = urlsplit(url)
    host, port = _address(url)
    if {parts.scheme, "all"} & getproxies_environment().keys():
        return ""
    why = _tried(host, port, PATIENCE)
    return f"no connection to {parts.hostname} ({why})" if why else ""


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS[parts.scheme]


def _tried(host: str, port: int, patience: float) -> str:
    """What was wrong with the last address of `host`; "" as soon as one answers. All are tried at once, as one family may lead nowhere."""
    ends = time.monotonic() + patience
    answers: SimpleQueue[str] = SimpleQueue()
    # Looking a name up knows no time limit, so it gets a thread; a daemon, for the program must not wait for it either.
    Thread(target=_connect_all, args=(host, port, patience, answers), daemon=True).start()
    try:
        return answers.get(timeout=max(ends - time.monotonic(), 0.0))
    except Empty:
        return f"no answer within {patience:g} s"


def _connect_all(host: str, port: int, patience: float, answers: "SimpleQueue[str]") -> None:
    try:
        found = {entry[4] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        answers.put(error.strerror or type(error).__name__)
        return
    results: SimpleQueue[str] = SimpleQueue()
    for address in found:
        Thread(target=lambda to=address: results.put(_connect(to, patience)), daemon=True).start()
    why = ""
    for _ in found:
        if not (why := results.get()):
            break
    answers.put(why)


def _connect(address: tuple[object, ...], patience: float) -> str:
    try:
        socket.create_connection((str(address[0]), int(str(address[1]))), timeout=patience).close()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
