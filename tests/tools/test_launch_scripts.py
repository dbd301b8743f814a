"""Arguments that the shell scripts pass to torchrun and srun."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'
ECHO = (
    '#!/bin/sh\necho "OMP=$OMP_NUM_THREADS"\necho "PORT=$MASTER_PORT"\n'
    'printf "%s\\n" "$@"\n'
)


def call(
    tmp_path: Path, script: str, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a script; stubs of python and srun print their arguments."""
    for name in ('python', 'srun'):
        path = tmp_path / name
        path.write_text(ECHO)
        path.chmod(0o755)
    search = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
    environment = {'PATH': search, 'VIRTUAL_ENV': 'some', **variables}
    return subprocess.run(
        [str(TOOLS / script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


NODES = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='10.0.0.1')


@pytest.mark.parametrize(
    'variables, line',
    [
        (
            dict(NNODES='two'),
            "NNODES must be a whole number above 0, got 'two'",
        ),
        (dict(NODE_RANK='a'), "NODE_RANK must be 0 to NNODES - 1, got 'a'"),
        (dict(NODE_RANK='2'), 'got NODE_RANK=2 of NNODES=2'),
        (dict(MASTER_ADDR=''), 'NODE_RANK=1 needs MASTER_ADDR'),
    ],
)
def test_nodes_without_a_common_address(
    tmp_path: Path, variables: dict, line: str
) -> None:
    variables = {**NODES, **variables}
    done = call(tmp_path, 'dist_train.sh', 'c.py', '2', **variables)
    assert done.returncode == 2 and line in done.stderr
    assert done.stderr.count('\n') == 1 and not done.stdout


@pytest.mark.parametrize('script', ['slurm_train.sh', 'slurm_test.sh'])
@pytest.mark.parametrize('name', ['GPUS', 'GPUS_PER_NODE', 'CPUS_PER_TASK'])
def test_slurm_asks_for_numbers(
    tmp_path: Path, script: str, name: str
) -> None:
    arguments = ('part', 'job', 'c.py', 'dir')
    done = call(tmp_path, script, *arguments, **{name: 'many'})
    assert done.returncode == 2 and not done.stdout
    line = f"{name} must be a whole number above 0, got 'many'"
    assert line in done.stderr and done.stderr.count('\n') == 1


@pytest.mark.parametrize(
    'script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh']
)
def test_the_environment_of_make_is_found(tmp_path: Path, script: str) -> None:
    ours = tmp_path / '.venv' / 'bin' / 'python'
    ours.parent.mkdir(parents=True)
    ours.write_text('#!/bin/sh\necho "ours"\n')
    ours.chmod(0o755)
    (tmp_path / 'tools').mkdir()
    for name in (script, 'launch.sh'):
        shutil.copy(TOOLS / name, tmp_path / 'tools' / name)
    arguments = ('c.py', 'e.pth', '2', 'd')
    if script == 'dist_train.sh':
        arguments = ('c.py', '2', 'd', 'e')
    found = {}
    for active in ('', 'some'):
        done = call(
            tmp_path,
            str(tmp_path / 'tools' / script),
            *arguments,
            VIRTUAL_ENV=active,
        )
        found[active] = said(done)
    if script.startswith('dist'):
        assert found[''] == ['ours'] and found['some'] != ['ours']
    else:
        assert any(w.endswith('.venv/bin/python') for w in found[''])
        assert 'python' in found['some']


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    'script',
    ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh'],
)
def test_usage_without_arguments(tmp_path: Path, script: str) -> None:
    done = call(tmp_path, script)
    assert done.returncode == 2
    assert done.stderr.startswith('usage: ')
    assert done.stderr.count('\n') == 1
    assert not done.stdout


