"""Weights of published models for encoders, of one-channel frames above all."""

from collections.abc import Iterable

from mmengine.model import PretrainedInit
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint, weights_of
from fume_mm.registry import WEIGHT_INITIALIZERS

from .backbones import EfficientNetLite

#: What classified the images, beside an encoder without a prefix.
CLASSIFIER = 'fc.'


@WEIGHT_INITIALIZERS.register_module()
class GrayPretrained:
    """Start an encoder from weights that were trained on colour images.

    The first convolution's three input channels become one. What classified the images
    (``fc``) is left out. Every other name and shape must fit.

    Args:
        checkpoint: ``torchvision://resnet50`` or another address that MMEngine loads,
            a file, or ``<package>::<path>``, a file of an installed package.
        prefix: What the encoder's names begin with in the file, ``'backbone.'`` in a
            published segmentor; the rest of the file is left alone.
        colours: How the three become one. 'sum': a gray frame gives what it gave as a
            colour image of equal channels, so running statistics and biases fit.
            'mean': a third of that, as FUME does for its ResNet-50.

    Raises:
        UserError: On initialisation, if torchvision or the weights cannot be had, or
            they are of another architecture.
    """

    def __init__(
        self, checkpoint: str, *, prefix: str = '', colours: str = 'sum'
    ) -> None:
        if colours not in ('sum', 'mean'):
            raise UserError(
                f"GrayPretrained.colours is {colours!r}; choose 'sum' or 'mean'."
            )
        self.checkpoint, self.prefix, self.colours = checkpoint, prefix, colours

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into ``module``, an encoder."""
        encoder = module.state_dict()
        colour = _read(self.checkpoint, self.prefix)
        if isinstance(module, EfficientNetLite):
            colour = module.from_published(colour)
        # counters that older files lack
        weights = {k: x for k, x in encoder.items() if k.endswith('_batches_tracked')}
        weights |= {k: x for k, x in colour.items() if not k.startswith(CLASSIFIER)}
        for key in of_colour(encoder, weights):
            gray = weights[key].sum(dim=1, keepdim=True)
            weights[key] = gray if self.colours == 'sum' else gray / 3
        ours, theirs = (
            {(key, x.shape) for key, x in state.items()} for state in (encoder, weights)
        )
        wrong = sorted({key for key, _ in ours ^ theirs})
        if wrong:
            raise UserError(
                f'{self.checkpoint}: is of another architecture than the encoder '
                f'({len(wrong)} keys missing, left over or of another shape; first: '
                f'{wrong[0]}){_hint(encoder, weights)}; set init_cfg=None or give its '
                'own.'
            )
        module.load_state_dict(weights)

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: load from {self.checkpoint}'


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class CheckedPretrained(PretrainedInit):
    """MMEngine's ``Pretrained``, which leaves random what does not fit.

    It says so in a line of a long log; here it is an error if that is the first
    convolution of an encoder of gray frames, or everything.

    Raises:
        UserError: On initialisation.
    """

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into ``module``."""
        ours = module.state_dict()
        theirs = _read(self.checkpoint, self.prefix or '')
        if colour := of_colour(ours, theirs):
            (key, *_), address = colour, self.checkpoint
            prefix = f', prefix={self.prefix!r}' if self.prefix else ''
            raise UserError(
                f'{address}: {key} is {tuple(theirs[key].shape)}, of colour images, '
                f'but the model has {tuple(ours[key].shape)} for gray frames; '
                "Pretrained would leave it random. Set init_cfg=dict(type='"
                f"GrayPretrained', checkpoint={address!r}{prefix})."
            )
        if not ours.keys() & theirs.keys():
            raise UserError(
                f'{self.checkpoint}: none of its weights has a name of the model'
                f'{_hint(ours, theirs)}; give the weights of this architecture.'
            )
        super().__call__(module)


def of_colour(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> list[str]:
    """Names of convolutions with three input channels there and one here."""
    return [
        key
        for key in ours.keys() & theirs.keys()
        if theirs[key].ndim == 4 == ours[key].ndim
        and (theirs[key].shape[1], ours[key].shape[1]) == (3, 1)
    ]


def _read(address: str, prefix: str) -> dict[str, Tensor]:
    """The weights whose names begin with ``prefix``, by the rest of the name."""
    try:
        weights = weights_of(read_checkpoint(address))
    except UserError as error:
        if '://' in address:  # which says the way out
            raise
        raise UserError(
            f'{address}: cannot be loaded ({error}); give a file with the '
            'weights, or train from scratch with init_cfg=None.'
        ) from error
    found = {
        key.removeprefix(prefix): x
        for key, x in weights.items()
        if key.startswith(prefix)
    }
    if not found:
        raise UserError(
            f'{address}: no name begins with prefix={prefix!r}; names begin with '
            f'{", ".join(_beginnings(weights))}.'
        )
    return found


def _beginnings(names: Iterable[str]) -> list[str]:
    return sorted({f'{name.partition(".")[0]}.' for name in names})


def _hint(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> str:
    """The prefix under which the names of the model stand in a file, if one does."""
    for start in _beginnings(theirs):
        if any(f'{start}{key}' in theirs for key in ours):
            return f"; names begin with {start}, so set prefix='{start}'"
    return ''
