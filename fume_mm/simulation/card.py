"""The data card of a campaign: counts, and the README beside them."""

import json
from collections import Counter
from typing import Any

from fume_mm.structures import HEALTH_CLASSES, SPLITS, Gas, availability

from .plan import Vessel


class Counts:
    """Tallies of a campaign's rows; they must come vessel by vessel."""

    def __init__(self) -> None:
        self.frames = self.without_gas = 0
        self.tallies: dict[str, Counter[str]] = {
            key: Counter()
            for key in (
                'samples_by_split',
                'samples_by_class',
                'samples_by_gases',
                'frames_by_gas',
                'frames_by_split',
                'frames_by_ph_and_gas',
                'frames_by_class_and_split',
                'originals_by_gas',
            )
        }
        self._vessel: str | None = None
        self._gases: dict[str, set[Gas]] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Count one frame."""
        tallies, gas = self.tallies, row['gas_type']
        if row['vessel_id'] != self._vessel:
            self._flush()
            self._vessel = row['vessel_id']
        sample = row['original_sample_id']
        if sample not in self._gases:
            self._gases[sample] = set()
            tallies['samples_by_split'][row['split']] += 1
            tallies['samples_by_class'][row['class_name']] += 1
        self._gases[sample].add(gas)
        self.frames += 1
        self.without_gas += row['gas_area'] == 0
        tallies['frames_by_gas'][gas] += 1
        tallies['frames_by_split'][row['split']] += 1
        tallies['frames_by_ph_and_gas'][f'{row["ph_value"]} {gas}'] += 1
        tallies['frames_by_class_and_split'][f'{row["class_name"]} {row["split"]}'] += 1
        if row['augmentation_id'] == 0:
            tallies['originals_by_gas'][gas] += 1

    def _flush(self) -> None:
        for gases in self._gases.values():
            name = availability({'co2': 'co2' in gases, 'ch4': 'ch4' in gases})
            self.tallies['samples_by_gases'][name] += 1
        self._gases = {}

    def as_dict(self, vessels: list[Vessel]) -> dict[str, Any]:
        """All counts, for campaign.json."""
        self._flush()
        splits = Counter(vessel.split for vessel in vessels)
        return {
            'vessels': len(vessels),
            'samples': self.tallies['samples_by_split'].total(),
            'frames': self.frames,
            'vessels_by_split': dict(sorted(splits.items())),
            **{key: dict(sorted(tally.items())) for key, tally in self.tallies.items()},
            'frames_without_gas': self.without_gas,
        }


def data_card(manifest: dict[str, Any]) -> str:
    """README.md of a campaign, from what its campaign.json holds."""
    counts, parameters = manifest['counts'], manifest['parameters']
    ph_rows = sorted({key.split()[0] for key in counts['frames_by_ph_and_gas']})
    by_ph = [
        f'| {ph} | {_at(counts, "frames_by_ph_and_gas", f"{ph} co2")} '
        f'| {_at(counts, "frames_by_ph_and_gas", f"{ph} ch4")} |'
        for ph in reversed(ph_rows)
    ]
    by_class = [
        f'| {name} | '
        + ' | '.join(
            str(_at(counts, 'frames_by_class_and_split', f'{name} {split}'))
            for split in SPLITS
        )
        + ' |'
        for name in HEALTH_CLASSES
    ]
    gases = ', '.join(f'{k} {n}' for k, n in counts['samples_by_gases'].items())
    plain = {k: v for k, v in parameters.items() if k not in ('simulation', 'counts')}
    free = ' Nothing was released: a control set.' if manifest['gas_free'] else ''
    lines = [
        f'# Simulated OGI campaign `{manifest["name"]}`',
        '',
        'Every frame here is **simulated**; no camera and no animal was involved.'
        f'{free} How pH moves the release of CO2 and CH4 is an assumption of the '
        'simulator (no source gives it for pH 5.0 to 6.5): whatever a model finds '
        'between frames and pH is a **simulated association, never a finding** about '
        'rumen health.',
        '',
        '## What is simulated',
        '',
        'Gas leaves the outlet tube of a rumen vessel and passes before two cameras, '
        'one for CO2 (4.2 to 4.4 um) and one for CH4 (3.2 to 3.4 um). A vessel has one '
        'pH and one run: tube, backgrounds, cameras and annotator stay the same. '
        'Frames are 8-bit gray; masks hold 0 background, 1 tube, 2 gas, outlined '
        'where the clean contrast passes a share of its peak. Splits are by vessel. '
        'Copies of one original (`augmentation_id`) are in one split.',
        '',
        '`truth.csv` holds what only a simulator knows: the volume of a vent '
        '(`release_ml`), the release rate (`release_ml_s`, ml/s), the time since the '
        'valve opened, and where asked for the path of the true column density, a '
        "16-bit PNG of the detector's 320x240: counts times "
        '`column_ppm_m_per_count` are ppm m.',
        '',
        '## Provenance',
        '',
        f'- simulator {manifest["simulator_version"]}, seed {manifest["seed"]}',
        f'- `{json.dumps(plain)}`',
        '- all ranges of rumen, plume, scene, cameras and labels: `campaign.json`',
        '',
        '## Counts',
        '',
        f'{counts["vessels"]} vessels, {counts["samples"]} samples ({gases}), '
        f'{counts["frames"]} labelled frames, {counts["frames_without_gas"]} of them '
        'without gas.',
        '',
        '| pH | CO2 frames | CH4 frames |',
        '|---|---|---|',
        *by_ph,
        '',
        '| class | train | val | test |',
        '|---|---|---|---|',
        *by_class,
        '',
    ]
    return '\n'.join(lines)


def _at(counts: dict[str, Any], table: str, key: str) -> int:
    return int(counts[table].get(key, 0))
