"""Converts an official UM-MAE checkpoint to the names of mixmae.

Swin or PVT; pretrained, with its decoder, or fine-tuned, with its classifier.
Every key is reported; if one does not fit, nothing is written.

    python tools/model_converters/um_mae_to_mixmae.py SRC DST
        [--config CONFIG]
"""

from __future__ import annotations

from mixmae.engine.command_line import run_tool
from mixmae.engine.conversion.conversion import run_conversion
from mixmae.engine.conversion.um_mae import from_um_mae


def main(argv: list[str] | None = None) -> None:
    """Raises ValueError if nothing was written."""
    run_conversion(from_um_mae, __doc__, argv=argv)


if __name__ == '__main__':
    run_tool(main)
