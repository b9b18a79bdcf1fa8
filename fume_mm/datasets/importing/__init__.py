"""Campaigns from what other tools and published sets hold: a module per format.

A format gives frames, masks and what is known of them (:mod:`.items`); one writer
checks them, makes class masks and writes a campaign (:mod:`.campaign_writer`).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from fume_mm.errors import UserError

from . import coco, cvat, folders, label_gas, label_studio, labelme, packed_sets
from .assignment import SPLITTING
from .campaign_writer import MISSING_MASK, write_campaign
from .items import Options, Source
from .legend import parse_mask_map
from .public_sets import SETS, read, read_gas_db, read_owners

__all__ = [
    'FORMATS',
    'MISSING_MASK',
    'SPLITTING',
    'Options',
    'Source',
    'parse_mask_map',
    'read_source',
    'write_campaign',
]

#: What reads each format.
FORMATS: dict[str, Callable[[Path, Options], Source]] = {
    'folders': folders.read,
    'coco': coco.read,
    'labelme': labelme.read,
    'label_studio': label_studio.read,
    'cvat': cvat.read,
    'label_gas': label_gas.read,
    'owners': read_owners,
    'gas_ground': packed_sets.read_gas_ground,
    'gas_db': read_gas_db,
    **{
        name: partial(packed_sets.read_parquet, columns=columns)
        for name, columns in packed_sets.PARQUET.items()
    },
    **{name: partial(read, layout=layout) for name, layout in SETS.items()},
}


def read_source(name: str, source: Path, options: Options) -> Source:
    """What the format of that name finds in a folder or file.

    Raises:
        UserError: If it is of another form than the format's tool writes.
    """
    try:
        return FORMATS[name](source, options)
    except UserError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'{source}: is of another form than {name} ({error!r}); name the format '
            'that it is of, or export it again.'
        ) from error
