"""HTTP server of a viewer, for this machine only."""

from __future__ import annotations

import base64
import binascii
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

from torch import Tensor

from mixmae.fileio.shown_text import shown_line
from mixmae.viewer.image_folder import ImageFolder, thumbnail
from mixmae.viewer.viewed_network import ViewedNetwork

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
}


class Viewer:
    """Answers of a viewer, without HTTP.

    Args:
        networks: Networks to show side by side.
        folder: Images to choose from.
    """

    def __init__(
        self, networks: Sequence[ViewedNetwork], folder: ImageFolder
    ) -> None:
        self.networks = list(networks)
        self.folder = folder
        # Networks are used by one request at a time.
        self.lock = Lock()
        folder.index(
            [partial(_embedding, network) for network in self.networks],
            self.lock,
        )

    def state(self, _: dict) -> dict[str, Any]:
        """Networks, images, and how many images have features."""
        return {
            'networks': [network.about() for network in self.networks],
            'images': self.folder.names,
            'indexed': self.folder.indexed,
        }

    def predict(self, request: dict) -> list[dict[str, Any]]:
        """Reconstruct an image by every network."""
        seed = _number(request, 'seed', 0, 2**31 - 1, whole=True)
        ratio = request.get('ratio')
        if ratio is not None:
            ratio = _number(request, 'ratio', 0.01, 0.99)
        hidden = _cells(request.get('hidden'))
        found = []
        for network in self.networks:
            image = self._image(network, request)
            partner = image
            count = len(self.folder.paths)
            if count > 1:
                # Another image of the folder, chosen by the seed.
                number = seed % count
                if number == request.get('image'):
                    number = (number + 1) % count
                other = network.load(self.folder.path(number))
                if other.shape == image.shape:
                    partner = other
            free = network.by_hand
            mask = network.mask(
                image, seed, ratio if free else None, hidden if free else None
            )
            with self.lock:
                found.append(network.predict(image, partner, mask))
        return found

    def similarity(self, request: dict) -> dict[str, Any]:
        """Similarity of the features at a point to all others."""
        network = self._network(request)
        y = _number(request, 'y', 0, 1)
        x = _number(request, 'x', 0, 1)
        image = self._image(network, request)
        with self.lock:
            return network.similarity(image, y, x)

    def neighbours(self, request: dict) -> list[dict[str, Any]]:
        """Most similar images of the folder."""
        network = self._network(request)
        image = self._image(network, request)
        with self.lock:
            feature = network.embedding(image)
        return self.folder.neighbours(self.networks.index(network), feature)

    def thumbnail(self, number: int) -> bytes:
        """JPEG file of an image of the folder."""
        picture = thumbnail(self.folder.path(number), self.networks[0].load)
        file = io.BytesIO()
        picture.save(file, 'JPEG')
        return file.getvalue()

    def _network(self, request: dict) -> ViewedNetwork:
        last = len(self.networks) - 1
        number = _number(request, 'network', 0, last, whole=True)
        return self.networks[int(number)]

    def _image(self, network: ViewedNetwork, request: dict) -> Tensor:
        """The image of a request: a number of the folder, or a file."""
        given = request.get('image')
        if isinstance(given, int):
            return network.load(self.folder.path(given))
        if not isinstance(given, str) or ',' not in given:
            raise ValueError('a request needs an image')
        try:
            content = base64.b64decode(given.split(',', 1)[1], validate=True)
        except (binascii.Error, ValueError):
            raise ValueError('the image is not valid base64') from None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'image'
            path.write_bytes(content)
            try:
                return network.load(path)
            except (ValueError, OSError) as error:
                text = str(error).replace(str(path), 'the given file')
                raise ValueError(text) from None


class ViewerServer(ThreadingHTTPServer):
    """Server of a viewer on 127.0.0.1.

    Args:
        viewer: Gives the answers.
        port: Port; 0 = any free one.
    """

    daemon_threads = True

    def __init__(self, viewer: Viewer, port: int = 0) -> None:
        self.viewer = viewer
        super().__init__((ADDRESS, port), ViewerRequest)

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
            found = answer(request)
        except (ValueError, OSError, MemoryError) as error:
            self._fail(400, shown_line(str(error)) or type(error).__name__)
            return
        self._send(200, 'application/json', json.dumps(found).encode())

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


def _embedding(network: ViewedNetwork, path: Path) -> Tensor:
    return network.embedding(network.load(path))


def _number(
    request: dict, name: str, low: float, high: float, whole: bool = False
) -> Any:
    value = request.get(name)
    kinds = (int,) if whole else (int, float)
    right = isinstance(value, kinds) and not isinstance(value, bool)
    if not right or not low <= value <= high:  # type: ignore[operator]
        raise ValueError(f'{name} must be a number in {low}..{high}')
    return value


def _cells(hidden: Any) -> list[list[bool]] | None:
    """Rows of cells that were hidden by hand."""
    if hidden is None:
        return None
    rows = isinstance(hidden, list) and 0 < len(hidden) <= 1024
    if not rows or not all(
        isinstance(row, list) and len(row) == len(hidden[0]) <= 1024
        for row in hidden
    ):
        raise ValueError('hidden must be a list of rows of equal length')
    return [[bool(cell) for cell in row] for row in hidden]
