"""Definitions of faults, with the required exit status."""

from __future__ import annotations

import dataclasses
import random
import signal
import time
from collections.abc import Callable

from mixmae.config.failure_report import EXIT_INTERRUPTED
from mixmae.fileio.atomic_write import sidecar
from tests.faults.fault_points import Trigger
from tests.faults.faulty_run import EPOCH, INTERVAL, FaultyRun
from tests.faults.training_server import Training

KILLED = -signal.SIGKILL


@dataclasses.dataclass
class Fault:
    """A fault.

    Attributes:
        name: for the table.
        trigger: Place in the training; None: from outside, at a random time.
        status: Required exit status of the first affected rank.
        lost: Maximum number of lost steps.
        corrupt: Function that changes the files afterwards and returns a text
            that the log of the next start must contain.
        outside: Ranks that are killed from outside; None: all.
    """

    name: str
    trigger: Trigger | None = None
    status: int = KILLED
    # At most one checkpoint is written while steps continue.
    lost: int = 2 * INTERVAL
    corrupt: Callable[[FaultyRun, random.Random], str] | None = None
    outside: int | None = None


def truncate(run: FaultyRun, rng: random.Random) -> str:
    path = run.last()
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])
    return f'{path.name} is not used'


def flip_a_bit(run: FaultyRun, rng: random.Random) -> str:
    path = run.last()
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return f'{path.name} is not used'


def empty(run: FaultyRun, rng: random.Random) -> str:
    path = run.last()
    path.write_bytes(b'')
    return f'{path.name} is not used'


def delete_checkpoint(run: FaultyRun, rng: random.Random) -> str:
    path = run.last()
    path.unlink()
    return f'{path.name} is not used: it is not there'


def delete_checksum(run: FaultyRun, rng: random.Random) -> str:
    sidecar(run.last()).unlink(missing_ok=True)
    return ''


def corrupt_checksum(run: FaultyRun, rng: random.Random) -> str:
    path = sidecar(run.last())
    data = bytearray(path.read_bytes())
    # In the checksum itself, not in the file name after it.
    data[rng.randrange(64)] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return f'{path.stem} is not used'


def corrupt_pointer(run: FaultyRun, rng: random.Random) -> str:
    note = run.work_dir / 'last_checkpoint'
    note.write_bytes(rng.randbytes(rng.randrange(50)))
    return ''


def corrupt_manifest(run: FaultyRun, rng: random.Random) -> str:
    path = run.work_dir / 'run.json'
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])
    run.manifest_lost = True
    return 'run.json is damaged'


def delete_manifest(run: FaultyRun, rng: random.Random) -> str:
    (run.work_dir / 'run.json').unlink(missing_ok=True)
    run.manifest_lost = True
    return ''


def delete_pointer(run: FaultyRun, rng: random.Random) -> str:
    (run.work_dir / 'last_checkpoint').unlink(missing_ok=True)
    return ''


def at(point: str, **kwargs: object) -> Trigger:
    return Trigger(point, **kwargs)


