"""Errors while parts are built: the message names the config key."""

import copy

import pytest
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS
from mmengine.runner import Runner

from mixmae.config.setup_errors import setup_error


@DATASETS.register_module(force=True)
class FivePlaces(BaseDataset):
    def load_data_list(self):
        return [dict(place=place) for place in range(5)]


CONFIG = Config(
    dict(
        train_dataloader=dict(dataset=dict(type='FivePlaces')),
        val_dataloader=dict(
            batch_size=1,
            sampler=dict(type='DefaultSampler'),
            dataset=dict(type='FivePlaces', indices=[0, 4]),
        ),
    )
)


def test_indices_within_the_data():
    assert len(Runner.build_dataloader(CONFIG.val_dataloader).dataset) == 2


@pytest.mark.parametrize('indices', [[0, 7, 3], (5,)])
@pytest.mark.parametrize('serialize', [True, False])
def test_indices_beyond_the_data(indices, serialize):
    config = copy.deepcopy(CONFIG)
    dataset = config.val_dataloader.dataset
    dataset.indices, dataset.serialize_data = indices, serialize
    with pytest.raises(IndexError) as info:
        Runner.build_dataloader(config.val_dataloader)
    line = setup_error(info.value, config)
    assert f'val_dataloader.dataset.indices contains {max(indices)}' in line
    assert '5 samples' in line
