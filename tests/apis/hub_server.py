"""Stand-in for the Hugging Face hub, on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

COMMIT = '0' * 40


class HubServer(ThreadingHTTPServer):
    """Repositories of models in memory.

    Attributes:
        files: Content by repository and path.
        requests: Method and path of each request.
    """

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.files: dict[tuple[str, str], bytes] = {}
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f'http://127.0.0.1:{self.server_port}'


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        self.server.requests.append(f'POST {self.path}')
        if self.headers.get('Transfer-Encoding') == 'chunked':
            body = b''.join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        name = re.match(r'/api/models/(.+?)/(preupload|commit)/', self.path)
        if name is None:
            # create_repo and validate-yaml.
            answer: dict = {'url': f'{self.server.address}/user/repo'}
        elif name[2] == 'preupload':
            answer = {
                'files': [
                    {
                        'path': one['path'],
                        'uploadMode': 'regular',
                        'shouldIgnore': False,
                    }
                    for one in json.loads(body)['files']
                ]
            }
        else:
            for line in map(json.loads, body.splitlines()):
                if line['key'] == 'file':
                    value = line['value']
                    place = name[1], value['path']
                    content = base64.b64decode(value['content'])
                    self.server.files[place] = content
            url = f'{self.server.address}/{name[1]}/commit/{COMMIT}'
            answer = {'commitUrl': url, 'commitOid': COMMIT}
        self._answer(200, json.dumps(answer).encode(), 'application/json')

    def do_GET(self) -> None:
        self.server.requests.append(f'{self.command} {self.path}')
        found = re.match(r'/(.+?/.+?)/resolve/[^/]+/(.+)', self.path)
        place = found and (unquote(found[1]), unquote(found[2]))
        if place in self.server.files:
            self._answer(200, self.server.files[place], 'application/octet')
        elif self.path.startswith('/api/models/'):
            answer = {'id': 'x', 'sha': COMMIT, 'siblings': []}
            self._answer(200, json.dumps(answer).encode(), 'application/json')
        else:
            self._answer(404, b'{}', 'application/json', 'EntryNotFound')

    do_HEAD = do_GET

    def _answer(
        self, status: int, body: bytes, kind: str, error: str = ''
    ) -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('X-Repo-Commit', COMMIT)
        self.send_header('ETag', hashlib.sha256(body).hexdigest())
        if error:
            self.send_header('X-Error-Code', error)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """Serve while the block runs."""
    with HubServer() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
