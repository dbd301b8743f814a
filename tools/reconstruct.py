"""Let a pretrained network guess hidden halves of images.

    python tools/reconstruct.py CHECKPOINT IMAGE [IMAGE ...] --out FOLDER
        [--config CONFIG]

IMAGE is a file, a folder or a quoted pattern. FOLDER receives one panel
(PNG) per image and ``figures.json`` with their losses.
"""

import argparse
import json
from pathlib import Path

from mixmae.apis import ReconstructionInferencer
from mixmae.apis.arguments import add_inference_arguments, resize_of
from mixmae.checkpoints.whole_file import whole_file
from mixmae.engine.command_line import ConfigError, run_tool

FIGURES = ('name', 'loss', 'mean_colour_loss')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='Without --resize images go through the test pipeline of the '
        'config.',
    )
    add_inference_arguments(parser)
    parser.add_argument(
        '--out',
        required=True,
        metavar='FOLDER',
        help='where panels and figures.json are written',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of the masks (default: 0)'
    )
    return parser.parse_args()


def main() -> None:
    """Reconstruct."""
    args = parse_args()
    if Path(args.out).is_file():
        raise ConfigError(f'--out {args.out} is a file, it must be a folder')
    infer = ReconstructionInferencer(args.config, args.checkpoint, args.device)
    figures = []
    # One by one, for there may be many: panels are written as they come.
    for result in infer.iterate(
        args.images,
        batch_size=args.batch_size,
        seed=args.seed,
        resize=resize_of(args, 'pipeline'),
        out_dir=args.out,
        skip_broken=args.skip_broken,
    ):
        row = {name: result[name] for name in FIGURES}
        row['panel'] = Path(result['panel']).name
        figures.append((result['index'], row))
    rows = [row for _, row in sorted(figures, key=lambda pair: pair[0])]
    path = Path(args.out) / 'figures.json'
    with whole_file(path) as partial:
        partial.write_text(json.dumps(rows, indent=2) + '\n')
    mean = sum(row['loss'] for row in rows) / len(rows)
    filling = sum(row['mean_colour_loss'] for row in rows) / len(rows)
    print(
        f'{len(rows)} images, mean loss {mean:.4f}, of filling each hidden '
        f'cell with its own mean colour {filling:.4f}; panels and figures '
        f'are in {args.out}'
    )


if __name__ == '__main__':
    run_tool(main)
