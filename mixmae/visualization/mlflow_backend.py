"""Backend of a visualizer that writes to MLflow 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.visualization import MLflowVisBackend

from mixmae.registry import VISBACKENDS


@VISBACKENDS.register_module()
class MLflowBackend(MLflowVisBackend):
    """``MLflowVisBackend`` for MLflow >= 3.

    MLflow 3 no longer writes to a folder of files, MMEngine's default, and
    needs a file extension in the names of images. The default here is
    ``mlflow.db`` in the work folder, to be opened by
    ``mlflow ui --backend-store-uri sqlite:///WORK_DIR/mlflow.db``.

    Args:
        save_dir: Folder of a process's logs; its grandparent is the work
            folder.
        tracking_uri: Address of a server or a database; None = the default.
        artifact_location: Place of images and files; None = the folder
            ``mlflow_artifacts`` in the work folder, or the server's.
        options: Other arguments of ``MLflowVisBackend``.
    """

    def __init__(
        self,
        save_dir: str,
        tracking_uri: str | None = None,
        artifact_location: str | None = None,
        **options: Any,
    ) -> None:
        if tracking_uri is None:
            work_dir = Path(save_dir).resolve().parents[1]
            tracking_uri = f'sqlite:///{work_dir / "mlflow.db"}'
            if artifact_location is None:
                artifact_location = (work_dir / 'mlflow_artifacts').as_uri()
            # Others would share the artifacts of the first.
            options.setdefault('exp_name', work_dir.name)
        super().__init__(
            save_dir,
            tracking_uri=tracking_uri,
            artifact_location=artifact_location,
            **options,
        )

    def add_image(
        self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any
    ) -> None:
        """Write an image (H, W, 3), uint8 RGB, as ``NAME_STEP.png``."""
        super().add_image(f'{name}_{step}.png', image, step, **kwargs)
