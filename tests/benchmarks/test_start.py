"""What an import brings along; no timing here."""

import json
import subprocess
import sys

import pytest

from benchmarks import first_iteration, import_time, start

# What a model has no use for. (MMEngine itself imports cv2 and matplotlib.)
FOREIGN = {
    'lmdb',
    'mmcv',
    'mmdet',
    'mmpretrain',
    'mmseg',
    'onnx',
    'pandas',
    'pycocotools',
    'scipy',
    'simplejpeg',
    'sklearn',
    'tensorboard',
    'timm',
    'torchvision',
}
HEAVY = FOREIGN | {
    'PIL',
    'cv2',
    'matplotlib',
    'mmengine',
    'numpy',
    'safetensors',
    'torch',
}
SCRIPT = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))
"""


def loaded_by(*modules: str) -> set[str]:
    """The packages that are there after an import in a fresh process."""
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT, *modules],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_mixmae_brings_nothing():
    """Not even torch and MMEngine."""
    assert loaded_by('mixmae') & HEAVY == set()


def test_a_model_brings_no_foreign_model():
    found = loaded_by('mixmae.models', 'mixmae.masking')
    assert found & FOREIGN == set()


def test_counts_an_import(tmp_path, monkeypatch):
    (tmp_path / 'slow_to_import.py').write_text('import this_too\n')
    (tmp_path / 'this_too.py').write_text('')
    monkeypatch.syspath_prepend(str(tmp_path))
    found = import_time.measure({'modules': ['slow_to_import']})
    assert found['modules'] == 2 and found['seconds'] > 0
    for name in ('slow_to_import', 'this_too'):
        monkeypatch.delitem(sys.modules, name)


def test_what_is_measured_is_there(monkeypatch):
    assert loaded_by('benchmarks.import_time') & {'torch', 'mixmae'} == set()
    assert start.CONFIG.is_file()
    monkeypatch.setattr(sys, 'argv', ['start', '--rounds', '0'])
    with pytest.raises(SystemExit):
        start.parse_args()


def test_counts_until_the_log_tells_of_an_iteration(tmp_path, monkeypatch):
    training = tmp_path / 'train.py'
    monkeypatch.setattr(first_iteration, 'TRAIN', training)
    settings = dict(config='a.py', data='pictures')
    training.write_text(
        'import sys, time\n'
        # Processes are timed in hundredths of a second.
        'while time.process_time() < 0.1: pass\n'
        'print("Epoch(train) [1][1/8]", *sys.argv[1:3], flush=True)\n'
        'time.sleep(600)\n'
    )
    found = first_iteration.measure(settings)
    assert found['process_cpu_seconds'] > 0.05
    assert 0 < found['seconds'] < 600
    training.write_text('print("no such file"); raise SystemExit(2)')
    with pytest.raises(RuntimeError, match='before its first.*: no such file'):
        first_iteration.measure(settings)
