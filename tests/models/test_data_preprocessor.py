import pytest
import torch
from mmengine.structures import BaseDataElement

from mixmae.models import MaskingDataPreprocessor
from mixmae.registry import TASK_UTILS
from mixmae.structures import CellMask
from tests.models.parts import random_mask

MEAN, STD = [123.0, 116.0, 103.0], [58.0, 57.0, 56.0]


def preprocessor(**changes) -> MaskingDataPreprocessor:
    masking = {'type': 'RandomMasking', 'cell': 16}
    return MaskingDataPreprocessor(
        **{'mean': MEAN, 'std': STD, 'masking': masking, **changes}
    )


def images(batch=3, height=64, width=64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, 3, height, width)
    return [*torch.randint(256, shape, generator=generator).byte()]


def samples(*numbers: int) -> list[BaseDataElement]:
    return [
        BaseDataElement(metainfo={'sample_idx': number}) for number in numbers
    ]


def test_a_flip_that_would_be_ignored_is_refused():
    batch = dict(inputs=images(), mirror=[True] * 3)
    with pytest.raises(ValueError, match="'mirror'"):
        preprocessor()(batch)


def test_normalises_bgr_to_rgb():
    batch = images()
    out = preprocessor()({'inputs': batch})['inputs']
    blue_first = batch[0].float()
    for channel in range(3):
        wanted = (blue_first[2 - channel] - MEAN[channel]) / STD[channel]
        torch.testing.assert_close(out[0, channel], wanted)


def test_to_pixels_is_the_reverse():
    batch = images()
    parts = preprocessor(to_rgb=False)
    found = parts.to_pixels(parts({'inputs': batch})['inputs'])
    torch.testing.assert_close(found, torch.stack(batch).float())


def test_stacked_batches_are_accepted():
    parts = preprocessor()
    listed = parts({'inputs': images()})['inputs']
    assert torch.equal(
        parts({'inputs': torch.stack(images())})['inputs'], listed
    )


def training_mask(parts, seed, rank, iteration):
    data = {'inputs': images(), 'mask_seed': (seed, rank, iteration)}
    return parts(data, True)['mask'].hidden


def test_masks_are_a_function_of_seed_rank_and_iteration():
    first, second = preprocessor(), preprocessor()
    draws = {}
    for numbers in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 7, 31)]:
        torch.manual_seed(len(draws))
        mask = training_mask(first, *numbers)
        torch.manual_seed(99)
        assert torch.equal(mask, training_mask(second, *numbers))
        draws[numbers] = tuple(mask.flatten().tolist())
    assert len(set(draws.values())) == len(draws)


def test_mask_seeds_apply_to_one_batch():
    parts = preprocessor()
    training_mask(parts, 0, 0, 0)
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        drawn.append(parts({'inputs': images()}, True)['mask'].hidden)
    torch.manual_seed(1)
    drawn.append(parts({'inputs': images()}, True)['mask'].hidden)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_masking_without_a_cell_is_refused(monkeypatch):
    monkeypatch.setitem(
        TASK_UTILS.module_dict, 'Celless', lambda: lambda *size: None
    )
    with pytest.raises(TypeError, match='needs an attribute `cell`'):
        preprocessor(masking={'type': 'Celless'})


def half_hidden(masks: int, rows: int, columns: int, cell=16) -> CellMask:
    hidden = torch.zeros(masks, rows, columns, dtype=torch.bool)
    hidden[:, :, ::2] = True
    return CellMask(hidden, cell)


class Returning:
    """Masking that returns the same for any batch."""

    cell = 16

    def __init__(self, returned) -> None:
        self.returned = returned

    def __call__(self, *_):
        return self.returned


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize(
    ('returned', 'message'),
    [
        (torch.zeros(1, 4, 4).bool(), 'returns a Tensor; it must return'),
        # The four rows of the images would repeat it.
        (half_hidden(1, 1, 4), 'returns 1 masks of 1x4 cells .* of 4x4 cells'),
        (half_hidden(1, 8, 8, cell=8), '16-px cells .* 8x8 cells of 8 px'),
        (half_hidden(2, 4, 4), 'returns 2 masks'),
        (CellMask(torch.zeros(1, 4, 4).bool(), 16), 'hides 0 of 16 cells'),
        (CellMask(torch.ones(1, 4, 4).bool(), 16), 'hides 16 of 16'),
    ],
)
def test_masks_that_break_the_contract(returned, message, training):
    """They would be broadcast, or train on nothing, without an error."""
    parts = preprocessor()
    parts.masking = Returning(returned)
    with pytest.raises(ValueError, match=message):
        parts({'inputs': images()}, training)


