"""Writes the backbone of a mixmae checkpoint as a bare safetensors file.

Its header says in JSON how to build the network and how to prepare images.
Backbones of detectors and the like are refused, but for --from-task.

    python tools/model_converters/mixmae_to_safetensors.py SRC DST
        [--config CONFIG] [--from-task]
"""

from __future__ import annotations

from mixmae.engine.command_line import run_tool
from mixmae.engine.conversion.conversion import run_conversion
from mixmae.engine.conversion.outgoing import to_bare

OPTIONS = {
    '--from-task': dict(
        action='store_true',
        dest='from_task',
        help='the backbone of a detector, segmentor or other model is meant; '
        'the file says what it was trained with',
    )
}


def main(argv: list[str] | None = None) -> None:
    """Raises ValueError if nothing was written."""
    run_conversion(to_bare, __doc__, OPTIONS, argv)


if __name__ == '__main__':
    run_tool(main)
