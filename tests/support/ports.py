"""Ports of this machine."""

import socket


def free_port() -> int:
    """Give a port on which nothing listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
