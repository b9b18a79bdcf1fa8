"""What an exported file looks like from outside: names, shapes, what it says of itself.

Inputs, in this order: for each gas of the model its frames (N, 1, H, W) uint8, by the
gas's name, then ``present`` (N, 2) bool, gases in the order of GASES. A frame that is
not there may hold anything. Outputs, as far as the model has heads: for each gas
``<gas>_coarse`` (N, C, h, w) float32, the logits at the decoder's own size, from which
the mask of a frame of any size is made; and ``health`` (N, C) float32 probabilities. A
file of full size also has, before it, ``<gas>_logits`` (N, C, H, W) float32 and
``<gas>_mask`` (N, H, W) uint8 class ids, which this package's runtime has no use for.
All outputs of a missing gas are zero. Normalisation is inside.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from fume_mm.errors import UserError
from fume_mm.io.digests import UNSEALED
from fume_mm.structures import GASES
from fume_mm.structures.labels import FUME_LABELS, Labels

#: Of what is described here; a reader refuses those that it does not read. Files of
#: version 1 are all of full size.
FORMAT_VERSION = 2
_READ = (1, FORMAT_VERSION)
#: Key of the description in a file's metadata.
METADATA_KEY = 'fume_mm'
#: A description has so many characters at most, and a frame so many pixels.
_LONGEST = 2**16
_LARGEST = 2**26


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
        """As a file's metadata holds it, with the place of the file's digest."""
        return json.dumps({**asdict(self), 'digest': UNSEALED})

    @classmethod
    def from_json(cls, text: str | None, *, path: str) -> 'GraphInfo':
        """Read it back.

        Raises:
            UserError: If there is none, it is of another version, or says what cannot
                be.
        """
        if not text:
            raise UserError(
                f'{path}: was not exported by fume_mm (it has no description of '
                'itself); export it with tools/deployment/export.py.'
            )
        tuples = ('gases', 'outputs', 'scale', 'classes', 'health_classes')
        try:
            content: dict[str, Any] = json.loads(text[:_LONGEST])
            version = content['format_version']
            if version in _READ:
                content |= {key: tuple(content[key]) for key in tuples}
                content['palette'] = tuple(map(tuple, content['palette']))
                digest = content.pop('digest', None)
                info = cls(**content)
                info._check()
                if digest:
                    return info
                raise ValueError('it has no digest of the file')
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            problem = str(error).rstrip('.')
            if type(error) not in (UserError, ValueError):
                problem = f'{type(error).__name__}: {problem}'
            raise UserError(
                f'{path}: its description cannot be read ({problem}); export it again.'
            ) from error
        raise UserError(
            f'{path}: has the format version {version}, this program reads '
            f'{_READ[0]} and {_READ[1]}; export it again, or install the fume_mm that '
            f'wrote it ({content.get("fume_mm", "unknown")}).'
        )

    def _check(self) -> None:
        """Refuse what no export says: a ValueError, which a UserError is."""
        optional = (str, type(None))
        kinds: dict[str, type | tuple[type, ...]] = {
            'fixed': bool,
            'config': str,
            'training_data': optional,
            'checkpoint_sha256': optional,
            'fume_mm': str,
            'half': bool,
        }
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f'{name} is {getattr(self, name)!r}')
        loss = {} if self.loss is None else self.loss
        points = loss.values() if isinstance(loss, dict) else [loss]
        if any(not isinstance(x, (int, float)) for x in points):
            raise ValueError(f'loss is {self.loss!r}')
        if self.precision not in ('fp32', 'bf16', 'int8'):
            raise ValueError(f'precision is {self.precision!r}')
        gases = tuple(gas for gas in GASES if gas in self.gases)
        if not gases or gases != self.gases:
            raise ValueError(f'gases are {self.gases!r}')
        known = [
            tuple(output_names(gases, masks=masks, health=health, full_size=full))
            for masks, health in ((True, True), (True, False), (False, True))
            for full in (False, True)
        ]
        if self.outputs not in known:
            raise ValueError(f'outputs are {self.outputs!r}')
        width, height = self.scale
        if {type(width), type(height)} != {int} or min(self.scale) < 1:
            raise ValueError(f'scale is {self.scale!r}')
        if width * height > _LARGEST:
            raise ValueError(f'frames of {width}x{height} are too large')
        self.labels  # noqa: B018 (names and colours are checked by making them)


def output_names(
    gases: tuple[str, ...], *, masks: bool, health: bool, full_size: bool = False
) -> list[str]:
    """Names of a graph's outputs, in their order."""
    names = []
    for gas in (gas for gas in GASES if gas in gases and masks):
        names += [f'{gas}_logits', f'{gas}_mask'] * full_size + [f'{gas}_coarse']
    return names + ['health'] * health


def is_small(name: str) -> bool:
    """Whether an output of this name is one that the runtime looks at."""
    return name == 'health' or name.endswith('_coarse')


def precision_of(description: str | None) -> str:
    """What a file computes in, ``'fp32'`` where it says nothing of it."""
    try:
        return json.loads(description or '{}').get('precision', 'fp32')
    except (ValueError, AttributeError):  # GraphInfo.from_json tells what is wrong
        return 'fp32'
