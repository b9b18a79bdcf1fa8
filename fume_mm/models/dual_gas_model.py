"""The one model class: parts by config, a missing gas absent throughout."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel, ModuleDict, ModuleList
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES, DualGasDataSample

from .backbones.joint import JOINT
from .heads import MaskHead
from .layers import enlarge
from .rows import CompactRows, DenseRows, Features, Rows, Stages

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
        data_preprocessor: Config of the preprocessor.
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
        missing: What stands for a gas that a sample lacks. 'absent': nothing. 'black':
            as in FUME's code, a frame of ``black``, encoded and decoded with the others
            and so in their batch statistics; a fusion reads its features unless it
            ``masks_missing``; its masks are neither scored nor given.
        black: Its pixels as the encoder sees them; -1 is black after FUME's
            normalisation, 0 what its published outputs had.
        seg_weight: λ_seg.
        health_weight: λ_cls.
        task_weights: Config of :class:`~.task_weights.TaskWeights`, which multiply
            both while training goes on; None leaves them constant.
        init_cfg: MMEngine's initialisation.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        *,
        data_preprocessor: dict[str, Any],
        neck: dict[str, Any] | None = None,
        decode_head: dict[str, Any] | None = None,
        health_head: dict[str, Any] | None = None,
        auxiliary_head: dict[str, Any] | Sequence[dict[str, Any]] | None = None,
        gases: Sequence[str] = GASES,
        fuse_stage: int = -1,
        decode_fused: bool = False,
        share_decode_head: bool = False,
        missing: str = 'absent',
        black: float = 0.0,
        seg_weight: float = 1.0,
        health_weight: float = 1.0,
        task_weights: dict[str, Any] | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if decode_head is None and health_head is None:
            raise UserError('model: give a decode_head, a health_head or both.')
        if decode_head is None and auxiliary_head:
            raise UserError('model: an auxiliary_head comes with a decode_head.')
        if missing not in ('absent', 'black'):
            raise UserError(
                f"model.missing is {missing!r}; choose 'absent' or 'black'."
            )
        if missing == 'black' and auxiliary_head:
            raise UserError("model: missing='black' takes no auxiliary_head.")
        self.missing = missing
        self.black = black
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

        def per_gas(build: Callable[[], nn.Module]) -> ModuleDict:
            one = build() if share_decode_head else None
            return ModuleDict({gas: one or build() for gas in self.gases})

        # Any, as mmseg's heads are, for their loss_by_feat
        self.decode_head: Any = None
        self.auxiliary_head: Any = None
        if decode_head is not None:
            self.decode_head = per_gas(lambda: MODELS.build(decode_head))
        if auxiliary_head:
            self.auxiliary_head = per_gas(
                lambda: ModuleList(MODELS.build(config) for config in auxiliary_head)
            )
        health: Any = MODELS.build(health_head) if health_head else None
        if decode_head is None and health.needs_masks:
            raise UserError(
                f'model: {type(health).__name__} reads the masks; give a decode_head '
                'or another health_head.'
            )
        self.health_head = health
        self.fuse_stage = fuse_stage
        self.decode_fused = decode_fused
        self.seg_weight = seg_weight
        self.health_weight = health_weight
        if task_weights and (decode_head is None or health_head is None):
            raise UserError(
                'model: task_weights weigh two tasks; give a decode_head and a '
                'health_head, or leave task_weights out.'
            )
        self.task_weights = MODELS.build(task_weights) if task_weights else None

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
            data_samples: The N samples; for 'tensor' None will do.
            mode: 'tensor', 'loss' or 'predict'.

        Returns:
            'tensor': by gas logits (N, 3, H, W), zero where the gas is missing, and
            'health' logits (N, 3). 'loss': dict of losses. 'predict': the samples with
            their predictions.
        """
        rows, frames = self._compact(inputs)
        if mode == 'tensor':
            return self.tensor(frames, rows)
        if mode not in ('loss', 'predict'):
            raise ValueError(
                f"mode must be 'tensor', 'loss' or 'predict', not {mode!r}"
            )
        assert data_samples is not None
        return getattr(self, mode)(frames, rows, data_samples)

    def tensor(self, frames: Features, rows: Rows) -> Features:
        """Mode 'tensor', also of dense rows, as what is traced or compiled has them."""
        masks, fused = self.run(frames, rows)
        out = {
            gas: _full_size(rows.stream(gas, logits), frames[gas].shape[2:])
            for gas, logits in masks.items()
        }
        if self.health_head is not None:
            out['health'] = self.health_head(fused, masks, rows)
        return out

    def run(self, frames: Features, rows: Rows) -> tuple[Features, Tensor | None]:
        """The forward pass up to the health head, masks at the decoder's size.

        Args:
            frames: By gas, (N_g, 1, H, W) or, of dense rows, (N, 1, H, W) of every gas
                of the model.
            rows: Which rows these are.

        Returns:
            Mask logits by gas (·, 3, h, w) of the same rows, and the map (N, C, h, w)
            that the health head reads, if there is one.
        """
        features, fused = self._features(frames, rows)
        return _masks(self._decode(features, frames, rows)), fused

    def _compact(self, inputs: Features) -> tuple[CompactRows, Features]:
        """The frames that exist, by gas."""
        present = inputs['present']
        if len(self.gases) < len(GASES):
            known = torch.tensor([gas in self.gases for gas in GASES])
            present = present & known.to(present.device)
            if not present.any(dim=1).all():
                raise UserError(
                    f'the model looks at {", ".join(self.gases)} only, but a sample '
                    f'has no such frame; set dataset.gases={self.gases!r}.'
                )
        rows = CompactRows(present)
        frames: Features = {}
        counts = zip(GASES, present.sum(dim=0).tolist(), strict=True)
        for gas, count in ((gas, count) for gas, count in counts if count):
            x = inputs[gas]
            if len(x) == len(present) != count:
                x = rows.take(gas, x)
            elif len(x) != count:
                raise UserError(
                    f'inputs[{gas!r}] has {len(x)} frames, but `present` marks '
                    f'{count} of {len(present)} samples; give either number.'
                )
            frames[gas] = x
        return rows, frames

    def _features(
        self, frames: Features, rows: Rows
    ) -> tuple[dict[str, Stages], Tensor | None]:
        """What the decode heads read, by gas, and the health head's map."""
        real, real_rows = frames, rows
        if self.missing == 'black':
            frames, rows = self._with_black(frames, rows)
        features = self.backbone(frames, rows)
        joint = features.pop(JOINT, None)
        fused = None if joint is None else joint[self.fuse_stage]
        if self.neck is not None:
            deep = {gas: stages[self.fuse_stage] for gas, stages in features.items()}
            if rows is not real_rows and getattr(self.neck, 'masks_missing', False):
                deep = {gas: real_rows.take(gas, deep[gas]) for gas in real}
                fused = self.neck(deep, real_rows)
            else:
                fused = self.neck(deep, rows)
        for gas in frames:
            if gas not in features:
                features[gas] = tuple(rows.take(gas, stage) for stage in joint)
            if self.decode_fused:
                assert fused is not None
                stages = list(features[gas])
                stages[self.fuse_stage] = rows.take(gas, fused)
                features[gas] = tuple(stages)
        return features, fused

    def _with_black(self, frames: Features, rows: Rows) -> tuple[Features, Rows]:
        """A frame of each gas for each sample."""
        like = next(iter(frames.values()))
        filling = {gas: like.new_full((1,), self.black) for gas in self.gases}
        streams = rows.spread(frames, filling)
        every = type(rows)(torch.ones_like(rows.present))
        return {gas: streams[gas] for gas in self.gases}, every

    def _decode(
        self, features: dict[str, Stages], frames: Features, rows: Rows
    ) -> dict[str, Any]:
        """What the decode heads give of ``frames``; some give several logits."""
        if self.decode_head is None:
            return {}
        decoded = {
            gas: self.decode_head[gas](features[gas])
            for gas in self.gases
            if gas in features
        }
        if self.missing == 'black':
            return {gas: rows.take(gas, decoded[gas]) for gas in frames}
        return decoded

    def loss(
        self, frames: Features, rows: CompactRows, samples: Samples
    ) -> dict[str, Tensor]:
        """Losses by task and gas, weighted as they are summed.

        Auxiliary heads have theirs in training mode only.
        """
        features, fused = self._features(frames, rows)
        decoded = self._decode(features, frames, rows)
        weight = self.seg_weight / max(len(decoded), 1)
        losses: dict[str, Tensor] = {}
        for gas, seg_logits in decoded.items():
            targets = [sample.get(gas) for sample in samples if gas in sample]
            parts = _loss(self.decode_head[gas], seg_logits, targets)
            for name, value in parts.items():
                losses[f'{gas}.{name}'] = value * weight if 'loss' in name else value
            if self.auxiliary_head is None or not self.training:
                continue
            for i, head in enumerate(self.auxiliary_head[gas]):
                parts = _loss(head, head(features[gas]), targets)
                for name, value in parts.items():
                    if 'loss' in name:
                        losses[f'{gas}.aux_{i}.{name}'] = value * weight
        if self.health_head is None:
            return losses
        parts = self.health_head.loss(fused, samples, _masks(decoded), rows)
        health = {name: x * self.health_weight for name, x in parts.items()}
        if self.task_weights is not None:
            return self.task_weights({'seg': losses, 'health': health})
        return losses | health

    def predict(self, frames: Features, rows: CompactRows, samples: Samples) -> Samples:
        """The samples with ``pred_sem_seg`` and ``seg_logits`` at the size on disk."""
        masks, fused = self.run(frames, rows)
        for gas, seg_logits in masks.items():
            parts = [sample.get(gas) for sample in samples if gas in sample]
            size = frames[gas].shape[2:]
            for part, row in zip(parts, seg_logits, strict=True):
                full = _full_size(row[None], part.get('ori_shape', size))[0]
                part.seg_logits = PixelData(data=full)
                # on a CPU argmax gives the same in twenty times the time
                mask = full.max(0, keepdim=True).indices.to(torch.uint8)
                part.pred_sem_seg = PixelData(data=mask)
        if self.health_head is not None:
            scores = self.health_head.predict(self.health_head(fused, masks, rows))
            for sample, row in zip(samples, scores, strict=True):
                sample.set_health_scores(row)
        return samples


