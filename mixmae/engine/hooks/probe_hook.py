"""Online probe of the backbone."""

from collections.abc import Sized
from typing import cast

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader

from mixmae.datasets.listed_paths import check_listed_paths, leaf_sets
from mixmae.distributed.process_group import HOST_BARRIER, unwrapped
from mixmae.engine.fsdp2 import gathered
from mixmae.engine.hooks.interrupt_hook import shield_workers
from mixmae.engine.hooks.step_seed_hook import preserved_random_state
from mixmae.evaluation.feature_extraction import gather_shares, pooled_features
from mixmae.evaluation.knn import NEIGHBOURS, TEMPERATURE, knn_accuracy
from mixmae.evaluation.linear_probe import linear_probe
from mixmae.registry import HOOKS


@HOOKS.register_module()
class ProbeHook(Hook):
    """Run a kNN and a linear probe on frozen features every few epochs.

    Features are the globally pooled last output of the backbone on whole
    images. Labels are used for measurement only; nothing of this reaches the
    model. The metrics ``probe/knn`` and ``probe/linear`` (accuracies, 0..1) go
    to the log, the message hub and the visualizer. The probe does not change
    the training: modes and random states are restored, so that the loss curve
    is the same with and without it.

    Args:
        train_dataloader: Config of a labelled data loader with a
            ``DefaultSampler(shuffle=False)``; its images are the kNN
            candidates and train the linear classifier.
        val_dataloader: The same for the images to be classified.
        interval: Epochs between two probes. The last epoch is always probed.
        k: Number of neighbours of the kNN classifier.
        temperature: Temperature of the kNN votes.
        linear: Whether to train the linear probe as well.
    """

    # After the validation and timer hooks, before the checkpoint hook.
    priority = 'LOW'

    def __init__(
        self,
        train_dataloader: dict,
        val_dataloader: dict,
        interval: int = 10,
        k: int = NEIGHBOURS,
        temperature: float = TEMPERATURE,
        linear: bool = True,
    ) -> None:
        if interval < 1:
            raise ValueError(
                'interval of ProbeHook must be at least 1 epoch, got '
                f'{interval}'
            )
        self.loader_configs = (train_dataloader, val_dataloader)
        self.interval = interval
        self.k = k
        self.temperature = temperature
        self.linear = linear
        self._loaders: tuple[DataLoader, ...] | None = None

    def before_train(self, runner: Runner) -> None:
        """Create the host barrier that waits for the main rank."""
        # The other ranks wait meanwhile, which the watchdog would otherwise
        # report as a hang.
        HOST_BARRIER.prepare()

    def after_train_epoch(self, runner: Runner) -> None:
        """Probe if this epoch is due."""
        due = self.every_n_epochs(runner, self.interval)
        if not due and not self.is_last_train_epoch(runner):
            return
        with preserved_random_state():
            figures = self.probe(runner)
        if is_main_process():
            text = ', '.join(f'{k} {v:.4f}' for k, v in figures.items())
            runner.logger.info(f'Epoch(probe) [{runner.epoch + 1}] {text}')
            for name, value in figures.items():
                runner.message_hub.update_scalar(name, value)
            runner.visualizer.add_scalars(figures, step=runner.epoch + 1)
        HOST_BARRIER.wait()

    def probe(self, runner: Runner) -> dict[str, float]:
        """Return the current accuracies; empty except on the main rank."""
        if self._loaders is None:
            self._loaders = tuple(
                runner.build_dataloader(config, seed=runner.seed)
                for config in self.loader_configs
            )
            for loader in self._loaders:
                for dataset in leaf_sets(loader.dataset):
                    check_listed_paths(dataset)
                shield_workers(loader)
        model = unwrapped(runner.model)
        tensors: list[Tensor] = []
        for loader in self._loaders:
            size = len(cast(Sized, loader.dataset))
            with gathered(runner.model):
                shares = pooled_features(model, loader)
            tensors += [gather_shares(share, size) for share in shares]
        if not is_main_process():
            return {}
        train_x, train_y, test_x, test_y = tensors
        figures = {
            'probe/knn': knn_accuracy(
                train_x, train_y, test_x, test_y, self.k, self.temperature
            )
        }
        if self.linear:
            result = linear_probe(train_x, train_y, test_x, test_y)
            figures['probe/linear'] = result.accuracy
        return figures
