"""FUME's random forest on hand-made features of the gas region."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES, HEALTH_CLASSES, DualGasDataSample

from ..data_preprocessor import DualGasDataPreprocessor
from .features import FEATURES, frame_features
from .forest_bytes import forest_from_bytes, forest_to_bytes

Samples = Sequence[DualGasDataSample]


@MODELS.register_module()
class RandomForestModel(BaseModel):
    """Health of the rumen from features of the gas, by a random forest (baseline 5).

    **It reads the TRUE masks, in training and in test**, as the original does: what it
    scores is an upper bound for features of a predicted mask, and no camera gives it.
    It cannot be run on frames without masks.

    A frame gives one row of :data:`~.features.FEATURES`. The forest learns each frame
    as one case; a sample with both gases has the mean of its frames' probabilities.
    :class:`~fume_mm.engine.loops.FitLoop` trains it: one pass over the training split,
    then the fit.

    The fitted forest is an entry ``forest`` of the state dict, the bytes of a skops
    file (n,) uint8; nothing is pickled. Loading refuses anything but such a forest.

    Args:
        trees: Number of trees.
        max_depth: Depth of a tree at most; None is no limit.
        class_weight: scikit-learn's; 'balanced' weighs classes by inverse frequency.
        data_preprocessor: Config of the preprocessor; None keeps gray levels 0 to 255.
    """

    #: Entries of the state dict whose size belongs to the checkpoint, not the config.
    free_sizes = ('forest',)

    def __init__(
        self,
        trees: int = 100,
        *,
        max_depth: int | None = 10,
        class_weight: str | None = 'balanced',
        data_preprocessor: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            data_preprocessor=data_preprocessor or DualGasDataPreprocessor(0.0, std=1.0)
        )
        if trees < 1 or (max_depth is not None and max_depth < 1):
            raise UserError(
                f'model.trees is {trees}, model.max_depth {max_depth}; both must be at '
                'least 1.'
            )
        if class_weight not in ('balanced', None):
            raise UserError(
                f"model.class_weight is {class_weight!r}; choose 'balanced' or None."
            )
        self.trees = trees
        self.max_depth = max_depth
        self.class_weight = class_weight
        self.forest: Tensor
        self.register_buffer('forest', torch.zeros(0, dtype=torch.uint8))
        self._fitted: Any = None
        self._collected: list[tuple[np.ndarray, np.ndarray]] = []

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: Samples | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """Predict.

        Args:
            inputs: By gas the frames (N_g, 1, H, W) of the samples that have it, and
                ``present`` (N, 2) bool, gases in the order of GASES.
            data_samples: The N samples with their true masks (H, W).
            mode: 'predict'; a forest has neither losses nor a differentiable output.

        Returns:
            The samples with ``health_scores`` and ``pred_health``.
        """
        if mode == 'loss':
            raise UserError(
                'RandomForestModel has no losses; train it with '
                "train_cfg=dict(type='FitLoop')."
            )
        if mode != 'predict':
            raise UserError(
                f'RandomForestModel has no mode {mode!r}; it reads the true masks of '
                "samples, so only mode='predict' with data_samples can be had."
            )
        return self.predict(inputs, data_samples or ())

    def train_step(
        self, data: dict[str, Any], optim_wrapper: OptimWrapper | None = None
    ) -> dict[str, Tensor]:
        """Remember the features of a batch for :meth:`fit`.

        Args:
            data: What the loader collated.
            optim_wrapper: Not used; MMEngine's signature.
        """
        batch = self.data_preprocessor(data, training=True)
        features, owners = self._features(batch['inputs'], batch['data_samples'])
        labels = np.array([_label(sample) for sample in batch['data_samples']])
        self._collected.append((features, labels[owners]))
        return {}

    def fit(self, *, seed: int) -> int:
        """Fit the forest to what was collected, and forget that.

        Args:
            seed: Of the forest's random choices.

        Returns:
            How many frames it was fitted to.
        """
        from sklearn.ensemble import RandomForestClassifier

        if not self._collected:
            raise UserError('the random forest has no frame to learn from.')
        features, labels = map(np.concatenate, zip(*self._collected, strict=True))
        self._collected = []
        self._fitted = RandomForestClassifier(
            self.trees,
            max_depth=self.max_depth,
            class_weight=self.class_weight,
            random_state=seed,
        ).fit(features, labels)
        data = bytearray(forest_to_bytes(self._fitted))
        self.forest = torch.frombuffer(data, dtype=torch.uint8).to(self.forest.device)
        return len(features)

    def predict(self, inputs: dict[str, Tensor], samples: Samples) -> Samples:
        """The samples with their health; see :meth:`forward`."""
        if self._fitted is None:
            raise UserError(
                'the random forest has not been fitted; train it with tools/train.py '
                'and give its checkpoint.'
            )
        features, owners = self._features(inputs, samples)
        by_class = np.zeros((len(features), len(HEALTH_CLASSES)))
        # a class that training did not show has no column of its own
        by_class[:, self._fitted.classes_] = self._fitted.predict_proba(features)
        scores = np.zeros((len(samples), len(HEALTH_CLASSES)))
        np.add.at(scores, owners, by_class)
        scores /= np.bincount(owners, minlength=len(samples))[:, None]
        rows = torch.from_numpy(scores).float().to(self.forest.device)
        for sample, row in zip(samples, rows, strict=True):
            sample.set_health_scores(row)
        return samples

    def _features(
        self, inputs: dict[str, Tensor], samples: Samples
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (F, len(FEATURES)) of all frames, and whose they are, (F,)."""
        rows, owners = [], []
        for gas in (gas for gas in GASES if gas in inputs):
            own = [i for i, sample in enumerate(samples) if gas in sample]
            frames = inputs[gas].cpu().numpy()[:, 0]
            for i, frame in zip(own, frames, strict=True):
                rows.append(frame_features(frame, _mask(samples[i], gas), gas))
            owners += own
        return np.reshape(rows, (-1, len(FEATURES))), np.array(owners, np.int64)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        stored = state_dict.get(f'{prefix}forest')
        if stored is not None:
            self._fitted = _read(stored)
            # PyTorch copies into what is there, which must have the size
            self.forest = torch.empty_like(stored, device=self.forest.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @staticmethod
    def check_weights(state_dict: dict[str, Tensor]) -> None:
        """Raise a UserError unless ``state_dict`` holds a forest, or none yet."""
        _read(state_dict['forest'])


def _read(stored: Tensor) -> Any:
    """The forest of a state dict's entry; None where none was fitted."""
    if stored.dtype != torch.uint8 or stored.dim() != 1:
        raise UserError(
            f'holds no random forest: its entry is {tuple(stored.shape)} '
            f'{stored.dtype}, not bytes; give a checkpoint of this config.'
        )
    if not len(stored):
        return None
    return forest_from_bytes(
        stored.cpu().numpy().tobytes(),
        num_features=len(FEATURES),
        num_classes=len(HEALTH_CLASSES),
    )


def _mask(sample: DualGasDataSample, gas: str) -> np.ndarray:
    """The true mask of the sample's frame of ``gas``, (H, W)."""
    part = sample.get(gas)
    if 'gt_sem_seg' not in part:
        raise UserError(
            f'sample {sample.get("sample_id")!r} has no true {gas} mask, which '
            'RandomForestModel reads; put LoadDualGasMasks in the pipeline, or take a '
            'model that makes masks itself.'
        )
    return part.gt_sem_seg.data[0].cpu().numpy()


def _label(sample: DualGasDataSample) -> int:
    if 'gt_health' not in sample:
        raise UserError(
            f'sample {sample.get("sample_id")!r} has no health class, which training '
            'needs; give its row a class_id.'
        )
    return int(sample.gt_health)
