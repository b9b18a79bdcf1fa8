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
from fume_mm.structures import GAS, GASES, HEALTH_CLASSES, DualGasDataSample

from ..data_preprocessor import DualGasDataPreprocessor
from ..heads.health_head import health_labels
from .features import FEATURES, frame_features

Samples = Sequence[DualGasDataSample]
#: Numbers of a case: its features, and its class.
_WIDTH = len(FEATURES) + 1


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

    A checkpoint holds no trees but what they are grown from: ``cases``, a row for each
    frame with its features and its class, (F, len(FEATURES) + 1) float64, and ``seed``.
    They are grown again when first asked, under the same scikit-learn the same ones.

    Args:
        trees: Number of trees.
        max_depth: Depth of a tree at most; None is no limit.
        class_weight: scikit-learn's; 'balanced' weighs classes by inverse frequency.
        num_classes: Health classes.
        gas_class: Value of the gas in a mask.
        data_preprocessor: Config of the preprocessor; None keeps gray levels 0 to 255.
    """

    #: Entries of the state dict whose size belongs to the checkpoint, not the config.
    free_sizes = ('cases',)

    def __init__(
        self,
        trees: int = 100,
        *,
        max_depth: int | None = 10,
        class_weight: str | None = 'balanced',
        num_classes: int = len(HEALTH_CLASSES),
        gas_class: int = GAS,
        data_preprocessor: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            data_preprocessor=data_preprocessor
            or DualGasDataPreprocessor(mean=0.0, std=1.0)
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
        self.num_classes = num_classes
        self.gas_class = gas_class
        self.cases: Tensor
        self.seed: Tensor
        self.register_buffer('cases', torch.zeros(0, _WIDTH, dtype=torch.float64))
        self.register_buffer('seed', torch.zeros((), dtype=torch.int64))
        self._grown: Any = None
        self._collected: list[np.ndarray] = []

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
        if mode != 'predict':
            raise UserError(
                f'RandomForestModel has no mode {mode!r}: it reads the true masks of '
                "samples, so give mode='predict' with data_samples; it is trained "
                "with train_cfg=dict(type='FitLoop')."
            )
        samples = data_samples or ()
        forest = self._forest()
        features, owners = self._features(inputs, samples)
        by_class = np.zeros((len(features), self.num_classes))
        # a class that training did not show has no column of its own
        by_class[:, forest.classes_] = forest.predict_proba(features)
        scores = np.zeros((len(samples), self.num_classes))
        np.add.at(scores, owners, by_class)
        scores /= np.bincount(owners, minlength=len(samples))[:, None]
        rows = torch.from_numpy(scores).float().to(self.cases.device)
        for sample, row in zip(samples, rows, strict=True):
            sample.set_health_scores(row)
        return samples

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
        labels = health_labels(batch['data_samples']).cpu().numpy()
        self._collected.append(np.column_stack([features, labels[owners]]))
        return {}

    def fit(self, *, seed: int) -> int:
        """Fit the forest to what was collected, and forget that.

        Args:
            seed: Of the forest's random choices.

        Returns:
            How many frames it was fitted to.
        """
        if not self._collected:
            raise UserError('the random forest has no frame to learn from.')
        cases = torch.from_numpy(np.concatenate(self._collected))
        self._collected = []
        self.cases, self.seed = cases.to(self.cases.device), torch.tensor(seed)
        self._grown = None
        self._forest()
        return len(cases)

    def _forest(self) -> Any:
        """scikit-learn's forest of the cases, grown at the first call."""
        from sklearn.ensemble import RandomForestClassifier

        if self._grown is None:
            if not len(self.cases):
                raise UserError(
                    'the random forest has not been fitted; train it with '
                    'tools/train.py and give its checkpoint.'
                )
            cases = self.cases.cpu().numpy()
            self._grown = RandomForestClassifier(
                self.trees,
                max_depth=self.max_depth,
                class_weight=self.class_weight,
                random_state=int(self.seed),
            ).fit(cases[:, :-1], cases[:, -1].astype(np.int64))
        return self._grown

    def _features(
        self, inputs: dict[str, Tensor], samples: Samples
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (F, len(FEATURES)) of all frames, and whose they are, (F,)."""
        rows, owners = [], []
        for gas in (gas for gas in GASES if gas in inputs):
            having = [i for i, sample in enumerate(samples) if gas in sample]
            frames = inputs[gas].cpu().numpy()[:, 0]
            for i, frame in zip(having, frames, strict=True):
                mask = _mask(samples[i], gas)
                rows.append(frame_features(frame, mask, gas, self.gas_class))
            owners += having
        return np.reshape(rows, (-1, len(FEATURES))), np.array(owners, np.int64)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        if f'{prefix}cases' in state_dict:
            cases = state_dict[f'{prefix}cases']
            seed = state_dict.get(f'{prefix}seed')
            self.check_weights({'cases': cases, 'seed': seed})
            # PyTorch copies into what is there, which must have the size
            self.cases = torch.empty_like(cases, device=self.cases.device)
            self._grown = None
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def check_weights(self, state_dict: dict[str, Any]) -> None:
        """Raise a UserError if no forest can be grown from ``state_dict``."""
        if 'forest' in state_dict:
            raise UserError(
                'holds a random forest as earlier versions stored it, which is no '
                'longer read; train again with tools/train.py.'
            )
        cases, seed = state_dict.get('cases'), state_dict.get('seed')
        if cases is None or seed is None:
            return  # of another model: what compares the names says so
        problem = None
        if cases.dtype != torch.float64 or cases.shape[1:] != (_WIDTH,):
            problem = f'its cases are {tuple(cases.shape)} {cases.dtype}'
        elif not cases.isfinite().all():
            problem = 'a feature is not a number'
        elif not {*cases[:, -1].tolist()} <= {*range(self.num_classes)}:
            problem = f'a class is none of the {self.num_classes} of the model'
        elif seed.shape or seed.is_floating_point() or not 0 <= int(seed) < 2**32:
            problem = 'its seed is no number from 0 to 2**32 - 1'
        if problem:
            raise UserError(
                f'holds nothing that a random forest can be grown from ({problem}); it '
                'was damaged or changed, so train again or use another copy.'
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
