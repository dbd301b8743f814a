"""Viewer of tiny networks, served in a thread."""

from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from mixmae.viewer.viewed_folder import ImageFolder
from mixmae.viewer.viewer import Viewer, viewed_network
from mixmae.viewer.viewer_server import ViewerServer
from tests.apis.tiny_setup import photo_folder, tiny_checkpoint


@contextmanager
def served(folder: Path, *checkpoints: Path):
    """Yield a running ``ViewerServer`` with a few photos.

    Its networks are those of the checkpoints, or twice a pretraining.
    """
    photos = folder / 'photos'
    photo_folder(photos)
    paths = checkpoints or [tiny_checkpoint(folder / 'tiny.pth')] * 2
    networks = [viewed_network(path, 'cpu') for path in paths]
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
