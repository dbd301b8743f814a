"""Display of a training's output: a progress bar, or a line for each epoch."""

from __future__ import annotations

import re
import sys
import time

from tqdm import tqdm

COLOUR = re.compile(r'\x1b\[[0-9;]*m')
# A line of MMEngine's logger.
RECORD = re.compile(r'\d\d/\d\d \d\d:\d\d:\d\d - [\w.]+ - ([A-Z]+) - (.*)')
STEP = re.compile(
    r'(Epoch|Iter)\((train|val)\)\s+(?:\[(\d+)\])?\[\s*(\d+)/\s*(\d+)\]\s+(.*)'
)
# In "loss: 0.9549  img_per_s: 73.2  eta: 0:00:02".
FIGURE = re.compile(r'([\w/.-]+): (\S+)')
# Of libraries, about themselves.
NOISE = re.compile(
    'will be deprecated|is deprecated|The prefix is not set in metric class'
)
UNSHOWN = ('time', 'data_time')
# A file gets about so many lines on epochs, and one at least after so many
# seconds.
LINES, PATIENCE = 40, 300.0


class TrainingDisplay:
    """Shows what matters of a training's output.

    On a terminal there is a progress bar; a file gets a line for each epoch,
    or for every few of them. Results of validations and warnings are lines.

    Args:
        epochs: Epochs of the run; 0 for loops by iterations.
        verbose: Show all lines as they are.

    Attributes:
        error: The error line of the training; '' without one.
    """

    def __init__(self, epochs: int = 0, verbose: bool = False) -> None:
        self.epochs = epochs
        self.verbose = verbose
        self.error = ''
        self._bar: tqdm | None = None
        self._said: set[str] = set()
        self._due = 0
        self._last = time.monotonic()

    def show(self, line: str) -> None:
        """Show a line of the output if it matters."""
        line = COLOUR.sub('', line.rstrip('\n'))
        if line.startswith('error: '):
            self.error = self.error or line.removeprefix('error: ')
        if self.verbose:
            print(line, flush=True)
            return
        found = RECORD.match(line)
        if found is None:
            return
        level, text = found.groups()
        step = STEP.match(text)
        if step is not None:
            self._step(step)
        elif level in ('WARNING', 'ERROR', 'CRITICAL'):
            self._warn(text)

    def close(self) -> None:
        """End the progress bar."""
        if self._bar is not None:
            self._bar.close()

    def _warn(self, text: str) -> None:
        if text not in self._said and not NOISE.search(text):
            self._said.add(text)
            self._print(f'warning: {text}')

    def _step(self, step: re.Match) -> None:
        kind, mode, epoch, done, total = step.groups()[:5]
        figures = {
            name: value
            for name, value in FIGURE.findall(step[6])
            if name not in UNSHOWN
        }
        if mode == 'val':
            shown = [
                f'{name} {value}'
                for name, value in figures.items()
                if name != 'eta' and name != 'memory'
            ]
            if shown and done == total:
                where = f'epoch {epoch}' if kind == 'Epoch' else 'so far'
                self._print(f'{where}: validation  {"  ".join(shown)}')
            return
        first = int(epoch or 1) - 1
        iterations = first * int(total) + int(done)
        # An epoch number is known for loops by epochs only.
        last = int(total) * (self.epochs if epoch else 1)
        notes = [f'loss {figures.get("loss", "?")}']
        if 'img_per_s' in figures:
            notes.append(f'{figures["img_per_s"]} images/s')
        if 'eta' in figures:
            notes.append(f'eta {figures["eta"]}')
        text = '  '.join(notes)
        if sys.stderr.isatty():
            self._advance(iterations, last, text)
            return
        now = time.monotonic()
        waited = now - self._last > PATIENCE
        if (iterations >= self._due and done == total) or waited:
            self._due = iterations + max(1, last // LINES)
            self._last = now
            place = f'{epoch}/{self.epochs}' if epoch else f'{done}/{total}'
            self._print(f'{kind.lower()} {place}  {text}')

    def _advance(self, done: int, total: int, text: str) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=total,
                bar_format='{percentage:3.0f} %|{bar}| {n}/{total}{postfix}',
            )
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text)
        else:
            print(text, flush=True)