def test_masks_of_different_numbers_of_cells():
    parts = preprocessor()
    hidden = torch.arange(48).view(3, 4, 4) < 20
    parts.masking = Returning(CellMask(hidden, 16))
    with pytest.raises(ValueError, match='hides different numbers of 16'):
        parts({'inputs': images()}, True)


def test_drawing_leaves_the_global_generator_alone():
    parts = preprocessor()
    state = torch.get_rng_state()
    training_mask(parts, 0, 0, 0)
    parts({'inputs': images()}, False)
    assert torch.equal(torch.get_rng_state(), state)


def test_evaluation_masks_depend_on_the_sample_only():
    """The batch, its size and its order have no effect."""
    parts = preprocessor()
    data = {'inputs': images(), 'data_samples': samples(4, 7, 4)}
    together = parts(data)['mask'].hidden
    assert torch.equal(together[0], together[2])
    assert not torch.equal(together[0], together[1])
    alone = parts({'inputs': images(1), 'data_samples': samples(7)})['mask']
    assert torch.equal(alone.hidden[0], together[1])


def test_evaluation_can_share_one_mask():
    parts = preprocessor(eval_shared=True)
    masks = [
        parts({'inputs': images(n), 'data_samples': samples(*range(n))})
        for n in (1, 3)
    ]
    assert masks[0]['mask'].shared
    assert torch.equal(masks[0]['mask'].hidden, masks[1]['mask'].hidden)


def test_a_given_mask_is_used():
    mask = random_mask()
    for training in (False, True):
        out = preprocessor()({'inputs': images(), 'mask': mask}, training)
        assert torch.equal(out['mask'].hidden, mask.hidden)


def test_without_masking_there_is_no_mask():
    assert preprocessor(masking=None)({'inputs': images()})['mask'] is None


@pytest.mark.parametrize(
    'batch',
    [
        [torch.zeros(3, 8, 8), torch.zeros(3, 8, 9)],
        [torch.zeros(1, 8, 8)],
        [torch.zeros(8, 8)],
    ],
)
def test_images_of_different_sizes(batch):
    with pytest.raises(ValueError, match=r'images \(3, height, width\)'):
        preprocessor()({'inputs': batch})


@pytest.mark.parametrize(
    'changes', [{'mean': [1.0]}, {'std': [1.0, 1.0, 0.0]}, {'mean': None}]
)
def test_bad_arguments(changes):
    with pytest.raises(ValueError, match='one number per channel'):
        preprocessor(**changes)


@pytest.mark.parametrize('channels', [1, 2, 4, 12])
def test_other_channels_keep_their_order(channels):
    """Each channel is normalised by its mean and std, without swapping."""
    mean = [10.0 * (i + 1) for i in range(channels)]
    std = [float(i + 2) for i in range(channels)]
    parts = preprocessor(mean=mean, std=std, masking=None)
    image = torch.tensor(mean).view(-1, 1, 1).expand(-1, 8, 8)
    image = image + torch.tensor(std).view(-1, 1, 1)
    found = parts({'inputs': [image]})['inputs']
    torch.testing.assert_close(found, torch.ones(1, channels, 8, 8))
    torch.testing.assert_close(parts.to_pixels(found)[0], image)


def test_no_device_synchronisation():
    """Tensors on the meta device have no values to read."""
    parts = preprocessor(masking=None).to('meta')
    found = parts({'inputs': torch.stack(images(5, 32, 48))})['inputs']
    assert found.device.type == 'meta' and found.shape == (5, 3, 32, 48)
