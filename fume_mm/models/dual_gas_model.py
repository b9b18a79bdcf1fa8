"""The one model class: parts by config, a missing gas absent throughout."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel, ModuleDict, ModuleList
from mmengine.structures import PixelData
from torch import Tensor, nn
from torch.nn import functional as F

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES, DualGasDataSample

from .backbones.joint import JOINT
from .necks.streams import select

Stages = tuple[Tensor, ...]
Samples = list[DualGasDataSample]


@MODELS.register_module()
class DualGasModel(BaseModel):
    """Masks of tube and gas per gas, and the health of the rumen.

    FUME (arXiv 2601.08205, section 3) and its relatives: a backbone per gas, a fusion
    neck, a decode head per gas that reads the gas's own features, and a health head
    that reads the fused ones. A backbone may also join the gases itself
    (:mod:`~fume_mm.models.backbones.joint`); then there is no neck, and what it does
    not give per gas the decode heads read of the joint features. Loss = λ_seg · (mean
    over the gases in the batch of the gas's mask losses) + λ_cls · health loss.

    Shapes: N samples, N_g of them with gas g. A gas no sample has is not encoded, not
    attended to and not scored.

    Args:
        backbone: Config of the backbone: frames by gas to features by gas.
        neck: Config of the fusion; None without a health head, or where the backbone
            joins the gases.
        decode_head: Config of a decode head (ours or mmsegmentation's), built once per
            gas; None for a model without masks.
        health_head: Config of the health head; None for a model without health.
        auxiliary_head: Config or configs of decode heads that only training has, built
            per gas as well; their weight is their losses' own ``loss_weight``.
        gases: What the model looks at; frames of other gases are left alone.
        fuse_stage: Which stage of the backbone's features the neck fuses, or of its
            joint features the health head reads.
        decode_fused: Decode heads read the fused map in place of the fused stage.
        share_decode_head: One set of weights decodes all gases.
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
        auxiliary_head: dict[str, Any] | Sequence[dict[str, Any]] | None = None,
        gases: Sequence[str] = GASES,
        fuse_stage: int = -1,
        decode_fused: bool = False,
        share_decode_head: bool = False,
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
        if decode_head is None and auxiliary_head:
            raise UserError('model: an auxiliary_head comes with a decode_head.')
        self.gases = _checked_gases(gases)
        self.backbone: nn.Module = MODELS.build(backbone)
        joins = getattr(self.backbone, 'joint', False)
        if joins and neck is not None:
            raise UserError(
                f'model: {type(self.backbone).__name__} joins the gases itself; set '
                'neck=None.'
            )
        if not joins and (neck is None) != (health_head is None):
            raise UserError('model: neck and health_head come together or not at all.')
        if decode_fused and neck is None:
            raise UserError('model: decode_fused needs a neck.')
        self.neck: nn.Module | None = MODELS.build(neck) if neck else None
        if isinstance(auxiliary_head, dict):
            auxiliary_head = [auxiliary_head]
        # Any, as mmseg's heads are, for their loss_by_feat
        self.decode_head: Any = None
        self.auxiliary_head: Any = None
        if decode_head is not None:
            lists = _per_gas([decode_head], self.gases, share_decode_head)
            self.decode_head = ModuleDict({gas: lists[gas][0] for gas in lists})
        if auxiliary_head:
            lists = _per_gas(auxiliary_head, self.gases, share_decode_head)
            self.auxiliary_head = ModuleDict(lists)
        health: Any = MODELS.build(health_head) if health_head else None
        if decode_head is None and health.needs_masks:
            raise UserError(
                f'model: {type(health).__name__} reads the masks; give a '
                'decode_head or another health_head.'
            )
        self.health_head = health
        self.fuse_stage = fuse_stage
        self.decode_fused = decode_fused
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

    def forward_dense(self, frames: dict[str, Tensor], present: Tensor) -> Any:
        """Mode 'tensor' for export: a row per sample, no control flow on the data.

        Args:
            frames: For every gas of the model, (N, 1, H, W); rows of samples that lack
                the gas may hold anything finite.
            present: (N, 2) bool on the frames' device; each sample has a gas.

        Returns:
            As mode 'tensor' does.
        """
        masks, fused = self.run_dense(frames, present)
        out = {
            gas: resize_logits(logits, tuple(frames[gas].shape[2:]))
            for gas, logits in masks.items()
        }
        if self.health_head is not None:
            out['health'] = self.health_head(fused, masks, present)
        return out

    def run_dense(
        self, frames: dict[str, Tensor], present: Tensor
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """Of :meth:`forward_dense`, the part before masks are enlarged.

        Returns:
            Mask logits by gas (N, 3, h, w), zero where the gas is missing (which costs
            less here than after enlarging); and the map that the health head reads, if
            there is one.
        """
        features, fused = self._features(frames, present, dense=True)
        masks = {}
        for gas, logits in self._masks(self._decode(features)).items():
            here = present[:, GASES.index(gas)]
            masks[gas] = select(here, logits, torch.zeros_like(logits))
        return masks, fused

    def _compact(self, inputs: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """``present`` and, by gas, the frames that exist."""
        present = inputs['present']
        if len(self.gases) < len(GASES):
            known = torch.tensor([gas in self.gases for gas in GASES])
            present = present & known.to(present.device)
            if not present.any(dim=1).all():
                raise UserError(
                    f'the model looks at {", ".join(self.gases)} only, but a sample '
                    f'has no such frame; set dataset.gases={self.gases!r}.'
                )
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

    def _features(
        self, frames: dict[str, Tensor], present: Tensor, *, dense: bool = False
    ) -> tuple[dict[str, Stages], Tensor | None]:
        """What the decode heads read, by gas, and the health head's map.

        Args:
            frames: By gas, the frames that exist; if ``dense``, a row per sample.
            present: (N, 2) bool.
            dense: Keep a row per sample throughout.
        """
        backbone: Any = self.backbone
        neck: Any = self.neck
        features = (backbone.forward_dense if dense else backbone)(frames, present)
        joint = features.pop(JOINT, None)
        fused = None if joint is None else joint[self.fuse_stage]
        if neck is not None:
            deep = {gas: stages[self.fuse_stage] for gas, stages in features.items()}
            fused = (neck.forward_dense if dense else neck)(deep, present)
        for i, gas in enumerate(GASES):
            if gas not in frames:
                continue
            here = None if dense else present[:, i]
            if gas not in features:
                features[gas] = tuple(_rows(stage, here) for stage in joint)
            if self.decode_fused:
                assert fused is not None
                own = list(features[gas])
                own[self.fuse_stage] = _rows(fused, here)
                features[gas] = tuple(own)
        return features, fused

    def _decode(self, features: dict[str, Stages]) -> dict[str, Any]:
        """What the decode heads give, by gas; some give several logits."""
        if self.decode_head is None:
            return {}
        return {
            gas: self.decode_head[gas](features[gas])
            for gas in self.gases
            if gas in features
        }

    @staticmethod
    def _masks(decoded: dict[str, Any]) -> dict[str, Tensor]:
        """Of what the decode heads give, the logits of the masks."""
        return {
            gas: logits if isinstance(logits, Tensor) else logits[0]
            for gas, logits in decoded.items()
        }

    def _run(
        self, frames: dict[str, Tensor], present: Tensor
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """Mask logits by gas at the decoder's resolution, and the fused features."""
        features, fused = self._features(frames, present)
        return self._masks(self._decode(features)), fused

    def loss(
        self, frames: dict[str, Tensor], present: Tensor, samples: Samples
    ) -> dict[str, Tensor]:
        """Losses by task and gas, weighted as they are summed, and pixel accuracies."""
        features, fused = self._features(frames, present)
        decoded = self._decode(features)
        weight = self.seg_weight / max(len(decoded), 1)
        losses: dict[str, Tensor] = {}
        for gas, seg_logits in decoded.items():
            own = [sample.get(gas) for sample in samples if gas in sample]
            parts = self.decode_head[gas].loss_by_feat(seg_logits, own)
            for name, value in parts.items():
                losses[f'{gas}.{name}'] = value * weight if 'loss' in name else value
            if self.auxiliary_head is None:
                continue
            for i, head in enumerate(self.auxiliary_head[gas]):
                parts = head.loss_by_feat(head(features[gas]), own)
                for name, value in parts.items():
                    if 'loss' in name:
                        losses[f'{gas}.aux_{i}.{name}'] = value * weight
        if self.health_head is not None:
            masks = self._masks(decoded)
            health = self.health_head.loss(fused, samples, masks, present)
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
        masks, fused = self._run(frames, present)
        if samples is None:
            samples = _blank_samples(frames, present)
        for gas, seg_logits in masks.items():
            own = [sample.get(gas) for sample in samples if gas in sample]
            size = frames[gas].shape[2:]
            for part, row in zip(own, seg_logits, strict=True):
                full = resize_logits(row[None], part.get('ori_shape', tuple(size)))[0]
                part.seg_logits = PixelData(data=full)
                part.pred_sem_seg = PixelData(data=full.argmax(dim=0, keepdim=True))
        if self.health_head is not None:
            scores = self.health_head.predict(self.health_head(fused, masks, present))
            for sample, row in zip(samples, scores, strict=True):
                sample.set_health_scores(row)
        return samples

    def _tensor(self, frames: dict[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        masks, fused = self._run(frames, present)
        out: dict[str, Tensor] = {}
        for gas, seg_logits in masks.items():
            full = resize_logits(seg_logits, tuple(frames[gas].shape[2:]))
            dense = full.new_zeros(len(present), *full.shape[1:])
            dense[present[:, GASES.index(gas)].to(full.device)] = full
            out[gas] = dense
        if self.health_head is not None:
            out['health'] = self.health_head(fused, masks, present)
        return out


class DenseForward(nn.Module):
    """A model's dense path on tensors in a row, for what traces or compiles it.

    Args:
        model: In eval mode.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The values of :meth:`DualGasModel.forward_dense`.

        Args:
            *inputs: The frames of each of the model's gases, then ``present``.
        """
        *rows, present = inputs
        frames = dict(zip(self.model.gases, rows, strict=True))
        return tuple(self.model.forward_dense(frames, present).values())


def _rows(stage: Tensor, here: Tensor | None) -> Tensor:
    """The rows of samples that have a gas; all of them for None."""
    whole = here is None or bool(here.all())
    return stage if whole else stage[here.to(stage.device)]  # type: ignore[union-attr]


def _checked_gases(gases: Sequence[str]) -> tuple[str, ...]:
    unknown = [gas for gas in gases if gas not in GASES]
    if unknown or not gases or len(set(gases)) < len(gases):
        raise UserError(
            f'model.gases is {tuple(gases)!r}; name some of {", ".join(GASES)}, each '
            'once.'
        )
    return tuple(gas for gas in GASES if gas in gases)


def _per_gas(
    configs: Sequence[dict[str, Any]], gases: Sequence[str], share: bool
) -> dict[str, ModuleList]:
    """By gas the heads of ``configs``, the same ones for all if they share."""

    def build() -> ModuleList:
        return ModuleList([MODELS.build(config) for config in configs])

    one = build() if share else None
    return {gas: one or build() for gas in gases}


def resize_logits(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Logits (N, C, h, w) at ``size``, float32, bilinear."""
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
