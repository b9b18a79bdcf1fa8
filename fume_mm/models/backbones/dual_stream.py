"""An encoder per gas, or one for both, around any registered encoder."""

from contextlib import nullcontext
from typing import Any

import torch
from mmengine.model import BaseModule, ModuleDict
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES

from ..layers import SingleFrameBN
from ..rows import Features, Rows, Stages


@MODELS.register_module()
class DualStreamBackbone(BaseModule):
    """Encode each gas's frames with an encoder of its own or with a shared one.

    With a shared encoder both gases pass in one batch: half the calls, and batch
    normalisation sees both, unless ``norm_per_gas``.

    Args:
        encoder: Config of an encoder: (N, 1, H, W) in, a sequence of maps out. Any
            encoder of mmsegmentation with ``in_channels=1`` will do.
        shared: One set of weights for both gases.
        norm_per_gas: In training, encode the gases one after the other, so that a
            shared encoder normalises each with its own batch statistics, as FUME's code
            does. One without shared weights always does.
        recompute: 'never', 'always' or 'on_cpu': in training, whether to forget what is
            inside an encoder and compute it again for its gradient (activation
            checkpointing), which trades a forward pass for memory. 'on_cpu' does so
            where frames are on the CPU, whose float32 takes twice a GPU's mixed
            precision.
        init_cfg: MMEngine's initialisation.
    """

    def __init__(
        self,
        encoder: dict[str, Any],
        *,
        shared: bool = False,
        norm_per_gas: bool = False,
        recompute: str = 'never',
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if recompute not in ('never', 'always', 'on_cpu'):
            raise UserError(
                f"backbone.recompute is {recompute!r}; choose 'never', 'always' or "
                "'on_cpu'."
            )
        self.shared = shared
        self.norm_per_gas = norm_per_gas
        self.recompute = recompute
        if shared:
            self.encoder = MODELS.build(encoder)
        else:
            # MMEngine's, which passes the call to initialise on to its members
            self.encoders = ModuleDict({gas: MODELS.build(encoder) for gas in GASES})

    def forward(self, frames: Features, rows: Rows | None = None) -> dict[str, Stages]:
        """Features of the frames that are there.

        Args:
            frames: By gas, (N_g, 1, H, W); a gas without frames is not a key.
            rows: Not used here: every row is encoded, whatever it holds.

        Returns:
            By gas, a tuple of maps (N_g, C_i, H_i, W_i).
        """
        if not self.shared:
            return {
                gas: self._encode(self.encoders[gas], x) for gas, x in frames.items()
            }
        if torch.compiler.is_exporting():
            # gases have as many rows, but as these are any number none may be counted
            together = torch.stack(list(frames.values())).flatten(0, 1)
            by_gas = [
                stage.unflatten(0, (len(frames), -1))
                for stage in self._encode(self.encoder, together)
            ]
            return {gas: tuple(x[i] for x in by_gas) for i, gas in enumerate(frames)}
        sizes = {x.shape[1:] for x in frames.values()}
        if len(sizes) > 1 or (self.norm_per_gas and self.training):
            # cameras of different resolution cannot share a batch
            return {gas: self._encode(self.encoder, x) for gas, x in frames.items()}
        counts = [len(x) for x in frames.values()]
        stages = self._encode(self.encoder, torch.cat(list(frames.values())))
        parts = [stage.split(counts) for stage in stages]
        return {
            gas: tuple(part[i] for part in parts) for i, gas in enumerate(list(frames))
        }

    def _encode(self, encoder: nn.Module, x: Tensor) -> Stages:
        recompute = self.recompute == 'always' or (
            self.recompute == 'on_cpu' and x.device.type == 'cpu'
        )
        if recompute and self.training and torch.is_grad_enabled():
            maps = checkpoint(
                encoder,
                x,
                use_reentrant=False,
                context_fn=lambda: (nullcontext(), SingleFrameBN.recomputing()),
            )
        else:
            maps = encoder(x)
        # some encoders (mmseg.DDRNet in evaluation) give their only map as it is
        return (maps,) if isinstance(maps, Tensor) else tuple(maps)
