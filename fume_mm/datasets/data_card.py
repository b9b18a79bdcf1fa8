"""What describes a campaign, and a copy of it that stays with a run."""

import shutil
from pathlib import Path

from fume_mm.io.files import make_folder
from fume_mm.io.label_file import LABELS_FILE

#: The data card of a campaign; the first that is there counts.
CARDS = ('DATA_CARD.md', 'README.md')
#: Files of a campaign's root that say what it is.
DESCRIPTIONS = (*CARDS, 'campaign.json', 'pairing_statistics.json', LABELS_FILE)
#: Where a run keeps them, by the split that was read.
FOLDER = 'data_card'
#: A README of more bytes is no card.
MOST = 1_000_000


def descriptions(root: str | Path) -> list[Path]:
    """The files that describe the campaign in ``root``, its card first."""
    there = [path for name in DESCRIPTIONS if (path := Path(root, name)).is_file()]
    small = [path for path in there if path.stat().st_size <= MOST]
    cards = [path for path in small if path.name in CARDS]
    return [path for path in small if path not in cards[1:]]


def keep_card(root: str | Path, run: str | Path, split: str) -> None:
    """Copy them into a run's folder, in the place of those of an earlier call.

    A campaign is replaced and split anew under the same name; what a run was trained
    and tested on is said by the run.

    Args:
        root: The campaign.
        run: The work dir.
        split: ``'train'`` or ``'test'``: which use of the campaign this is.
    """
    target = Path(run, FOLDER, split)
    shutil.rmtree(target, ignore_errors=True)
    for path in descriptions(root):
        shutil.copyfile(path, make_folder(target) / path.name)