def test_one_node_chooses_a_free_port(tmp_path: Path) -> None:
    words = said(call(tmp_path, 'dist_train.sh', 'c.py', '2', '--amp'))
    assert '--standalone' in words
    assert '--master-port' not in words
    assert words[words.index('--nproc-per-node') + 1] == '2'
    rest = [str(TOOLS / 'train.py'), 'c.py', '--launcher', 'pytorch', '--amp']
    assert words[-5:] == rest


def test_port_is_kept(tmp_path: Path) -> None:
    words = said(call(tmp_path, 'dist_train.sh', 'c.py', '2', PORT='29507'))
    assert words[words.index('--master-port') + 1] == '29507'
    assert words[words.index('--master-addr') + 1] == '127.0.0.1'


def test_several_nodes(tmp_path: Path) -> None:
    words = said(
        call(
            tmp_path,
            'dist_train.sh',
            'c.py',
            '8',
            NNODES='2',
            NODE_RANK='1',
            MASTER_ADDR='10.0.0.1',
            MASTER_PORT='29999',
        )
    )
    for option, value in (
        ('--nnodes', '2'),
        ('--node-rank', '1'),
        ('--master-addr', '10.0.0.1'),
        ('--master-port', '29999'),
        ('--nproc-per-node', '8'),
    ):
        assert words[words.index(option) + 1] == value
    assert '--standalone' not in words


def test_several_nodes_use_the_default_port(tmp_path: Path) -> None:
    words = said(call(tmp_path, 'dist_train.sh', 'c.py', '8', NNODES='2'))
    assert words[words.index('--master-port') + 1] == '29500'


def test_arguments_with_spaces_are_kept(tmp_path: Path) -> None:
    option = 'a="[1, 2]"'
    words = said(
        call(tmp_path, 'dist_train.sh', 'c.py', '2', '--cfg-options', option)
    )
    assert words[-1] == option


def test_threads_are_shared_among_processes(tmp_path: Path) -> None:
    words = said(call(tmp_path, 'dist_train.sh', 'c.py', '4096'))
    assert words[0] == 'OMP=1'
    words = said(
        call(tmp_path, 'dist_train.sh', 'c.py', '2', OMP_NUM_THREADS='7')
    )
    assert words[0] == 'OMP=7'


@pytest.mark.parametrize('gpus', ['0', 'two', '-1', '1.5'])
def test_gpus_must_be_a_number(tmp_path: Path, gpus: str) -> None:
    done = call(tmp_path, 'dist_train.sh', 'c.py', gpus)
    assert done.returncode == 2
    assert gpus in done.stderr


def test_dist_test(tmp_path: Path) -> None:
    words = said(call(tmp_path, 'dist_test.sh', 'c.py', 'e.pth', '2', '--x'))
    rest = [str(TOOLS / 'test.py'), 'c.py', 'e.pth']
    assert words[-6:] == [*rest, '--launcher', 'pytorch', '--x']


def test_slurm(tmp_path: Path) -> None:
    words = said(
        call(
            tmp_path,
            'slurm_train.sh',
            *('part', 'job', 'c.py', 'dir', '--resume'),
            GPUS='16',
            CPUS_PER_TASK='4',
            SRUN_ARGS='--quotatype=auto --time=1',
            PORT='29777',
        )
    )
    for word in (
        '--gres=gpu:8',
        '--ntasks=16',
        '--ntasks-per-node=8',
        '--cpus-per-task=4',
        '--kill-on-bad-exit=0',
        '--wait=60',
        '--quotatype=auto',
        '--time=1',
        '--job-name=job',
        'PORT=29777',
        str(TOOLS / 'train.py'),
    ):
        assert word in words
    assert words[-5:] == [
        '--work-dir',
        'dir',
        '--launcher',
        'slurm',
        '--resume',
    ]
    words = said(call(tmp_path, 'slurm_test.sh', 'p', 'j', 'c.py', 'e.pth'))
    assert words[-4:] == ['c.py', 'e.pth', '--launcher', 'slurm']
    assert '--ntasks=8' in words
