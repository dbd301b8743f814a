"""Function calls in several processes."""

import os
import signal

import pytest

from mixmae.fileio.worker_processes import LostWorkerError, parallel_map


def square(number):
    return number * number, os.getpid()


@pytest.mark.parametrize('workers', [0, 1, 3])
def test_results_come_in_order(workers):
    found = list(parallel_map(square, range(100), workers))
    assert [value for value, _ in found] == [n * n for n in range(100)]
    assert (os.getpid() in {process for _, process in found}) == (workers < 2)


def test_calls_are_lazy():
    asked = []
    results = parallel_map(asked.append, range(10), 0)
    assert asked == []
    next(results)
    assert asked == [0]


def fail(number):
    if number == 40:
        raise ValueError('forty')
    return number


def test_errors_of_the_function_are_raised():
    with pytest.raises(ValueError, match='forty'):
        list(parallel_map(fail, range(90), 2))


def die(number):
    if number == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_process_is_an_error():
    with pytest.raises(LostWorkerError) as error:
        list(parallel_map(die, range(90), 2))
    assert 0 <= error.value.args[0] <= 40
