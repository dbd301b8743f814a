"""Converts a MIMSwin checkpoint to mmseg's SwinTransformer.

Only a MIMSwin with equal windows, shift=True and absolute_positions=False is
one; others are refused. Every key is reported; if one does not fit, nothing is
written.

    python tools/model_converters/mixmae_to_mmseg.py SRC DST
        [--config CONFIG]
"""

from __future__ import annotations

from functools import partial

from mixmae.engine.command_line import run_tool
from mixmae.engine.conversion.conversion import run_conversion
from mixmae.engine.conversion.outgoing import to_swin


def main(argv: list[str] | None = None) -> None:
    """Raises ValueError if nothing was written."""
    run_conversion(partial(to_swin, scope='mmseg'), __doc__, argv=argv)


if __name__ == '__main__':
    run_tool(main)
