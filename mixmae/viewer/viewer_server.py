"""HTTP server of a viewer, for this machine only."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mixmae.config.failure_report import ConfigError
from mixmae.fileio.shown_text import shown_line
from mixmae.viewer.viewer import Viewer

PAGE = Path(__file__).parent / 'page'
ADDRESS = '127.0.0.1'
# A request is an image in base64 and a few numbers.
MOST_BYTES = 32 << 20
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; "
    "script-src 'self'; connect-src 'self'"
)
FILES = {
    '/': ('viewer.html', 'text/html; charset=utf-8'),
    '/viewer.css': ('viewer.css', 'text/css'),
    '/viewer.js': ('viewer.js', 'text/javascript'),
    '/results.js': ('results.js', 'text/javascript'),
}


class ViewerServer(ThreadingHTTPServer):
    """Server of a viewer on 127.0.0.1.

    Args:
        port: Port; 0 = any free one.

    Raises:
        ConfigError: The port is in use, reserved or out of range.
    """

    daemon_threads = True

    def __init__(self, viewer: Viewer, port: int = 0) -> None:
        self.viewer = viewer
        try:
            super().__init__((ADDRESS, port), ViewerRequest)
        except (OSError, OverflowError) as error:
            reason = getattr(error, 'strerror', 'it is out of range')
            raise ConfigError(
                f'--port {port} cannot be used: {reason}; give another one of '
                f'0 to 65535'
            ) from None

    @property
    def address(self) -> str:
        """Address of the page."""
        return f'http://{ADDRESS}:{self.server_port}/'

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Values of the Host header that belong to this server.

        Another name may resolve to 127.0.0.1 (DNS rebinding); its pages must
        not read answers.
        """
        port = self.server_port
        return frozenset({f'{ADDRESS}:{port}', f'localhost:{port}'})


class ViewerRequest(BaseHTTPRequestHandler):
    """One request to a ``ViewerServer``."""

    server: ViewerServer
    server_version = 'mixmae'
    sys_version = ''
    # A connection that sends nothing ends.
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the page, its files, the state or a thumbnail."""
        if not self._allowed():
            return
        if self.path in FILES:
            name, kind = FILES[self.path]
            self._send(200, kind, (PAGE / name).read_bytes())
        elif self.path == '/state':
            self._answer(self.server.viewer.state, {})
        elif self.path.startswith('/image/'):
            self._thumbnail(self.path.removeprefix('/image/'))
        else:
            self._fail(404, 'there is no such page')

    def do_POST(self) -> None:
        """Answer a question of the page."""
        if not self._allowed():
            return
        viewer = self.server.viewer
        answers: dict[str, Callable[[dict], Any]] = {
            '/predict': viewer.predict,
            '/similarity': viewer.similarity,
            '/neighbours': viewer.neighbours,
        }
        if self.path not in answers:
            self._fail(404, 'there is no such page')
            return
        if self.headers.get('Content-Type') != 'application/json':
            self._fail(415, 'a request must be application/json')
            return
        try:
            length = int(self.headers.get('Content-Length', ''))
        except ValueError:
            self._fail(411, 'a request must state its length')
            return
        if not 0 <= length <= MOST_BYTES:
            self.close_connection = True
            self._fail(413, f'a request is limited to {MOST_BYTES} bytes')
            return
        try:
            request = json.loads(self.rfile.read(length))
        except (ValueError, RecursionError):
            self._fail(400, 'the request is not valid JSON')
            return
        if not isinstance(request, dict):
            self._fail(400, 'the request is not a JSON object')
            return
        self._answer(answers[self.path], request)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: the page shows what happens."""

    def _allowed(self) -> bool:
        """Return True if the request comes from this server's own page."""
        hosts = self.server.hosts
        origin = self.headers.get('Origin')
        own = {f'http://{host}' for host in hosts}
        if self.headers.get('Host') in hosts and origin in (None, *own):
            return True
        self.close_connection = True
        self._fail(403, 'requests from other sites are refused')
        return False

    def _answer(self, answer: Callable[[dict], Any], request: dict) -> None:
        try:
            found = json.dumps(answer(request), allow_nan=False)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            self._fail(400, shown_line(str(error)) or type(error).__name__)
            return
        self._send(200, 'application/json', found.encode())

    def _thumbnail(self, number: str) -> None:
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            self._fail(404, 'there is no such image')
            return
        try:
            file = self.server.viewer.thumbnail(int(number))
        except (ValueError, OSError):
            self._fail(404, 'there is no such image')
            return
        self._send(200, 'image/jpeg', file)

    def _fail(self, status: int, text: str) -> None:
        content = json.dumps({'error': text}).encode()
        self._send(status, 'application/json', content)

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(content)))
        self.send_header('Content-Security-Policy', POLICY)
        self.send_header('X-Content-Type-Options', 'nosniff')
        self.send_header('Cross-Origin-Resource-Policy', 'same-origin')
        self.send_header('Referrer-Policy', 'no-referrer')
        self.send_header('Cache-Control', 'no-store')
        self.end_headers()
        self.wfile.write(content)
