"""Contract of maskings; subclasses set ``masking``."""

import torch

from mixmae.masking.masking import Masking
from mixmae.models.data_preprocessor import draw_masks
from mixmae.structures import CellMask


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class MaskingContract:
    """Tests of a masking; subclasses set these.

    Attributes:
        sizes: (height, width) in pixels that the masking takes.
        wrong_sizes: sizes that it refuses, with the nearest valid ones.
    """

    sizes = [(64, 64), (64, 96), (128, 32)]
    wrong_sizes: list[tuple] = []

    def masking(self):
        raise AssertionError('subclasses build their masking here')

    def test_same_generator_same_mask(self):
        for size in self.sizes:
            first = self.masking()(3, *size, generator(5))
            second = self.masking()(3, *size, generator(5))
            assert torch.equal(first.hidden, second.hidden)

    def test_another_generator_another_mask(self):
        masking = self.masking()
        masks = {
            tuple(masking(2, *self.sizes[0], generator(i)).hidden.flatten())
            for i in range(8)
        }
        assert len(masks) > 1

    def test_has_a_cell_and_hides_equally_many_in_each_image(self):
        masking = self.masking()
        assert isinstance(masking, Masking)
        mask = masking(3, *self.sizes[0], generator(0))
        assert mask.cell == masking.cell
        assert mask.num_hidden == mask.hidden[0].sum()
        assert mask.hidden.device.type == 'cpu'

    def test_is_a_mask_of_the_whole_image(self):
        for height, width in self.sizes:
            mask = self.masking()(3, height, width, generator(0))
            assert isinstance(mask, CellMask)
            assert mask.hidden.size(0) in (1, 3)
            rows, columns = mask.grid
            assert (rows * mask.cell, columns * mask.cell) == (height, width)

    def test_a_training_takes_its_masks(self):
        for size in self.sizes:
            for seed in range(8):
                draw_masks(self.masking(), 3, *size, generator(seed))

    def test_the_global_generator_is_the_default(self):
        torch.manual_seed(3)
        first = self.masking()(1, *self.sizes[0]).hidden
        torch.manual_seed(3)
        assert torch.equal(first, self.masking()(1, *self.sizes[0]).hidden)

    def test_wrong_size_names_the_nearest(self):
        for size, nearest in self.wrong_sizes:
            try:
                self.masking()(1, *size, generator(0))
            except ValueError as error:
                assert f'{size[0]}x{size[1]}' in str(error)
                assert f'{nearest[0]}x{nearest[1]}' in str(error)
            else:
                raise AssertionError(f'{size} was taken')
