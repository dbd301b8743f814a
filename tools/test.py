"""Measure a checkpoint: python tools/test.py CONFIG CHECKPOINT [options].

For pretraining configs that is the ReconstructionMetric on fixed masks.
"""

import argparse
import json
from pathlib import Path

import cv2
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner

from mixmae.engine.checkpoint_loader import load_only_safely
from mixmae.engine.command_line import (
    ConfigError,
    add_common_arguments,
    read_config,
    run_tool,
)
from mixmae.engine.process_group import prepare_process_group
from mixmae.engine.reconstruction_panel import reconstruction_panel


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Test a checkpoint')
    parser.add_argument('config', help='a config file')
    parser.add_argument('checkpoint', help='a checkpoint file')
    add_common_arguments(parser)
    parser.add_argument(
        '--out', metavar='JSON', help='write the figures to this file'
    )
    parser.add_argument(
        '--show-dir',
        metavar='FOLDER',
        help='write reconstruction panels (PNG) to this folder',
    )
    parser.add_argument(
        '--num-panels', type=int, default=4, help='how many, of 8 images each'
    )
    return parser.parse_args()


class PanelWriter(BaseMetric):
    """Writes panels of the first images seen; measures nothing."""

    def __init__(self, folder: str, num_panels: int, per_panel: int = 8):
        super().__init__()
        self.folder = Path(folder)
        self.remaining = num_panels * per_panel
        self.per_panel = per_panel
        self.waiting: list[argparse.Namespace] = []
        self.written = 0

    def process(self, data_batch, data_samples) -> None:
        """Draw a panel whenever enough predictions have come in."""
        self.results.extend([None] * len(data_samples))
        if not is_main_process():
            return
        taken = data_samples[: self.remaining]
        self.remaining -= len(taken)
        self.waiting += [argparse.Namespace(**sample) for sample in taken]
        while len(self.waiting) >= self.per_panel:
            self._write()

    def _write(self) -> None:
        panel = reconstruction_panel(self.waiting[: self.per_panel])
        del self.waiting[: self.per_panel]
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f'panel_{self.written:02d}.png'
        cv2.imwrite(str(path), cv2.cvtColor(panel, cv2.COLOR_RGB2BGR))
        self.written += 1

    def compute_metrics(self, results) -> dict:
        """Draw what is left."""
        if self.waiting:
            self._write()
        return {}


def main() -> None:
    """Test."""
    args = parse_args()
    cfg = read_config(args)
    if cfg.get('test_dataloader') is None:
        raise ConfigError(f'{args.config} has no test_dataloader')
    cfg.load_from = args.checkpoint
    cfg.resume = False
    load_only_safely()
    prepare_process_group(cfg)
    runner = Runner.from_cfg(cfg)
    if args.show_dir is not None:
        writer = PanelWriter(args.show_dir, args.num_panels)
        runner.test_evaluator.metrics.append(writer)
    figures = runner.test()
    if is_main_process():
        text = json.dumps(figures, indent=2, default=float)
        print(text)
        if args.out is not None:
            Path(args.out).parent.mkdir(parents=True, exist_ok=True)
            Path(args.out).write_text(text + '\n')


if __name__ == '__main__':
    run_tool(main)
