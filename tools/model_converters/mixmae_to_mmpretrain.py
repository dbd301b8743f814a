"""Converts a MIMSwin checkpoint to mmpretrain's MixMIMTransformer.

A pretraining checkpoint keeps its decoder, a classifier its head. Every key is
reported; if one does not fit, nothing is written.

    python tools/model_converters/mixmae_to_mmpretrain.py SRC DST
        [--config CONFIG] [--img-size 224] [--backbone-only]
"""

from __future__ import annotations

from mixmae.engine.command_line import run_tool
from mixmae.engine.conversion.conversion import run_conversion
from mixmae.engine.conversion.outgoing import to_mmpretrain

OPTIONS = {
    '--img-size': dict(
        type=int,
        dest='img_size',
        help='side in pixels of the images that the converted network takes '
        '(default: what the network was made for)',
    ),
    '--backbone-only': dict(
        action='store_true',
        dest='backbone_only',
        help='leave out decoder and classifier',
    ),
}


def main(argv: list[str] | None = None) -> None:
    """Raises ValueError if nothing was written."""
    run_conversion(to_mmpretrain, __doc__, OPTIONS, argv)


if __name__ == '__main__':
    run_tool(main)