def _full_size(logits: Tensor, size: Sequence[int]) -> Tensor:
    """``logits`` (N, C, h, w) enlarged to (N, C, H, W) float32, contiguous.

    Each class's plane as a picture of its own, which takes half the time on a CPU.
    """
    planes = logits.float().flatten(0, 1).unsqueeze(1)
    return enlarge(planes, size).unflatten(0, logits.shape[:2]).squeeze(2)


def _loss(head: Any, logits: Any, targets: list[SegDataSample]) -> dict[str, Tensor]:
    """The losses of a decode head; mmsegmentation's own want masks of int64."""
    if not isinstance(head, MaskHead):
        masks = [target.gt_sem_seg.data.long() for target in targets]
        targets = [SegDataSample(gt_sem_seg=PixelData(data=mask)) for mask in masks]
        if isinstance(logits, Tensor) and not head.training:
            # some heads give several logits in training, and only then
            return BaseDecodeHead.loss_by_feat(head, logits, targets)
    return head.loss_by_feat(logits, targets)


def _masks(decoded: dict[str, Any]) -> Features:
    """Of what the decode heads give, the logits of the masks."""
    return {
        gas: logits if isinstance(logits, Tensor) else logits[0]
        for gas, logits in decoded.items()
    }


class DenseForward(nn.Module):
    """A model on tensors in a row, dense, for what traces or compiles it.

    Args:
        model: In eval mode.
    """

    def __init__(self, model: DualGasModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The values of mode 'tensor'.

        Args:
            *inputs: The frames (N, 1, H, W) of each of the model's gases, then
                ``present`` (N, 2) bool.
        """
        *frames, present = inputs
        by_gas = dict(zip(self.model.gases, frames, strict=True))
        return tuple(self.model.tensor(by_gas, DenseRows(present)).values())


def _checked_gases(gases: Sequence[str]) -> tuple[str, ...]:
    unknown = [gas for gas in gases if gas not in GASES]
    if unknown or not gases or len(set(gases)) < len(gases):
        raise UserError(
            f'model.gases is {tuple(gases)!r}; name some of {", ".join(GASES)}, each '
            'once.'
        )
    return tuple(gas for gas in GASES if gas in gases)
