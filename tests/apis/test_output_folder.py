"""Output folder of a training that was started by one call."""

import pytest

from mixmae.apis.fine_tuning import finetune
from mixmae.apis.output_folder import CALL, CONFIG, OutputFolder
from mixmae.apis.pretraining import pretrain
from mixmae.recipes.pretraining_options import PretrainingOptions


@pytest.fixture
def run(tmp_path):
    """Return the folder of a run that has saved a checkpoint."""
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'config.py').write_text('')
    (folder / 'epoch_4.pth').write_text('')
    return folder


def test_a_new_folder(tmp_path):
    folder = OutputFolder(tmp_path / 'new', resume=True)
    assert not folder.resumes and not folder.path.exists()
    with folder.locked():
        pass
    assert folder.path.is_dir()


def test_another_run_is_refused(run):
    with pytest.raises(ValueError, match='up to epoch_4.pth: use resume'):
        OutputFolder(run)
    assert OutputFolder(run, resume=True).resumes
    assert not OutputFolder(run, overwrite=True).resumes
    with pytest.raises(ValueError, match='not both'):
        OutputFolder(run, resume=True, overwrite=True)


def test_a_run_that_saved_nothing_is_replaced(run):
    (run / 'epoch_4.pth').unlink()
    assert not OutputFolder(run).resumes


def test_other_folders_are_refused(tmp_path):
    (tmp_path / 'cat.jpg').touch()
    for options in ({}, {'overwrite': True}, {'resume': True}):
        with pytest.raises(ValueError, match='holds cat.jpg and no run'):
            OutputFolder(tmp_path, **options)
    with pytest.raises(ValueError, match='is a file'):
        OutputFolder(tmp_path / 'cat.jpg')
    with pytest.raises(ValueError, match='quotes'):
        OutputFolder(tmp_path / "it's")


def test_a_folder_that_cannot_be_written():
    with (
        pytest.raises(ValueError, match='cannot be written'),
        OutputFolder('/proc/none/run').replacing(),
    ):
        pass


def test_a_call_that_resumes_has_the_same_arguments(run, tmp_path):
    folder = OutputFolder(run, resume=True)
    given = dict(data=[tmp_path, 'b'], epochs=3, lr='auto', method=None)
    # Of an earlier version, which recorded nothing.
    folder.compare(given, PretrainingOptions)
    folder.record(given)
    folder.compare(given, PretrainingOptions)
    same = dict(data=[str(tmp_path), 'b'], seed=0, devices='cpu')
    folder.compare(same, PretrainingOptions)
    folder.record({**given, 'data': tmp_path})
    folder.compare({**given, 'data': [tmp_path]}, PretrainingOptions)
    folder.record(given)
    with pytest.raises(ValueError, match='data_root=...'):
        folder.compare({**given, 'data': ['moved']}, PretrainingOptions)
    for name, value in {
        'epochs': 4,
        'lr': 0.1,
        'seed': 1,
        'overrides': {'num_workers': 0},
    }.items():
        with pytest.raises(ValueError, match=f'{name}=.*, but the run'):
            folder.compare({**given, name: value}, PretrainingOptions)


def test_a_dry_run_of_a_run_that_resumes_trains_nothing(run, capsys):
    (run / 'config.py').write_text('max_epochs = 5')
    before = sorted(run.iterdir())
    pretrain(run, 'photos', resume=True, dry_run=True)
    finetune('detection', 'x', 'y', run, resume=True, dry_run=True)
    assert capsys.readouterr().out.count('max_epochs = 5') == 2
    assert sorted(run.iterdir()) == before


def write_plan(folder, text):
    """Write what a call writes before its training."""
    (folder.path / 'data').mkdir()
    (folder.path / 'data' / 'train.txt').write_text(text)
    folder.config.write_text(text)
    folder.record({'task': text})


@pytest.mark.parametrize('planned', [False, True])
def test_a_refused_call_leaves_an_earlier_run_as_it_was(run, planned):
    """Data may be refused by the plan, or by the checks of the training."""
    folder = OutputFolder(run, overwrite=True)
    with folder.replacing():
        write_plan(folder, 'first')
        (run / 'epoch_4.pth').write_text('first')
    assert folder.config.read_text() == 'first'
    before = {p: p.read_bytes() for p in run.rglob('*') if p.is_file()}
    with pytest.raises(ValueError), folder.replacing():
        assert not folder.config.exists()
        if planned:
            write_plan(folder, 'second')
        raise ValueError
    now = {p: p.read_bytes() for p in run.rglob('*') if p.is_file()}
    assert now == before


def test_a_run_that_has_begun_is_kept_after_an_error(run):
    folder = OutputFolder(run, overwrite=True)
    with pytest.raises(ValueError), folder.replacing():
        write_plan(folder, 'second')
        (run / 'epoch_4.pth').unlink()
        raise ValueError
    assert folder.config.read_text() == 'second'


def test_a_new_folder_is_kept_if_something_was_recorded(tmp_path):
    folder = OutputFolder(tmp_path / 'new')
    with pytest.raises(ValueError), folder.replacing():
        folder.config.write_text('')
        raise ValueError
    assert not folder.path.exists()
    with folder.replacing(keep=False):
        write_plan(folder, 'dry')
    assert not folder.path.exists()
    with pytest.raises(ValueError), folder.replacing():
        write_plan(folder, 'try')
        raise ValueError
    names = {one.name for one in folder.path.iterdir()}
    assert names == {CONFIG, CALL, 'data'}