AIMED = [
    Fault('SIGKILL while an image is loaded', at('sample')),
    Fault(
        'SIGKILL while an image is loaded, workers live on',
        at('sample', alone=True),
    ),
    Fault('SIGKILL before a step', at('step')),
    Fault('SIGKILL after the backward pass', at('backward')),
    Fault('SIGKILL after the update', at('update')),
    Fault(
        'SIGKILL between two accumulated micro-steps',
        at('between micro-steps'),
    ),
    Fault('SIGKILL at the beginning of an epoch', at('epoch begins')),
    Fault('SIGKILL at the end of an epoch', at('epoch ends')),
    Fault('SIGKILL while the state is serialised', at('serialising')),
    Fault('SIGKILL while a checkpoint waits', at('checkpoint queued')),
    Fault('SIGKILL in a half-written manifest', at('manifest half written')),
    Fault('SIGKILL before the manifest is renamed', at('manifest written')),
    Fault('SIGKILL after the manifest is renamed', at('manifest renamed')),
    Fault('SIGKILL in a half-written file', at('checkpoint half written')),
    Fault('SIGKILL before it is renamed', at('checkpoint written')),
    Fault('SIGKILL after it is renamed', at('checkpoint renamed')),
    Fault('SIGKILL in its half-written checksum', at('checksum half written')),
    Fault('SIGKILL before it is noted as the last', at('note written')),
    Fault('SIGKILL after it is noted as the last', at('note renamed')),
    Fault('SIGKILL while an old one is removed', at('half removed')),
]
SIGNALS = [
    Fault(
        f'{number.name} once{who}',
        at('step', number=number, alone=alone),
        EXIT_INTERRUPTED,
        lost=0,
    )
    for number, alone, who in (
        (signal.SIGTERM, True, ''),
        (signal.SIGTERM, False, ', to the whole group'),
        (signal.SIGINT, False, ' (Ctrl-C)'),
    )
] + [
    Fault(
        f'{number.name} twice',
        at('step', number=number, times=2, alone=True),
        -number,
    )
    for number in (signal.SIGTERM, signal.SIGINT)
]
# The newest checkpoint is complete, and none is being written, before the
# damage.
DAMAGES = [
    Fault(name, at('note renamed'), lost=3 * INTERVAL, corrupt=corrupt)
    for name, corrupt in (
        ('newest checkpoint truncated', truncate),
        ('newest checkpoint: a bit flipped', flip_a_bit),
        ('newest checkpoint empty', empty),
        ('newest checkpoint gone', delete_checkpoint),
        ('its checksum: a bit flipped', corrupt_checksum),
        ('its checksum gone', delete_checksum),
        ('note of the last checkpoint garbled', corrupt_pointer),
        ('note of the last checkpoint gone', delete_pointer),
        ('manifest truncated', corrupt_manifest),
        ('manifest gone', delete_manifest),
    )
]
RANDOM = Fault('SIGKILL at a random time')
TWO_RANKS = [
    Fault('two ranks: SIGKILL to one before a step', at('step', rank=1)),
    Fault('two ranks: SIGKILL to one after the update', at('update', rank=1)),
    Fault(
        'two ranks: SIGKILL to one that loads an image', at('sample', rank=1)
    ),
    Fault(
        'two ranks: SIGKILL to the one that writes, before it renames',
        at('checkpoint written'),
    ),
    Fault('two ranks: SIGKILL to both before a step', at('step', rank=None)),
    Fault(
        'two ranks: SIGTERM to one',
        at('step', rank=1, number=signal.SIGTERM, alone=True),
        EXIT_INTERRUPTED,
        lost=0,
    ),
]
TWO_RANKS_RANDOM = [
    Fault('two ranks: SIGKILL to one at a random time', outside=1),
    Fault('two ranks: SIGKILL to the main one at a random time', outside=0),
    Fault('two ranks: SIGKILL to both at a random time'),
]


def kill_from_outside(
    fault: Fault,
    run: FaultyRun,
    trainings: list[Training],
    rng: random.Random,
) -> bool:
    """Send SIGKILL, in one of four cases during the start.

    Returns:
        False if the run had already ended.
    """
    if rng.random() < 0.25:
        time.sleep(rng.random())
    else:
        run.wait_for_a_step(trainings)
        time.sleep(0.5 * rng.random())
    chosen = trainings
    if fault.outside is not None:
        chosen = trainings[fault.outside :][:1]
    in_time = all(one.poll() is None for one in chosen)
    for one in chosen:
        one.kill()
    return in_time


def aimed(fault: Fault, position: int, rng: random.Random) -> Trigger:
    """Return its trigger, some steps after the resumed one."""
    # Sometimes before the first checkpoint after the start, sometimes after.
    step = position + rng.randint(1, 2 * INTERVAL)
    if fault.status == EXIT_INTERRUPTED or fault.corrupt:
        # A checkpoint exists.
        step = position + INTERVAL + rng.randint(1, INTERVAL)
    return dataclasses.replace(
        fault.trigger, at=step, sample=rng.randint(1, EPOCH)
    )
