"""The dataset of paired CO2 and CH4 frames."""

import logging
import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mmengine.dataset import BaseDataset, Compose
from mmengine.logging import print_log

from fume_mm.errors import UserError
from fume_mm.io.decoded import DecodedFiles
from fume_mm.io.label_file import LABELS_FILE, read_labels
from fume_mm.io.progress import ordered_map
from fume_mm.io.stretch import parse_limits
from fume_mm.registry import DATASETS
from fume_mm.structures import GASES, SPLITS
from fume_mm.structures.labels import FUME_LABELS, KEYS, Labels

from .annotations import existing_root, is_simulated
from .grouping import BY_FRAME
from .paired_csv import read_paired
from .samplers import Draw
from .splitting import check_leaks, find_leaks
from .transforms.loading import LoadDualGasFrames, LoadDualGasMasks, checked_scale

#: Columns of a gas that make a sample.
_PARTS = ('frame', 'mask', 'group', 'limits')


@DATASETS.register_module()
class DualGasDataset(BaseDataset):
    """Paired CO2 and CH4 frames of rumen vessels, with masks and health classes.

    Sensors: one optical gas imaging camera per gas (CO2 about 4.3 µm, CH4 about 3.3 or
    7.7 µm), 640×480, 8 bits. Masks: 0 background, 1 tube, 2 gas. Classes by pH: Healthy
    (6.5, 6.2), Transitional (5.9), Acidotic (5.6, 5.3, 5.0). A campaign whose classes
    are others states them in ``labels.json`` (docs/labels.md). Layout, as FUME's owners
    hold it (arXiv 2601.08205; their data are private)::

        data_root/
          paired_{train,val,test}_annotations.csv   written by pair_gases.py
          {train,val,test}_annotations.csv
          campaign.json                             only where the data are simulated
          labels.json                               only where classes are not FUME's

    On loading, the split is held against the other splits beside it: a vessel (or run,
    or original frame) on two sides is an error.

    A frame may lack its mask: it trains and scores health only. ``metainfo`` says which
    share of the frames does, as ``without_mask``.

    Args:
        ann_file: Paired CSV, relative to ``ann_root``.
        data_root: The campaign's folder, which paths in the CSVs are relative to.
        ann_root: Where the CSVs lie if not in ``data_root``, such as the folder of a
            fold.
        metainfo: Classes as the config knows them, for the heads' sizes:
            ``health_classes``, ``ph_limits``, ``classes``, ``palette``,
            ``health_palette``. They must be those of the campaign.
        pipeline: Transforms; see :mod:`fume_mm.datasets.transforms` for the keys.
        scale: (width, height) that frames are brought to by ``ResizeDualGas`` without a
            scale of its own; every item holds it. None for frames as they are.
        gases: Keep the frames of these gases only, for a model of one gas; the others
            are absent, as if they had not been recorded. Samples left without a frame
            are left out; ``metainfo`` says how many as ``left_out``, and ``gases``.
        per_frame: Make each frame a sample of its own, ``<sample_id>_<gas>`` with the
            groups of this frame, for models that look at one frame at a time.
        allow_leakage: Load splits that share groups all the same; ``metainfo`` then
            says ``leakage=True`` and every result is marked. (``by_frame=True`` marks
            a split that no recordings tell apart; ``pairing`` counts how pairs were
            made.)
        check_files: Look at every file's header on loading.
        decoded: A folder to keep the pixels of frames and masks in, so that a file is
            decoded once and not in every epoch: see
            :class:`~fume_mm.io.decoded.DecodedFiles`. Items are the same without.
        on_bad_sample: What to do about a sample whose frame or mask is missing or
            cannot be read. ``'error'`` is one, on loading or when it is used.
            ``'skip'`` decodes every file on loading, which takes as long as in an
            epoch, and leaves such samples out; they are then in ``bad_samples``, and
            named again when the run ends. Nothing ever takes a sample's place.
        indices: Only these samples, or the first (if negative: the last) so many.
        lazy_init: Read nothing before the first use; ``leakage`` in ``metainfo`` is
            known from then on.
        test_mode: MMEngine's: an item that fails is an error, not replaced.

    Raises:
        UserError: Naming file, line and column for whatever is wrong with the CSV or
            the files, or the groups that splits share; or ``gases`` that are none, or
            that no sample has; or classes in the config that are not the campaign's.
    """

    METAINFO = {**FUME_LABELS.to_meta(), 'gases': GASES}

    def __init__(
        self,
        ann_file: str,
        *,
        data_root: str,
        ann_root: str | None = None,
        metainfo: Mapping[str, Any] | None = None,
        pipeline: Sequence[Any] = (),
        scale: Sequence[int] | None = None,
        gases: Sequence[str] = GASES,
        per_frame: bool = False,
        allow_leakage: bool = False,
        check_files: bool = True,
        decoded: str | None = None,
        on_bad_sample: str = 'error',
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
        test_mode: bool = False,
    ) -> None:
        self.gases = _known_gases(gases)
        self.scale = checked_scale(scale)
        self.per_frame = per_frame
        self.allow_leakage = allow_leakage
        if on_bad_sample not in ('error', 'skip'):
            raise UserError(
                f"dataset.on_bad_sample is {on_bad_sample!r}; set 'error' or 'skip'."
            )
        self.skips = on_bad_sample == 'skip'
        #: What is wrong with each sample that was left out, by ``sample_id``.
        self.bad_samples: dict[str, str] = {}
        # or a bad header would be an error before the others are looked at
        self.check_files = check_files and not self.skips
        self.decoded = None if decoded is None else DecodedFiles(decoded)
        self._at = f'{data_root}/'
        self.root = existing_root(data_root)
        self.ann_root = self.root if ann_root is None else Path(ann_root)
        if not self.ann_root.is_dir():
            raise UserError(
                f'ann_root {ann_root} does not exist; name the folder that holds '
                f'{ann_file}, or leave it out if that is {data_root}.'
            )
        self.labels = read_labels(self.root)
        _check_metainfo(metainfo, self.labels, self.root / LABELS_FILE)
        super().__init__(
            ann_file=ann_file,
            data_root=str(self.root),
            pipeline=list(pipeline),
            indices=indices,
            lazy_init=lazy_init,
            test_mode=test_mode,
            metainfo={
                **self.labels.to_meta(),
                'simulated': is_simulated(self.root),
                'leakage': False,
                'by_frame': False,
                'pairing': {},
                'gases': self.gases,
                'left_out': 0,
                'without_mask': 0.0,
            },
        )

    def _join_prefix(self) -> None:
        self.ann_file: str = str(self.ann_root / self.ann_file)

    def read_table(self) -> pd.DataFrame:
        """A row per sample, as :func:`.paired_csv.read_paired` gives them.

        What a dataset of another layout overrides: ``sample_id``, ``ph_value``,
        ``class_id``, ``groups``, and by gas ``<gas>_frame``, ``_mask`` and ``_group``,
        paths relative to ``data_root``, '' where the gas (or its mask) is missing.
        """
        return read_paired(
            Path(self.ann_file), root=self.root, check_files=self.check_files
        )

    def load_data_list(self) -> list[bytes]:
        """What the transforms expect of each sample, pickled.

        MMEngine would have a million dicts in memory before it pickles the first.
        """
        paired = self.read_table()
        self._check_splits(paired)
        if 'grouped_by' in paired:
            self._metainfo['by_frame'] = bool((paired['grouped_by'] == BY_FRAME).any())
        if 'pairing' in paired:
            counts = paired['pairing'][paired['pairing'] != ''].value_counts()
            self._metainfo['pairing'] = counts.to_dict()
        columns = ['sample_id', 'ph_value', 'class_id']
        columns += [f'{gas}_{part}' for gas in self.gases for part in _PARTS]
        # of frames of 8 bits there are none
        none = {x: '' for x in columns if x.endswith('_limits') and x not in paired}
        paired = paired.assign(**none)
        rows = [paired[column].tolist() for column in columns]
        found: list[bytes] = []
        used = 0
        for row in zip(*rows, strict=True):
            samples = list(self._samples(*row))
            found += [pickle.dumps(sample, protocol=4) for sample in samples]
            used += bool(samples)
        names = ' or '.join(self.gases)
        left_out = len(paired) - used
        if not used:
            raise UserError(
                f'{self.ann_file}: none of its {len(paired)} samples has a {names} '
                f'frame; set gases={GASES!r} in the dataset config.'
            )
        if left_out:
            print_log(
                f'{self.ann_file}: {left_out} of {len(paired)} samples have no {names} '
                'frame and are left out.',
                'current',
            )
        self._metainfo['left_out'] = left_out
        frames, masks = (
            sum(int((paired[f'{gas}_{part}'] != '').sum()) for gas in self.gases)
            for part in ('frame', 'mask')
        )
        if masks < frames:
            print_log(
                f'{self.ann_file}: {frames - masks} of {frames} frames have no mask '
                'and count in no loss or score of masks.',
                'current',
            )
        self._metainfo['without_mask'] = 1 - masks / frames
        if self.decoded:
            files = {
                part: {x for gas in self.gases for x in paired[f'{gas}_{part}']} - {''}
                for part in ('frame', 'mask')
            }
            self.decoded.check_room(self._at, files)
        return self._readable(found) if self.skips else found

    def _readable(self, found: list[bytes]) -> list[bytes]:
        """The samples whose frames and masks can be read; the others are noted."""
        load = Compose([LoadDualGasFrames(), LoadDualGasMasks()])

        def fault(packed: bytes) -> str:
            try:
                load({**self._placed(pickle.loads(packed)), **self._of_dataset()})
            except UserError as error:
                return str(error)
            return ''

        faults = list(ordered_map(fault, found))
        for packed, text in zip(found, faults, strict=True):
            if text:
                self.bad_samples[pickle.loads(packed)['sample_id']] = text
        if len(self.bad_samples) == len(found):
            raise UserError(f'{self.ann_file}: no sample can be read; {faults[0]}')
        if self.bad_samples:
            print_log(self.left_out_text(), 'current', logging.WARNING)
        return [x for x, text in zip(found, faults, strict=True) if not text]

    def left_out_text(self) -> str:
        """How many samples were left out as they cannot be read, and which."""
        reasons = [f'\n  {name}: {text}' for name, text in self.bad_samples.items()]
        return (
            f'{self.ann_file}: {len(reasons)} samples cannot be read and are left out:'
            f'{"".join(reasons)}'
        )

    def _samples(
        self, name: str, ph: float, class_id: int, *texts: str
    ) -> Iterator[dict[str, Any]]:
        """What a row comes to: a sample, one for each frame, or none."""
        by_gas = {
            gas: texts[len(_PARTS) * i : len(_PARTS) * (i + 1)]
            for i, gas in enumerate(self.gases)
            if texts[len(_PARTS) * i]
        }
        parts = [{gas: by_gas[gas]} for gas in by_gas] if self.per_frame else [by_gas]
        for part in filter(None, parts):
            groups = dict.fromkeys([texts[2] for texts in part.values() if texts[2]])
            limits = {gas: parse_limits(part[gas][3]) for gas in part if part[gas][3]}
            yield {
                'sample_id': f'{name}_{next(iter(part))}' if self.per_frame else name,
                'groups': tuple(groups),
                'ph_value': ph,
                'class_id': class_id,
                'frame_paths': {gas: part[gas][0] for gas in part},
                'mask_paths': {gas: part[gas][1] for gas in part},
                **({'limits': limits} if limits else {}),
            }

    def _check_splits(self, paired: pd.DataFrame) -> None:
        splits = {}
        for split in SPLITS:
            path = self.ann_root / f'paired_{split}_annotations.csv'
            if path.name == Path(self.ann_file).name:
                splits[split] = paired
            elif path.exists():
                other = read_paired(path, root=self.root, check_files=False)
                splits[split] = other[['groups']]
        if self.allow_leakage:
            self._metainfo['leakage'] = bool(find_leaks(splits))
        else:
            check_leaks(splits, self.root)

    @property
    def health_labels(self) -> np.ndarray:
        """Class id of every sample, (len,) int."""
        self.full_init()
        items = map(self.get_data_info, range(len(self)))
        return np.array([item['class_id'] for item in items], np.int64)

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """All bytes one after the other, which workers share, and where each ends."""
        ends = np.cumsum([len(item) for item in self.data_list], dtype=np.int64)
        joined = b''.join(self.data_list)
        self.data_list.clear()
        return np.frombuffer(joined, np.uint8), ends

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """The item ``idx`` before the transforms, its paths below ``data_root``."""
        return self._placed(super().get_data_info(idx))

    def _placed(self, item: dict[str, Any]) -> dict[str, Any]:
        # a million roots are large
        for key in ('frame_paths', 'mask_paths'):
            item[key] = {
                gas: self._at + path if path else '' for gas, path in item[key].items()
            }
        return item

    def prepare_data(self, idx: int) -> Any:
        """The item ``idx``; whatever is wrong with it is raised, never skipped.

        Of a :class:`~fume_mm.datasets.samplers.Draw` the seed is taken first.
        """
        if isinstance(idx, Draw):
            idx.seed_generators()
        return self.pipeline({**self.get_data_info(int(idx)), **self._of_dataset()})

    def _of_dataset(self) -> dict[str, Any]:
        return {
            'scale': self.scale,
            'seg_classes': self.labels.seg_classes,
            'decoded': self.decoded,
        }


