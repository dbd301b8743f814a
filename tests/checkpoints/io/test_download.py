"""Downloaded checkpoints: hashes, lengths and the cache."""

import hashlib
import io
import threading
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from safetensors.torch import save as save_safetensors
from torch import distributed

from mixmae.checkpoints.io.download import download, noted_hash
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.fileio.address import full_address, hidden_address
from tests.engine.forked import start

DATA = b'some weights'
HASH = hashlib.sha256(DATA).hexdigest()


class Net(ThreadingHTTPServer):
    """HTTP server on this machine that records its requests.

    Attributes:
        files: what it has, by path.
        asked: paths, in the order of the requests.
        users: what each request said of its user.
    """

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Answer)
        self.url = f'http://127.0.0.1:{self.server_port}'
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.users: list[str | None] = []


class Answer(BaseHTTPRequestHandler):
    """Request handler; downloads of paths with 'short' are truncated."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.users.append(self.headers.get('Authorization'))
        if self.path.startswith('/moved'):
            self.send_response(302)
            self.send_header('Location', f'{self.server.url}/x.pth')
            self.end_headers()
            return
        data = self.server.files.get(self.path, DATA)
        self.send_response(200)
        if 'chunks' in self.path:
            self.send_header('Transfer-Encoding', 'chunked')
            self.end_headers()
            self.wfile.write(b'64\r\nabcdef')
        else:
            promised = len(data) + 9 * ('short' in self.path)
            self.send_header('Content-Length', str(promised))
            self.end_headers()
            self.wfile.write(data)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    with Net() as server:
        threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        ).start()
        yield server
        server.shutdown()


@pytest.fixture
def kept(tmp_path):
    """Return the files in the cache."""

    def names() -> list[str]:
        folder = tmp_path / 'hub' / 'checkpoints'
        return [path.name for path in folder.iterdir()]

    return names


def test_hashes_of_addresses():
    base = 'https://example.org/a'
    assert noted_hash(f'{base}/x.pth') == ''
    assert noted_hash(f'{base}/x-0123abcd.pth?a=1') == '0123abcd'
    assert noted_hash(f'{base}/swin-b_8xb128-600e.pth') == ''
    assert noted_hash(f'{base}/x.pth#sha256={HASH.upper()}') == HASH
    with pytest.raises(ValueError, match='must be sha256= and 64'):
        noted_hash(f'{base}/x.pth#sha256=0123')


def test_fetched_once_and_checked_each_time(net):
    url = f'{net.url}/x-{HASH[:8]}.pth'
    path = download(url)
    assert path.read_bytes() == DATA and download(url) == path
    assert len(net.asked) == 1
    # A changed file is not kept.
    path.write_bytes(b'others')
    assert download(url).read_bytes() == DATA
    assert len(net.asked) == 2


def test_other_files_are_not_kept(net, kept):
    for end in ('x-00000000.pth', f'x.pth#sha256={"0" * 64}'):
        with pytest.raises(ValueError, match='cannot be used: its SHA-256'):
            download(f'{net.url}/{end}')
    assert not kept()
    path = download(f'{net.url}/x.pth#sha256={HASH}')
    assert path.name.endswith('-x.pth') and net.asked[-1] == '/x.pth'


@pytest.mark.parametrize('name', ['short.pth', 'chunks.pth', 'a b.pth'])
def test_truncated_files_are_not_kept(net, kept, name):
    with pytest.raises(ValueError, match=f'/{name} cannot be used: '):
        download(f'{net.url}/{name}')
    assert not kept()


@pytest.mark.parametrize('name', ['x.pth', 'x.safetensors'])
def test_a_damaged_file_does_not_stay_in_the_cache(net, kept, name):
    """An address without a hash: the download itself finds no damage."""
    buffer = io.BytesIO()
    state = {'w': torch.ones(2)}
    if name == 'x.pth':
        torch.save({'state_dict': state}, buffer)
        whole = buffer.getvalue()
    else:
        whole = save_safetensors(state)
    net.files[f'/{name}'] = whole[: len(whole) // 2]
    with pytest.raises(ValueError, match='next start downloads it again'):
        safe_load(f'{net.url}/{name}')
    assert kept() == []
    net.files[f'/{name}'] = whole
    found = safe_load(f'{net.url}/{name}')['state_dict']
    assert torch.equal(found['w'], state['w'])


def test_files_of_one_name_from_two_addresses(net, tmp_path):
    for name in 'ab':
        torch.save({'from': name}, tmp_path / name)
        net.files[f'/{name}/epoch_1.pth'] = (tmp_path / name).read_bytes()
    for name in 'aba':
        found = safe_load(f'{net.url}/{name}/epoch_1.pth')
        assert found == {'from': name}


def test_an_address_that_does_not_answer(net, kept):
    with pytest.raises(ValueError, match='http://127.0.0.1:1/x.pth cannot be'):
        safe_load('http://127.0.0.1:1/x.pth')
    assert not kept()


def test_credentials_are_sent_to_their_server_only(net, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mixmae.checkpoints.io.download.print_log',
        lambda text, *_: said.append(text),
    )
    address = net.url.replace('//', '//user:word@')
    path = download(f'{address}/x.pth?token=abc')
    assert path.read_bytes() == DATA and net.asked == ['/x.pth?token=abc']
    # The target of a redirect may be another server.
    download(f'{address}/moved.pth')
    assert net.users == ['Basic dXNlcjp3b3Jk', 'Basic dXNlcjp3b3Jk', None]
    for end in ('short.pth?token=abc', 'a b.pth?token=abc', 'x.pth#abc'):
        with pytest.raises(ValueError, match=r'\*\*\*') as caught:
            download(f'{address}/{end}')
        said.append(str(caught.value))
    assert not [text for text in said if 'word' in text or 'abc' in text]


def test_hidden_addresses_can_be_downloaded_in_this_process(net):
    for name in 'ab':
        net.files[f'/x.pth?token={name}'] = name.encode()
    one, other = (f'{net.url}/x.pth?token={name}' for name in 'ab')
    assert hidden_address(one) == f'{net.url}/x.pth?token=***'
    assert hidden_address(one) == hidden_address(one) != hidden_address(other)
    assert download(hidden_address(one)).read_bytes() == b'a'
    assert download(hidden_address(other)).read_bytes() == b'b'
    for plain in (f'{net.url}/x.pth', '/a/b.pth', 'x', ''):
        assert hidden_address(plain) == full_address(plain) == plain
    with pytest.raises(ValueError, match='pass the complete URL'):
        download(f'{net.url}/y.pth?token=***')


def fetch_twice(rank: int, folder: str, url: str) -> None:
    """One of two ranks of a machine: a complete file, a truncated one."""
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    print(download(f'{url}/x.pth').read_bytes())
    try:
        download(f'{url}/short.pth')
    except ValueError as error:
        print(error)
    distributed.destroy_process_group()


def test_two_ranks_share_a_download(net, tmp_path):
    logs = [tmp_path / f'{rank}.log' for rank in range(2)]
    ranks = [
        start(
            partial(fetch_twice, rank, str(tmp_path), net.url),
            log,
            LOCAL_RANK=rank,
        )
        for rank, log in enumerate(logs)
    ]
    for rank in ranks:
        rank.join(120)
    for log in logs:
        said = log.read_text()
        assert str(DATA) in said and '/short.pth cannot be used' in said, said
        assert f'ended after {len(DATA)} of {len(DATA) + 9} bytes' in said
    assert [rank.exitcode for rank in ranks] == [0, 0]
    assert net.asked == ['/x.pth', '/short.pth']


@pytest.mark.parametrize(
    'variable', ['LOCAL_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK']
)
def test_first_rank_of_a_machine(net, monkeypatch, variable):
    # Our tools set it to 0 where a launcher does not.
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setenv(variable, '1')
    with pytest.raises(ValueError, match='downloaded, but .* is missing'):
        download(f'{net.url}/x.pth')
    assert not net.asked
