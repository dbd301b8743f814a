"""Requests to the viewer: answers and refusals."""

import base64
import http.client
import io
import json
import socket
import time

import numpy as np
import pytest
from PIL import Image

from mixmae.config.failure_report import ConfigError
from mixmae.viewer.viewer_server import ViewerServer
from tests.viewer.served import served


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """Start a viewer."""
    with served(tmp_path_factory.mktemp('viewer')) as running:
        yield running


def send(server, method, path, content=None, **headers):
    """Send a request; return status and content."""
    connection = http.client.HTTPConnection(
        '127.0.0.1', server.server_port, timeout=60
    )
    body = None if content is None else json.dumps(content)
    if body is not None:
        headers.setdefault('Content-Type', 'application/json')
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    kind = answer.getheader('Content-Type')
    return answer.status, json.loads(text) if 'json' in kind else text


def post(server, path, **content):
    """Post a request; return status and content."""
    if path == '/predict':
        content.setdefault('score', 0.3)
    return send(server, 'POST', path, content)


def file_address(content):
    """Return content as a data address, as the page sends it."""
    return 'data:x;base64,' + base64.b64encode(content).decode()


def png(height, width):
    """Return a grey PNG file."""
    file = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 99, np.uint8)).save(
        file, 'PNG'
    )
    return file.getvalue()


def test_listens_on_this_machine_only(server):
    assert server.server_address[0] == '127.0.0.1'


def test_reconstructs_images_of_the_folder_and_files(server):
    status, found = post(server, '/predict', image=0, seed=1)
    assert status == 200 and len(found) == 2
    for result in found:
        assert set(result['views']) == set(result['titles'])
        assert all(
            v.startswith('data:image') for v in result['views'].values()
        )
        assert np.isfinite(result['loss'])
    # Two copies of one network, one mask.
    assert found[0]['views'] == found[1]['views']
    address = file_address(png(50, 70))
    status, found = post(server, '/predict', image=address, seed=1)
    assert status == 200


def test_the_mask_is_given_by_seed_or_by_hand(server):
    masks = [
        post(server, '/predict', image=0, seed=seed)[1][0]['hidden']
        for seed in (1, 1, 2)
    ]
    assert masks[0] == masks[1] != masks[2]
    drawn = [[0] * len(row) for row in masks[0]]
    drawn[0][0] = 1
    hidden = [None, drawn]
    _, found = post(server, '/predict', image=0, seed=1, hidden=hidden)
    assert [one['hidden'] for one in found] == [masks[0], drawn]


def test_features(server):
    status, found = post(server, '/similarity', image=0, network=1, y=1, x=0)
    assert status == 200
    assert set(found) == {'image', 'original', 'low'}
    until = time.monotonic() + 60
    count = len(server.viewer.folder.paths)
    while server.viewer.folder.indexed < count and time.monotonic() < until:
        time.sleep(0.1)
    status, found = post(server, '/neighbours', image=1, network=0)
    assert status == 200
    assert found[0]['id'] == 1
    assert found[0]['similarity'] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ('path', 'content', 'said'),
    [
        ('/predict', {'image': 99, 'seed': 0}, 'no image 99'),
        ('/predict', {'image': -1, 'seed': 0}, 'no image -1'),
        ('/predict', {'image': True, 'seed': 0}, 'no image True'),
        ('/predict', {'image': '/etc/passwd', 'seed': 0}, 'needs an image'),
        ('/predict', {'image': 'data:x,%%', 'seed': 0}, 'base64'),
        ('/predict', {'seed': 0}, 'needs an image'),
        ('/predict', {'image': 0, 'seed': -1}, 'seed must be'),
        ('/predict', {'image': 0, 'seed': 0, 'ratio': 5}, 'ratio must be'),
        ('/predict', {'image': 0, 'seed': 0, 'score': 'high'}, 'score must'),
        ('/predict', {'image': 0, 'seed': 0, 'hidden': [[[1]]] * 2}, 'cells'),
        (
            '/predict',
            {'image': 0, 'seed': 0, 'hidden': [[[1], 2]] * 2},
            'rows',
        ),
        ('/predict', {'image': 0, 'seed': 0, 'hidden': [None]}, 'one entry'),
        ('/similarity', {'image': 0, 'network': 2, 'y': 0, 'x': 0}, 'network'),
        (
            '/predict',
            {'image': file_address(b'<svg/>'), 'seed': 0},
            'given file',
        ),
    ],
)
def test_bad_requests_are_one_line(server, path, content, said):
    status, found = post(server, path, **content)
    assert status == 400
    assert said in found['error']
    assert '\n' not in found['error']
    assert '/tmp' not in found['error']


@pytest.mark.parametrize(
    'path', ['/../viewer_server.py', '/image/-1', '/image/99', '/image/../x']
)
def test_serves_no_other_file(server, path):
    assert send(server, 'GET', path)[0] == 404


@pytest.mark.parametrize(
    'headers',
    [
        {'Host': 'example.org'},
        {'Host': '127.0.0.1'},
        {'Origin': 'http://example.org'},
        {'Origin': 'null'},
    ],
)
def test_other_sites_are_refused(server, headers):
    for method, path, content in (
        ('GET', '/state', None),
        ('GET', '/image/0', None),
        ('POST', '/predict', {'image': 0, 'seed': 0}),
    ):
        assert send(server, method, path, content, **headers)[0] == 403


def test_forms_of_other_sites_are_refused(server):
    headers = {'Content-Type': 'text/plain'}
    status, _ = send(server, 'POST', '/predict', {'image': 0}, **headers)
    assert status == 415


def test_the_size_is_bounded_before_reading(server):
    with socket.create_connection(server.server_address, 10) as connection:
        connection.sendall(
            f'POST /predict HTTP/1.1\r\nHost: {server.server_address[0]}:'
            f'{server.server_port}\r\nContent-Type: application/json\r\n'
            f'Content-Length: {1 << 40}\r\n\r\n'.encode()
        )
        assert b' 413 ' in connection.recv(1000)


def test_pixels_are_bounded_before_decoding(server):
    # A header that claims 2^31 - 1 pixels a side.
    content = bytearray(png(8, 8))
    content[16:24] = (2**31 - 1).to_bytes(4, 'big') * 2
    status, _ = post(
        server, '/predict', image=file_address(bytes(content)), seed=0
    )
    assert status == 400


def test_a_port_that_cannot_be_used(server):
    for port in (server.server_port, 65536, -1):
        with pytest.raises(ConfigError, match=f'--port {port} cannot be used'):
            ViewerServer(server.viewer, port)
