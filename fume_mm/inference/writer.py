"""Results to a folder, one after the other: masks, panels, one JSON, one CSV.

After each sample all files are complete: a run that ends early leaves a valid JSON of
what it has seen.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.cells import RowWriter
from fume_mm.io.files import GrowingFile, disk_errors, file_name, make_folder
from fume_mm.io.images import write_mask, write_png
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult
from fume_mm.structures.labels import FUME_LABELS, Labels

from .samples import SampleFrames

_END = '\n ]\n}\n'


@dataclass(frozen=True)
class Prediction:
    """One sample on its way out.

    Attributes:
        sample: Where its frames are from.
        result: Frames, masks, health.
        panel: (h, w, 3) uint8 RGB, if one was written.
    """

    sample: SampleFrames
    result: DualGasResult
    panel: np.ndarray | None = None


class ResultWriter:
    """Writes ``masks/<name>_<gas>.png``, ``panels/<name>.png``, ``results.json/.csv``.

    Files of an earlier run that have these names are replaced, others stay.

    Args:
        out_dir: Made if need be.
        samples: What will be written.
        about: Put into the JSON before the samples: the model, its training data.
        panels: Whether pictures will come.
        labels: What the classes of the results are.

    Raises:
        UserError: If the folder cannot be written to, or a file to be written is one
            of the frames.
    """

    def __init__(
        self,
        out_dir: str | Path,
        *,
        samples: Sequence[SampleFrames],
        about: dict[str, Any],
        panels: bool = True,
        labels: Labels = FUME_LABELS,
    ) -> None:
        self.out_dir = Path(out_dir)
        self._refuse_inputs(samples)
        make_folder(self.out_dir)
        make_folder(self.out_dir / 'masks')
        if panels:
            make_folder(self.out_dir / 'panels')
        self._json = GrowingFile(self.out_dir / 'results.json', _END)
        self._csv = GrowingFile(self.out_dir / 'results.csv')
        columns = dict.fromkeys(
            ('name', *GASES, *DualGasResult('', {}, labels=labels).row())
        )
        self._table = RowWriter(self._csv, list(columns))
        head = json.dumps(about, indent=1).removesuffix('\n}')
        comma = ',' if about else ''
        self._first = True
        with disk_errors(self.out_dir):
            self._json.write(f'{head}{comma}\n "samples": [')
            self._table.writeheader()

    def close(self) -> None:
        """Close the files; they are complete at any time."""
        self._json.close()
        self._csv.close()

    def _outputs(self, name: str, gases: Iterable[str]) -> dict[str, Any]:
        stem = file_name(name)
        return {
            'masks': {gas: f'masks/{stem}_{gas}.png' for gas in gases},
            'panel': f'panels/{stem}.png',
        }

    def _refuse_inputs(self, samples: Sequence[SampleFrames]) -> None:
        folders = {(self.out_dir / part).resolve() for part in ('masks', 'panels')}
        paths = (path for sample in samples for path in sample.paths().values() if path)
        whole = (Path(path).resolve() for path in paths)
        inputs = {path for path in whole if path.parent in folders}
        if not inputs:  # as nearly always
            return
        for sample in samples:
            names = self._outputs(sample.name, GASES)
            for name in (*names['masks'].values(), names['panel']):
                if (self.out_dir / name).resolve() in inputs:
                    raise UserError(
                        f'{self.out_dir / name}: is a frame, and a result would '
                        'replace it; choose another output folder.'
                    )

    def write(self, prediction: Prediction) -> None:
        """Write one sample.

        Raises:
            UserError: If the disk is full, or the folder is gone.
        """
        sample, result, panel = prediction.sample, prediction.result, prediction.panel
        files = self._outputs(result.name, result.masks)
        with disk_errors(self.out_dir):
            for gas, mask in result.masks.items():
                path = self.out_dir / files['masks'][gas]
                write_mask(path, mask, result.labels.seg_palette)
            if panel is None:
                del files['panel']
            else:
                write_png(self.out_dir / files['panel'], panel)
            content = result.to_dict()
            entry = {
                'name': content.pop('name'),
                'frames': sample.paths(),
                'read_as': result.read_as,
                'files': files,
                **content,
            }
            self._json.write(f'{"" if self._first else ","}\n  {json.dumps(entry)}')
            self._first = False
            self._table.writerow({**sample.paths(), **result.row()})