def _check_metainfo(
    given: Mapping[str, Any] | None, labels: Labels, path: Path
) -> None:
    """Refuse classes of a config that are not those of the campaign."""
    unknown = [key for key in given or {} if key not in KEYS.values()]
    if unknown:
        raise UserError(
            f'dataset.metainfo has {", ".join(unknown)}; its keys are '
            f'{", ".join(KEYS.values())}.'
        )
    stated = labels.to_meta()
    wanted = Labels.from_meta(given).to_meta() if given else {}
    wrong = [key for key in given or {} if wanted[key] != stated[key]]
    for key in wrong:
        whose = f'{path} has' if path.is_file() else f'{path} is not there, which means'
        raise UserError(
            f'dataset.metainfo has {key}={wanted[key]}, but {whose} '
            f'{key}={stated[key]}; take the config of these classes, or correct '
            f'{LABELS_FILE}.'
        )


def _known_gases(gases: Sequence[str]) -> tuple[str, ...]:
    unknown = [gas for gas in gases if gas not in GASES]
    twice = len(set(gases)) < len(gases)
    if isinstance(gases, str) or unknown or twice or not gases:
        raise UserError(
            f'dataset.gases is {gases!r}; name some of {", ".join(GASES)}, each once, '
            "as in gases=('co2',)."
        )
    return tuple(gas for gas in GASES if gas in gases)
