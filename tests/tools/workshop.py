"""Folder in which tools are called with arbitrary input."""

from __future__ import annotations

import contextlib
import io
import itertools
import sys
from pathlib import Path
from typing import Any

import torch

from tests.apis.tiny_setup import tiny_checkpoint
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import load_tool

TOOLS = ROOT / 'tools'
numbers = itertools.count()


class Workshop:
    """A folder with a config and a checkpoint, and the tools under test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tools: dict[str, Any] = {}
        self.config = tiny_config(folder / 'run')
        self.config['log_level'] = 'ERROR'
        self.path = write_config(folder / 'tiny.py', self.config)
        torch.manual_seed(0)
        self.checkpoint = tiny_checkpoint(folder / 'good.pth')

    def new(self, suffix: str) -> Path:
        return self.folder / f'{next(numbers)}{suffix}'

    def call(self, name: str, *arguments: object) -> int:
        """Run a tool in this process and check how it ends.

        Returns:
            Its exit status.
        """
        if name not in self.tools:
            self.tools[name] = load_tool(TOOLS / f'{name}.py')
        tool = self.tools[name]
        argv = [f'{name}.py', *map(str, arguments)]
        error, before = io.StringIO(), sys.argv
        sys.argv = argv
        try:
            with (
                contextlib.redirect_stderr(error),
                contextlib.redirect_stdout(io.StringIO()),
            ):
                if hasattr(tool, 'run_tool'):
                    tool.run_tool(tool.main)
                    status = 0
                else:
                    status = tool.main(argv[1:])
        except SystemExit as stop:
            status = stop.code or 0
        finally:
            sys.argv = before
        said = error.getvalue()
        assert 'Traceback' not in said, (argv, said)
        # 1 for a lack of memory, and for data in which something was found.
        assert status in (0, 1, 2), (argv, status, said)
        if status == 2:
            last = said.strip().splitlines()[-1]
            known = 'error: ' in last or last.startswith(
                f'{Path(name).name}: '
            )
            assert known, (argv, said)
            assert len(last) < 4000, (argv, last)
        assert not list(self.folder.rglob('*.partial')), argv
        return status
