"""Test loop with a kNN classifier on frozen features."""

from collections.abc import Sized
from typing import cast

import torch
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner, TestLoop
from torch.utils.data import DataLoader

from mixmae.checkpoints.loading.backbone_state import load_pretrained
from mixmae.distributed.process_group import unwrapped
from mixmae.evaluation.feature_extraction import gather_shares, pooled_features
from mixmae.evaluation.knn import NEIGHBOURS, TEMPERATURE, knn_votes
from mixmae.registry import LOOPS

# Test images per chunk. Similarities to a million train images take 1 GB.
CHUNK = 256


@LOOPS.register_module()
class KNNTestLoop(TestLoop):
    """Classify test images by their nearest train images, without training.

    Features are the globally pooled last output of the backbone on whole
    images; see ``knn_votes`` for the vote. The vote shares are the scores that
    the evaluator gets, so mmpretrain's ``Accuracy`` measures them (in per
    cent). Runs on several ranks, on the device of the model, which also holds
    the train features: 5 GB for ImageNet-1K and Swin-B.

    The backbone's part of the runner's ``load_from`` is loaded strictly from
    any kind of file: pretraining, fine-tuning or official code.

    Args:
        runner: The runner; its model has a ``backbone`` and a
            ``data_preprocessor``.
        dataloader: Labelled images to be classified.
        evaluator: Evaluator of the predictions.
        train_dataloader: Config of the data loader of the neighbour
            candidates, with a ``DefaultSampler(shuffle=False)``.
        k: Number of neighbours.
        temperature: Temperature of the votes.

    Raises:
        ValueError: If ``k`` or ``temperature`` is not positive, or, when run,
            if a checkpoint does not fit the backbone.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list,
        train_dataloader: dict,
        k: int = NEIGHBOURS,
        temperature: float = TEMPERATURE,
    ) -> None:
        if k < 1 or temperature <= 0:
            raise ValueError(
                'KNNTestLoop needs k of at least 1 and a temperature above '
                f'0, got k={k} and temperature={temperature}'
            )
        super().__init__(runner, dataloader, evaluator)
        self.train_dataloader = runner.build_dataloader(
            train_dataloader, seed=runner.seed
        )
        self.k = k
        self.temperature = temperature

    def run(self) -> dict:
        """Extract features, vote, evaluate."""
        runner = self.runner
        runner.call_hook('before_test')
        runner.call_hook('before_test_epoch')
        runner.model.eval()
        model = unwrapped(runner.model)
        if runner._load_from is not None:
            source = dict(type='Pretrained', checkpoint=runner._load_from)
            load_pretrained(model.backbone, source)
        size = len(cast(Sized, self.train_dataloader.dataset))
        runner.logger.info(f'kNN: features of {size} train images')
        device = next(model.backbone.parameters()).device
        features, labels = (
            gather_shares(share, size).to(device)
            for share in pooled_features(model, self.train_dataloader)
        )
        for index, batch in enumerate(self.dataloader):
            runner.call_hook(
                'before_test_iter', batch_idx=index, data_batch=batch
            )
            found, _ = pooled_features(model, [batch])
            votes = knn_votes(
                features,
                labels,
                found.to(device),
                self.k,
                self.temperature,
                CHUNK,
            )
            predictions = [
                {
                    'gt_label': torch.as_tensor(sample.gt_label),
                    'pred_score': score,
                }
                for sample, score in zip(batch['data_samples'], votes.cpu())
            ]
            self.evaluator.process(predictions, batch)
            runner.call_hook(
                'after_test_iter',
                batch_idx=index,
                data_batch=batch,
                outputs=predictions,
            )
        metrics = self.evaluator.evaluate(len(self.dataloader.dataset))
        runner.call_hook('after_test_epoch', metrics=metrics)
        runner.call_hook('after_test')
        return metrics
