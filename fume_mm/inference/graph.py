"""What an exported file looks like from outside: names, shapes, what it says of itself.

Inputs, in this order: for each gas of the model its frames (N, 1, H, W) uint8, by the
gas's name, then ``present`` (N, 2) bool, gases in the order of GASES. A frame that is
not there may hold anything. Outputs, as far as the model has heads: for each gas
``<gas>_logits`` (N, C, H, W) float32, ``<gas>_mask`` (N, H, W) uint8 class ids and
``<gas>_coarse`` (N, C, h, w) float32, the logits at the decoder's own size, from which
the mask of a frame of any other size is made; and ``health`` (N, C) float32
probabilities. All outputs of a missing gas are zero. Normalisation is inside.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from fume_mm.errors import UserError
from fume_mm.structures import GASES
from fume_mm.structures.labels import FUME_LABELS, Labels

#: Of what is described here; a reader refuses others.
FORMAT_VERSION = 1
#: Key of the description in a file's metadata.
METADATA_KEY = 'fume_mm'


@dataclass(frozen=True)
class GraphInfo:
    """What an exported file says of itself.

    Attributes:
        gases: Those the model looks at.
        outputs: Names of the graph's outputs.
        scale: (width, height) that frames are resized to; the graph's own size if it
            is fixed.
        fixed: Whether the graph takes no other size.
        config: Name of the config.
        training_data: What the weights learned from (``'simulated'``, ``'real'``), None
            if it is not known.
        checkpoint_sha256: Of the checkpoint.
        fume_mm: Version that exported it.
        half: Whether its weights are stored in half precision.
        precision: What it computes in: ``'fp32'``, ``'bf16'`` or ``'int8'``.
        loss: By metric, the points that the precision costs on the config's test set;
            None where none was measured.
        classes: Names of the mask's values.
        palette: Their colours, RGB.
        health_classes: Names in the order of ``health``.
        trust: What tools/calibrate.py found; None where it did not run.
        format_version: See :data:`FORMAT_VERSION`.
    """

    gases: tuple[str, ...]
    outputs: tuple[str, ...]
    scale: tuple[int, int]
    fixed: bool
    config: str
    training_data: str | None
    checkpoint_sha256: str | None
    fume_mm: str
    half: bool = False
    precision: str = 'fp32'
    loss: dict[str, float] | None = None
    classes: tuple[str, ...] = FUME_LABELS.seg_classes
    palette: tuple[tuple[int, ...], ...] = FUME_LABELS.seg_palette
    health_classes: tuple[str, ...] = FUME_LABELS.health_classes
    trust: dict[str, Any] | None = None
    format_version: int = FORMAT_VERSION

    @property
    def labels(self) -> Labels:
        """What the classes are; the file does not hold limits of pH."""
        keys = ('health_classes', 'classes', 'palette')
        return Labels.from_meta({key: getattr(self, key) for key in keys})

    def to_json(self) -> str:
        """As a file's metadata holds it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None, *, path: str) -> 'GraphInfo':
        """Read it back.

        Raises:
            UserError: If there is none, or it is of another version.
        """
        if not text:
            raise UserError(
                f'{path}: was not exported by fume_mm (it has no description of '
                'itself); export it with tools/deployment/export.py.'
            )
        tuples = ('gases', 'outputs', 'scale', 'classes', 'health_classes')
        try:
            content: dict[str, Any] = json.loads(text)
            version = content['format_version']
            if version == FORMAT_VERSION:
                content |= {key: tuple(content[key]) for key in tuples}
                content['palette'] = tuple(map(tuple, content['palette']))
                return cls(**content)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f'{path}: its description cannot be read ({type(error).__name__}: '
                f'{error}); export it again.'
            ) from error
        raise UserError(
            f'{path}: has the format version {version}, this program reads '
            f'{FORMAT_VERSION}; export it again, or install the fume_mm that '
            f'wrote it ({content.get("fume_mm", "unknown")}).'
        )


def output_names(gases: tuple[str, ...], *, masks: bool, health: bool) -> list[str]:
    """Names of a graph's outputs, in their order."""
    names = []
    for gas in (gas for gas in GASES if gas in gases and masks):
        names += [f'{gas}_logits', f'{gas}_mask', f'{gas}_coarse']
    return names + ['health'] * health


def precision_of(description: str | None) -> str:
    """What a file computes in, ``'fp32'`` where it says nothing of it."""
    try:
        return json.loads(description or '{}').get('precision', 'fp32')
    except (ValueError, AttributeError):  # GraphInfo.from_json tells what is wrong
        return 'fp32'
