import torch

from mixmae.apis.image_input import size_batches


def images(widths):
    return [(i, torch.zeros(3, 4, width)) for i, width in enumerate(widths)]


def tags(batches):
    return [[tag for tag, _ in batch] for batch in batches]


def test_groups_by_size_in_order():
    widths = [5, 6, 5, 6, 5, 5, 7]
    batches = list(size_batches(images(widths), 2))
    assert tags(batches) == [[0, 2], [1, 3], [4, 5], [6]]
    for batch in batches:
        assert len({tuple(image.shape) for _, image in batch}) == 1


def test_few_images_are_buffered():
    """Images of many different sizes do not accumulate."""
    read = []

    def stream():
        for tag, image in images(range(1, 101)):
            read.append(tag)
            yield tag, image

    seen = []
    for batch in size_batches(stream(), 2):
        seen += [tag for tag, _ in batch]
        assert len(read) - len(seen) <= 16
    assert sorted(seen) == list(range(100))
