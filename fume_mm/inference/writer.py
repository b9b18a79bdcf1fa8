"""Results to a folder, one after the other: masks, panels, one JSON, one CSV.

After each sample all files are complete: a run that ends early leaves a valid JSON of
what it has seen.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.files import disk_errors, file_name, make_folder
from fume_mm.io.images import write_png
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult

from .samples import SampleFrames

_END = '\n ]\n}\n'


class ResultWriter:
    """Writes ``masks/<name>_<gas>.png``, ``panels/<name>.png``, ``results.json/.csv``.

    Files of an earlier run that have these names are replaced, others stay.

    Args:
        out_dir: Made if need be.
        samples: What will be written.
        about: Put into the JSON before the samples: the model, its training data.
        panels: Whether pictures will come.

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
    ) -> None:
        self.out_dir = Path(out_dir)
        self._refuse_inputs(samples)
        make_folder(self.out_dir)
        make_folder(self.out_dir / 'masks')
        if panels:
            make_folder(self.out_dir / 'panels')
        self._json = (self.out_dir / 'results.json').open('w', encoding='utf-8')
        self._csv = (self.out_dir / 'results.csv').open(
            'w', encoding='utf-8', newline=''
        )
        self._table: csv.DictWriter | None = None
        head = json.dumps(about, indent=1).removesuffix('\n}')
        comma = ',' if about else ''
        self._json.write(f'{head}{comma}\n "samples": [')
        self._place = self._json.tell()
        self._first = True
        self._json.write(_END)
        self._json.flush()

    def __enter__(self) -> 'ResultWriter':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
        inputs = set()
        for sample in samples:
            for path in filter(None, sample.paths().values()):
                whole = Path(path).resolve()
                if whole.parent in folders:
                    inputs.add(whole)
        if not inputs:
            return
        for sample in samples:
            names = self._outputs(sample.name, GASES)
            for name in (*names['masks'].values(), names['panel']):
                if (self.out_dir / name).resolve() in inputs:
                    raise UserError(
                        f'{self.out_dir / name}: is a frame, and a result would '
                        'replace it; choose another output folder.'
                    )

    def write(
        self,
        sample: SampleFrames,
        result: DualGasResult,
        *,
        handling: dict[str, str] | None = None,
        panel: np.ndarray | None = None,
    ) -> None:
        """Write one sample.

        Args:
            sample: Its frames.
            result: What the model says of them.
            handling: By gas what was done to the frame to read it.
            panel: (h, w, 3) uint8 RGB.

        Raises:
            UserError: If the disk is full, or the folder is gone.
        """
        files = self._outputs(result.name, result.masks)
        if panel is None:
            del files['panel']
        with disk_errors(self.out_dir):
            for gas, mask in result.masks.items():
                write_png(self.out_dir / files['masks'][gas], mask)
            if panel is not None:
                write_png(self.out_dir / files['panel'], panel)
            self._add_entry(
                {'frames': sample.paths(), 'read_as': handling or {}, 'files': files},
                result,
            )
            self._add_row(sample, result)

    def _add_entry(self, entry: dict[str, Any], result: DualGasResult) -> None:
        told = result.to_dict()
        text = json.dumps({'name': told.pop('name'), **entry, **told})
        self._json.seek(self._place)
        self._json.write(f'{"" if self._first else ","}\n  {text}')
        self._place = self._json.tell()
        self._first = False
        self._json.write(_END)
        self._json.flush()

    def _add_row(self, sample: SampleFrames, result: DualGasResult) -> None:
        row = result.row()
        row = {'name': row.pop('name'), **sample.paths(), **row}
        if self._table is None:
            self._table = csv.DictWriter(self._csv, list(row))
            self._table.writeheader()
        self._table.writerow(row)
        self._csv.flush()
