"""ImageNet weights for encoders of one-channel frames."""

from torch import nn

from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint, weights_of
from fume_mm.registry import WEIGHT_INITIALIZERS


@WEIGHT_INITIALIZERS.register_module()
class GrayPretrained:
    """Start an encoder from weights that were trained on colour images.

    The first convolution's three input channels are averaged into one, as FUME does for
    its ResNet-50; what classified the images (``fc``) is left out. Every other name
    and shape must fit.

    Args:
        checkpoint: ``torchvision://resnet50`` or another address that MMEngine loads,
            or a file.

    Raises:
        UserError: On initialisation, if torchvision or the weights cannot be had, or
            they are of another architecture.
    """

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = checkpoint

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into ``module``, an encoder."""
        encoder = module.state_dict()
        try:
            colour = weights_of(read_checkpoint(self.checkpoint))
        except UserError as error:
            raise UserError(
                f'{self.checkpoint}: cannot be loaded ({error}); give a file with the '
                'weights, or train from scratch with init_cfg=None.'
            ) from error
        # counters that older files lack
        weights = {k: x for k, x in encoder.items() if k.endswith('_batches_tracked')}
        weights |= {k: x for k, x in colour.items() if not k.startswith('fc.')}
        for key in encoder.keys() & weights.keys():
            x, channels = weights[key], encoder[key].shape[1:2]
            if x.ndim == 4 and (x.shape[1], *channels) == (3, 1):
                weights[key] = x.mean(dim=1, keepdim=True)
        ours, theirs = (
            {(key, x.shape) for key, x in state.items()} for state in (encoder, weights)
        )
        wrong = sorted({key for key, _ in ours ^ theirs})
        if wrong:
            raise UserError(
                f'{self.checkpoint}: is of another architecture than the encoder '
                f'({len(wrong)} keys missing, left over or of another shape; first: '
                f'{wrong[0]}); set init_cfg=None or give its own.'
            )
        module.load_state_dict(weights)

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: load from {self.checkpoint}'
