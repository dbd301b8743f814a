"""Viewer of a tiny network, served in a thread."""

from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from mixmae.viewer.image_folder import ImageFolder
from mixmae.viewer.viewed_network import ViewedNetwork
from mixmae.viewer.viewer_server import Viewer, ViewerServer
from tests.apis.tiny_setup import photo_folder, tiny_checkpoint


@contextmanager
def served(folder: Path):
    """Yield a running ``ViewerServer`` with two networks and a few photos."""
    checkpoint = tiny_checkpoint(folder / 'tiny.pth')
    photos = folder / 'photos'
    photo_folder(photos)
    networks = [ViewedNetwork(checkpoint, 'cpu') for _ in range(2)]
    images = ImageFolder(photos)
    server = ViewerServer(Viewer(networks, images))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        images.stop()
        server.shutdown()
        server.server_close()
        thread.join()
