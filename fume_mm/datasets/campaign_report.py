"""What is found wrong with a campaign, and the words for it."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.tables import Defect

#: The way out where paired CSVs do not follow from the annotations.
PAIR_AGAIN = 'pair again with `python tools/dataset_converters/pair_gases.py {root}`'


@dataclass
class CampaignReport:
    """What :func:`~.checking.check_campaign` found.

    Attributes:
        root: The campaign.
        defects: All of them; CSVs in the order of the splits, then files, then splits.
        frames: The rows of all annotation CSVs, also those at fault: ``split`` and what
            :func:`~fume_mm.datasets.annotations.read_annotations` gives.
        warnings: What lies in the campaign's nature, such as a gas that one class
            lacks, and may mislead a model all the same.
        notes: Sentences on what is no defect but good to know.
    """

    root: Path
    defects: list[Defect] = field(default_factory=list)
    frames: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: list[Defect] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, file: object, line: int | None, shown: str, problem: str, way_out: str
    ) -> None:
        """Note a defect."""
        self.defects.append(Defect(str(file), line, shown, problem, way_out))


def problem_of(path: str | Path, error: UserError) -> tuple[str, str]:
    """The problem and the way out of a reader's ``path: problem; way out.``."""
    text = str(error).removeprefix(str(path)).lstrip(':, ').removesuffix('.')
    problem, _, way_out = text.partition('; ')
    return problem, way_out
