"""Comparison of candidates in alternating order: A B, B A, A B ...

A script defines its candidates, columns and options:

    parser = benchmark_parser(__doc__)
    args = parse_comparison(parser)
    comparison = Comparison([Candidate('plain', measure, {...}), ...], args)
    comparison.report([Column('images_per_second', 'img/s', ratio=True)])

Each candidate is measured in a fresh process, each round begins with another
candidate, and figures are compared within a round, so that changes of the
machine's speed affect all candidates. A candidate that fails is reported and
not started again; the others continue. The file of figures is rewritten after
each measurement, so that an interruption loses nothing.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.candidate import (
    ROOT,
    Candidate,
    CandidateError,
    CandidateTimeout,
    Figures,
)
from benchmarks.environment_info import environment_info
from benchmarks.figure_table import Column, Summary, summarise, table
from mixmae.fileio.atomic_write import atomic_write


def benchmark_parser(doc: str) -> argparse.ArgumentParser:
    """Return a parser whose help is the docstring of a script."""
    summary, _, more = doc.partition('\n\n')
    return argparse.ArgumentParser(
        description=summary,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def parse_comparison(
    parser: argparse.ArgumentParser, rounds: int = 5
) -> argparse.Namespace:
    """Add the options of all benchmarks, read the command line, check it."""
    add = parser.add_argument_group('how it is measured').add_argument
    add('--rounds', type=int, default=rounds, help='processes per candidate')
    add('--warmup-rounds', type=int, default=0, help='before, not counted')
    add('--only', nargs='+', metavar='NAME', help='these candidates alone')
    add('--seed', type=int, default=0)
    add('--minutes', type=float, help='begin no round that would end later')
    add('--out', type=Path, metavar='FILE', help='all figures, as JSON')
    add('--verbose', action='store_true', help='show what candidates print')
    args = parser.parse_args()
    require_at_least(parser, args, rounds=1, warmup_rounds=0)
    if args.minutes is not None and args.minutes <= 0:
        parser.error(f'--minutes {args.minutes} must be above 0')
    return args


def require_at_least(
    parser: argparse.ArgumentParser, args: argparse.Namespace, **least: int
) -> None:
    """Exit with one line if an option is below its least value."""
    for name, value in least.items():
        if getattr(args, name) < value:
            option = name.replace('_', '-')
            parser.error(f'--{option} must be at least {value}')


class Comparison:
    """Rounds of candidates.

    Args:
        candidates: The others are compared with the first one.
        args: Arguments of ``parse_comparison``; all arguments are recorded.

    Attributes:
        rounds: Figures by candidate for each round, without candidates that
            failed or were not measured in time.
        errors: Error messages by candidate.

    Raises:
        ValueError: ``--only`` has unknown names, or two candidates share a
            name.
    """

    def __init__(
        self, candidates: Sequence[Candidate], args: argparse.Namespace
    ) -> None:
        names = [one.name for one in candidates]
        if len(set(names)) < len(names):
            raise ValueError(f'candidates {names}: each needs its own name')
        unknown = set(args.only or ()) - set(names)
        if unknown:
            raise ValueError(
                f'--only {" ".join(sorted(unknown))}: choose from '
                f'{", ".join(names)}'
            )
        self.candidates = [
            one for one in candidates if not args.only or one.name in args.only
        ]
        self.args = args
        self.rounds: list[dict[str, Figures]] = []
        self.errors: dict[str, str] = {}
        self._began = time.monotonic()

    def run(self) -> None:
        """Measure all rounds, or as many as the time allows."""
        total = self.args.warmup_rounds + self.args.rounds
        longest = 0.0
        try:
            for turn in range(total):
                start = time.monotonic()
                left = self.seconds_left()
                if left is not None and left < longest:
                    say(f'no time for round {turn + 1} of {total}')
                    break
                counts = turn >= self.args.warmup_rounds
                if not self._round(turn, total, counts):
                    break
                longest = max(longest, time.monotonic() - start)
        except KeyboardInterrupt:
            say('interrupted: what was measured until now')
        self.write()

    def seconds_left(self) -> float | None:
        """Return the remaining time of ``--minutes``, or None."""
        if self.args.minutes is None:
            return None
        passed = time.monotonic() - self._began
        return max(1.0, 60 * self.args.minutes - passed)

    def _round(self, turn: int, total: int, counts: bool) -> bool:
        """Measure each candidate once; return False if the time is over."""
        first = turn % len(self.candidates)
        found: dict[str, Figures] = {}
        if counts:
            self.rounds.append(found)
        for one in self.candidates[first:] + self.candidates[:first]:
            if one.name in self.errors:
                continue
            place = f'round {turn + 1} of {total}: {one.name}'
            try:
                found[one.name] = one.measure(self.seconds_left())
            except CandidateTimeout as error:
                say(f'{place} {error}: time is over')
                if not any(one.name in done for done in self.rounds):
                    self.errors[one.name] = str(error)
                return False
            except CandidateError as error:
                self.errors[one.name] = str(error)
                say(f'{place} failed: {error}')
                if self.args.verbose:
                    say(error.said)
            else:
                seconds = found[one.name]['process_seconds']
                say(f'{place}, {seconds:.1f} s')
            self.write()
        return True

    def summary(self) -> Summary:
        """Return statistics of all numbers; see ``figure_table.summarise``."""
        return summarise([one.name for one in self.candidates], self.rounds)

    def table(self, columns: Sequence[Column]) -> str:
        """Return the summary as a table, with errors below it."""
        title = f'median of {sum(map(bool, self.rounds))}'
        lines = [table(title, self.summary(), columns)]
        lines += [f'{n} failed: {text}' for n, text in self.errors.items()]
        return '\n'.join(lines)

    def report(self, columns: Sequence[Column]) -> None:
        """Measure, print the table, exit with status 1 without any figures.

        A single failure is accepted: some candidates need optional packages.
        """
        self.run()
        print(self.table(columns))
        if not any(self.rounds):
            sys.exit('error: nothing was measured')

    def content(self) -> dict[str, Any]:
        """Return all results, for the file of figures."""
        settings = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in vars(self.args).items()
        }
        return dict(
            command=_command(),
            seed=self.args.seed,
            settings=settings,
            **environment_info(),
            seconds=round(time.monotonic() - self._began, 1),
            candidates={
                one.name: dict(
                    entry=one.entry_name.removeprefix(f'{ROOT}/'),
                    settings=dict(one.settings),
                    environment=dict(one.environment),
                )
                for one in self.candidates
            },
            errors=self.errors,
            summary=self.summary(),
            rounds=self.rounds,
        )

    def write(self, **more: Any) -> None:
        """Write the results and additional entries to ``--out``."""
        if self.args.out is not None:
            text = json.dumps({**self.content(), **more}, indent=1)
            with atomic_write(self.args.out) as partial:
                partial.write_text(text + '\n')


def _command() -> str:
    spec = sys.modules['__main__'].__spec__
    program = ['-m', spec.name] if spec else [sys.argv[0]]
    return shlex.join(['python', *program, *sys.argv[1:]])


def say(text: str) -> None:
    """Print progress, which is not part of the table."""
    print(text, file=sys.stderr, flush=True)
