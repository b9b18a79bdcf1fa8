"""The one model class: parts by config, a missing gas absent throughout."""

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor, nn
from torch.nn import functional as F

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES, DualGasDataSample

Samples = list[DualGasDataSample]


@MODELS.register_module()
class DualGasModel(BaseModel):
    """Masks of tube and gas per gas, and the health of the rumen.

    FUME (arXiv 2601.08205, section 3) and its relatives: a backbone per gas, a fusion
    neck, a decode head per gas that reads the gas's own features, and a health head
    that reads the fused ones. Loss = λ_seg · (mean over the gases in the batch of the
    gas's mask loss) + λ_cls · health loss.

    Shapes: N samples, N_g of them with gas g. A gas no sample has is not encoded, not
    attended to and not scored.

    Args:
        backbone: Config of the backbone: frames by gas to features by gas.
        neck: Config of the fusion; None only without a health head.
        decode_head: Config of a decode head (ours or mmsegmentation's), built once per
            gas; None for a model without masks.
        health_head: Config of the health head; None for a model without health.
        fuse_stage: Which stage of the backbone's features the neck fuses.
        seg_weight: λ_seg.
        health_weight: λ_cls.
        data_preprocessor: Config of the preprocessor.
        init_cfg: MMEngine's initialisation.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        *,
        neck: dict[str, Any] | None = None,
        decode_head: dict[str, Any] | None = None,
        health_head: dict[str, Any] | None = None,
        fuse_stage: int = -1,
        seg_weight: float = 1.0,
        health_weight: float = 1.0,
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            data_preprocessor=data_preprocessor or {'type': 'DualGasDataPreprocessor'},
            init_cfg=init_cfg,
        )
        if decode_head is None and health_head is None:
            raise UserError('model: give a decode_head, a health_head or both.')
        if (neck is None) != (health_head is None):
            raise UserError('model: neck and health_head come together or not at all.')
        self.backbone: nn.Module = MODELS.build(backbone)
        self.neck: nn.Module | None = MODELS.build(neck) if neck else None
        # Any, as mmseg's heads are, for their loss_by_feat
        self.decode_head: Any = (
            nn.ModuleDict({gas: MODELS.build(decode_head) for gas in GASES})
            if decode_head
            else None
        )
        health: Any = MODELS.build(health_head) if health_head else None
        if decode_head is None and health.needs_masks:
            raise UserError(
                f'model: {type(health).__name__} reads the masks; give a '
                'decode_head or another health_head.'
            )
        self.health_head = health
        self.fuse_stage = fuse_stage
        self.seg_weight = seg_weight
        self.health_weight = health_weight

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: Samples | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """Run the model.

        Args:
            inputs: By gas frames (N_g, 1, H, W) of the samples that have it, or
                (N, 1, H, W) of which only the rows that ``present`` marks are read; and
                ``present`` (N, 2) bool, gases in the order of GASES.
            data_samples: The N samples; needed for 'loss'.
            mode: 'tensor', 'loss' or 'predict'.

        Returns:
            'tensor': by gas logits (N, 3, H, W), zero where the gas is missing, and
            'health' logits (N, 3). 'loss': dict of losses. 'predict': the samples with
            their predictions.
        """
        present, frames = self._compact(inputs)
        if mode == 'tensor':
            return self._tensor(frames, present)
        if mode == 'loss':
            assert data_samples is not None
            return self.loss(frames, present, data_samples)
        if mode == 'predict':
            return self.predict(frames, present, data_samples)
        raise ValueError(f"mode must be 'tensor', 'loss' or 'predict', not {mode!r}")

    @staticmethod
    def _compact(inputs: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """``present`` and, by gas, the frames that exist."""
        present = inputs['present']
        frames: dict[str, Tensor] = {}
        for i, gas in enumerate(GASES):
            count = int(present[:, i].sum())
            if count == 0:
                continue
            rows = inputs[gas]
            if len(rows) == len(present) != count:
                rows = rows[present[:, i].to(rows.device)]
            elif len(rows) != count:
                raise UserError(
                    f'inputs[{gas!r}] has {len(rows)} frames, but `present` marks '
                    f'{count} of {len(present)} samples; give either number.'
                )
            frames[gas] = rows
        return present, frames

    def _run(
        self, frames: dict[str, Tensor], present: Tensor
    ) -> tuple[dict[str, Any], Tensor | None]:
        """Mask logits by gas at the decoder's resolution, and the fused features."""
        features = self.backbone(frames)
        logits = {}
        if self.decode_head is not None:
            logits = {gas: self.decode_head[gas](features[gas]) for gas in features}
        if self.neck is None:
            return logits, None
        deep = {gas: stages[self.fuse_stage] for gas, stages in features.items()}
        return logits, self.neck(deep, present)

    def loss(
        self, frames: dict[str, Tensor], present: Tensor, samples: Samples
    ) -> dict[str, Tensor]:
        """Losses by task and gas, weighted as they are summed, and pixel accuracies."""
        logits, fused = self._run(frames, present)
        losses: dict[str, Tensor] = {}
        for gas, seg_logits in logits.items():
            own = [sample.get(gas) for sample in samples if gas in sample]
            parts = self.decode_head[gas].loss_by_feat(seg_logits, own)
            for name, value in parts.items():
                if 'loss' in name:
                    value = value * (self.seg_weight / len(logits))
                losses[f'{gas}.{name}'] = value
        if fused is not None:
            health = self.health_head.loss(fused, samples, logits, present)
            for name, value in health.items():
                losses[name] = value * self.health_weight
        return losses

    def predict(
        self,
        frames: dict[str, Tensor],
        present: Tensor,
        samples: Samples | None = None,
    ) -> Samples:
        """The samples with ``pred_sem_seg`` and ``seg_logits`` at the size on disk."""
        logits, fused = self._run(frames, present)
        if samples is None:
            samples = _blank_samples(frames, present)
        for gas, seg_logits in logits.items():
            own = [sample.get(gas) for sample in samples if gas in sample]
            size = frames[gas].shape[2:]
            for part, row in zip(own, seg_logits, strict=True):
                full = _resize(row[None], part.get('ori_shape', tuple(size)))[0]
                part.seg_logits = PixelData(data=full)
                part.pred_sem_seg = PixelData(data=full.argmax(dim=0, keepdim=True))
        if fused is not None:
            scores = self.health_head.predict(self.health_head(fused, logits, present))
            for sample, row in zip(samples, scores, strict=True):
                sample.set_health_scores(row)
        return samples

    def _tensor(self, frames: dict[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        logits, fused = self._run(frames, present)
        out: dict[str, Tensor] = {}
        for i, gas in enumerate(GASES):
            if gas not in logits:
                continue
            full = _resize(logits[gas], tuple(frames[gas].shape[2:]))
            dense = full.new_zeros(len(present), *full.shape[1:])
            dense[present[:, i].to(full.device)] = full
            out[gas] = dense
        if fused is not None:
            out['health'] = self.health_head(fused, logits, present)
        return out


def _resize(logits: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(
        logits.float(), size=tuple(size), mode='bilinear', align_corners=False
    )


def _blank_samples(frames: dict[str, Tensor], present: Tensor) -> Samples:
    from mmseg.structures import SegDataSample

    samples = []
    for row in present.tolist():
        sample = DualGasDataSample()
        for gas, here in zip(GASES, row, strict=True):
            if here:
                shape = tuple(frames[gas].shape[2:])
                sample.set_gas(gas, SegDataSample(metainfo={'ori_shape': shape}))
        samples.append(sample)
    return samples
