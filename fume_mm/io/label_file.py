"""labels.json, which says of a campaign what its classes are where not FUME's."""

from pathlib import Path

from fume_mm.errors import UserError
from fume_mm.io.files import read_json
from fume_mm.structures.labels import FUME_LABELS, KEYS, Labels

LABELS_FILE = 'labels.json'


def read_labels(root: str | Path) -> Labels:
    """What the labels of the campaign in ``root`` mean; FUME's without the file.

    The file is a JSON object of some of ``health_classes``, ``ph_limits``,
    ``classes`` (of the masks), ``palette`` and ``health_palette``, see
    :class:`~fume_mm.structures.labels.Labels`; what it lacks is FUME's.

    Raises:
        UserError: Naming the file and the key that is wrong.
    """
    path = Path(root) / LABELS_FILE
    if not path.is_file():
        return FUME_LABELS
    content = read_json(path, what='description of labels')
    keys = tuple(KEYS.values())
    unknown = [] if isinstance(content, dict) else ['no object']
    unknown += [key for key in content if key not in keys] if not unknown else []
    if unknown:
        raise UserError(
            f'{path}: is to be an object with some of the keys {", ".join(keys)}, but '
            f'has {", ".join(map(repr, unknown))}; correct it.'
        )
    try:
        return Labels.from_meta(content)
    except UserError as error:
        raise UserError(f'{path}: {error}') from error
