"""Trackers that keep the axis of iterations: Weights & Biases, MLflow."""

import os
from typing import Any

import numpy as np
from mmengine.visualization import MLflowVisBackend, WandbVisBackend

from fume_mm.registry import VISBACKENDS


@VISBACKENDS.register_module()
class IterationWandbVisBackend(WandbVisBackend):
    """MMEngine's backend, which leaves the step to W&B and so loses the iteration.

    W&B counts calls unless told otherwise, and drops what is logged for a step that it
    has passed; here every scalar and picture goes to the iteration it belongs to, so
    that validation stands beside the training it followed. Arguments are
    :class:`mmengine.visualization.WandbVisBackend`'s.
    """

    def add_image(
        self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any
    ) -> None:
        """Log a picture, (h, w, 3) uint8 RGB, at iteration ``step``."""
        self.experiment.log({name: self.experiment.Image(image)}, step=step)

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Log a number at iteration ``step``."""
        self.experiment.log({name: value}, step=step)

    def add_scalars(
        self,
        scalar_dict: dict[str, Any],
        step: int = 0,
        file_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Log numbers at iteration ``step``."""
        self.experiment.log(dict(scalar_dict), step=step)

    def close(self) -> None:
        """End W&B's run."""
        if hasattr(self, '_wandb'):
            self._wandb.finish()


@VISBACKENDS.register_module()
class FolderMLflowVisBackend(MLflowVisBackend):
    """MMEngine's backend, which keeps runs in the run's own folder, for today's MLflow.

    MLflow refuses a folder unless it is told that one is wanted, names of pictures
    without an ending, and a figure whose name is the beginning of another's, which in a
    folder would be file and folder at once: it is kept as ``<name>/mean``.

    Arguments are :class:`mmengine.visualization.MLflowVisBackend`'s; with
    ``tracking_uri`` runs go to a server instead.
    """

    def _init_env(self) -> Any:
        if self._tracking_uri is None:
            os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')
        return super()._init_env()

    def add_image(
        self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any
    ) -> None:
        """Log a picture, (h, w, 3) uint8 RGB, as ``<name>_<step>.png``."""
        self.experiment.log_image(image, f'{name}_{step}.png')

    def add_scalars(
        self,
        scalar_dict: dict[str, Any],
        step: int = 0,
        file_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Log numbers at iteration ``step``."""
        renamed = {}
        for key, value in scalar_dict.items():
            begins = any(other.startswith(f'{key}/') for other in scalar_dict)
            renamed[f'{key}/mean' if begins else key] = value
        super().add_scalars(renamed, step, file_path, **kwargs)
