"""The command ``view``: local page with reconstructions and features."""

from __future__ import annotations

from collections.abc import Sequence

from mixmae.cli.command_line import CommandParser
from mixmae.fileio.safe_path import add_trust_argument
from mixmae.viewer.viewed_folder import ImageFolder
from mixmae.viewer.viewer import Viewer, viewed_network
from mixmae.viewer.viewer_server import ViewerServer


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until Ctrl-C."""
    parser = CommandParser(
        description='Open a local page: choose an image and see '
        'reconstructions of hidden parts, predicted classes, objects or label '
        'maps, and similar places and images. It is reached from this machine '
        'only and uses no network.'
    )
    parser.add_argument(
        'checkpoints',
        nargs='+',
        metavar='CHECKPOINT',
        help='pretrainings of any method, classifiers, detectors or '
        'segmentors, shown one below the other: files, or folders of runs, '
        'for their best checkpoints',
    )
    parser.add_argument(
        '--images', metavar='FOLDER', help='images to choose from'
    )
    parser.add_argument(
        '--port', type=int, default=0, help='default: any free port'
    )
    parser.add_argument('--device', help='such as cpu or cuda:1')
    add_trust_argument(parser)
    args = parser.parse_args(argv)
    if not 0 <= args.port < 65536:
        parser.error(f'--port {args.port}: give 0 to 65535')
    folder = ImageFolder(args.images)
    networks = [viewed_network(p, args.device) for p in args.checkpoints]
    server = ViewerServer(Viewer(networks, folder), args.port)
    print(
        f'open {server.address} in a browser; Ctrl-C ends the viewer',
        flush=True,
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        folder.stop()
        server.server_close()
