"""Converts a MixMIM checkpoint of mmpretrain to mixmae's MIMSwin.

Pretrained, with its decoder, or fine-tuned, with its classifier. Every key is
reported; if one does not fit, nothing is written.

    python tools/model_converters/mmpretrain_to_mixmae.py SRC DST
        [--config CONFIG] [--window-sizes 16 16 24 12]
"""

from __future__ import annotations

from mixmae.engine.command_line import run_tool
from mixmae.engine.conversion.conversion import run_conversion
from mixmae.engine.conversion.incoming import from_mmpretrain

OPTIONS = {
    '--window-sizes': dict(
        type=int,
        nargs='+',
        dest='windows',
        help='resize bias tables bicubically to these windows, one per stage',
    )
}


def main(argv: list[str] | None = None) -> None:
    """Raises ValueError if nothing was written."""
    run_conversion(from_mmpretrain, __doc__, OPTIONS, argv)


if __name__ == '__main__':
    run_tool(main)
