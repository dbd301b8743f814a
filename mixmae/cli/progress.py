"""Progress bar of a job that reports its own counts."""

from __future__ import annotations

from collections.abc import Callable

from tqdm import tqdm


def progress_bar(title: str, unit: str = 'file') -> Callable[..., None]:
    """Callback ``(done, total, note='')`` that draws a bar on a terminal.

    It draws nothing where stderr is a file.
    """
    bar = tqdm(desc=title, unit=unit, disable=None)

    def show(done: int, total: int, note: str = '') -> None:
        bar.total = total
        bar.set_postfix_str(note, refresh=False)
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show
