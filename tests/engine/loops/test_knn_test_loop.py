import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.engine.loops import KNNTestLoop
from mixmae.evaluation.feature_extraction import pooled_features
from mixmae.evaluation.knn import knn_accuracy
from tests.engine.tiny_run import loader, tiny_config


def knn_config(work_dir, **loop) -> Config:
    config = tiny_config(work_dir)
    for split in ('train', 'val'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            config.pop(f'{split}_{part}', None)
    for part in ('optim_wrapper', 'param_scheduler'):
        del config[part]
    config.update(
        log_level='ERROR',
        experiment_name=work_dir.name,
        test_dataloader=loader(10, 4),
        test_evaluator=dict(
            type='mmpretrain.Accuracy', topk=(1, 2), prefix='knn'
        ),
        test_cfg=dict(
            type='KNNTestLoop',
            train_dataloader=loader(24, 5),
            **{'k': 3, **loop},
        ),
    )
    return Config(config)


def test_accuracy_is_that_of_the_given_checkpoint(tmp_path):
    """The weights are those of the checkpoint, not the initial ones."""
    config = knn_config(tmp_path)
    torch.manual_seed(1)
    other = Runner.from_cfg(config).model
    # Untrained features hardly differ, so these ones are set to differ.
    for parameter in other.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    path = tmp_path / 'other.pth'
    torch.save(dict(state_dict=other.state_dict()), path)

    config.load_from = str(path)
    runner = Runner.from_cfg(config)
    figures = runner.test()
    tensors = []
    for share in (runner.test_loop.train_dataloader, runner.test_dataloader):
        tensors += pooled_features(other, share)
    expected = knn_accuracy(*tensors, k=3)
    assert figures['knn/top1'] == pytest.approx(100 * expected)
    assert figures['knn/top1'] <= figures['knn/top2'] <= 100
    for name, value in runner.model.backbone.state_dict().items():
        assert torch.equal(value, other.backbone.state_dict()[name])


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path):
    path = tmp_path / 'head.pth'
    torch.save(dict(state_dict={'head.fc.weight': torch.zeros(3, 16)}), path)
    config = knn_config(tmp_path)
    config.load_from = str(path)
    with pytest.raises(ValueError, match=str(path)):
        Runner.from_cfg(config).test()


@pytest.mark.parametrize(('name', 'value'), [('k', 0), ('temperature', 0.0)])
def test_bad_arguments_are_errors(name, value):
    with pytest.raises(ValueError, match=f'{name}={value}'):
        KNNTestLoop(None, {}, {}, {}, **{name: value})
