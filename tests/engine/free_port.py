"""Ports for processes of a test."""

import socket


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]
