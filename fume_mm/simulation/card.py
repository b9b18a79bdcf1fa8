"""The data card of a campaign: counts, and the README beside them."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from fume_mm.structures import GASES, HEALTH_CLASSES, SPLITS, availability


class Counts:
    """Tallies of a campaign's rows."""

    def __init__(self) -> None:
        self.tallies: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Count all rows of a vessel."""
        samples: defaultdict[str, dict[str, bool]] = defaultdict(
            lambda: dict.fromkeys(GASES, False)
        )
        for row in rows:
            samples[row['original_sample_id']][row['gas_type']] = True
        name, ph = rows[0]['class_name'], rows[0]['ph_value']
        gases = [row['gas_type'] for row in rows]
        splits = [row['split'] for row in rows]
        in_split = {(row['original_sample_id'], row['split']) for row in rows}
        for key, values in {
            'vessels': [name],
            'vessels_by_split': set(splits),
            'samples_by_split': [split for _, split in in_split],
            'samples_by_class': [name] * len(samples),
            'samples_by_gases': map(availability, samples.values()),
            'frames_by_gas': gases,
            'frames_by_split': splits,
            'frames_by_ph_and_gas': [f'{ph} {gas}' for gas in gases],
            'frames_by_class_and_split': [f'{name} {split}' for split in splits],
            'originals_by_gas': [x['gas_type'] for x in rows if not x['is_augmented']],
            'without_gas': [row['split'] for row in rows if row['gas_area'] == 0],
        }.items():
            self.tallies[key].update(values)

    def as_dict(self) -> dict[str, Any]:
        """All counts, for campaign.json."""
        tallies = {key: dict(sorted(x.items())) for key, x in self.tallies.items()}
        without_gas = sum(tallies.pop('without_gas').values())
        totals = {
            'vessels': sum(tallies.pop('vessels').values()),
            'samples': sum(tallies['samples_by_class'].values()),
            'frames': sum(tallies['frames_by_gas'].values()),
        }
        return {**totals, **tallies, 'frames_without_gas': without_gas}


def data_card(manifest: dict[str, Any]) -> str:
    """README.md of a campaign, from what its campaign.json holds."""
    counts, parameters = manifest['counts'], manifest['parameters']
    by_ph = counts['frames_by_ph_and_gas']
    by_class = counts['frames_by_class_and_split']
    phs = sorted({key.split()[0] for key in by_ph}, reverse=True)
    gases = ', '.join(f'{k} {n}' for k, n in counts['samples_by_gases'].items())
    plain = {k: v for k, v in parameters.items() if k not in ('simulation', 'counts')}
    free = ' Nothing was released: a control set.' if manifest['gas_free'] else ''
    splits = (
        'Splits are by vessel. Copies of one original (`augmentation_id`) are in one '
        'split.'
    )
    if parameters['counts'] is not None:
        splits = (
            "As in the owners' campaign, a recording is of one gas (`MOV`: CO2, "
            '`FLIR`: CH4), the two cameras were not synchronous, and the splits are at '
            'random over all frames **after** copying: frames and copies of one '
            'recording are in all of them. `annotations.csv` leads from '
            '`original_sample_id` to the recording. Split again by recordings before '
            'results mean anything (`pair_gases.py --resplit`); the two frames of a '
            'pair share their pH, not their time.'
        )
    paragraphs = [
        f'# Simulated OGI campaign `{manifest["name"]}`',
        'Every frame here is **simulated**; no camera and no animal was involved.'
        f'{free} How pH moves the release of CO2 and CH4 is an assumption of the '
        'simulator (no source gives it for pH 5.0 to 6.5): whatever a model finds '
        'between frames and pH is a **simulated association, never a finding** about '
        'rumen health.',
        '## What is simulated',
        'Gas leaves the outlet tube of a rumen vessel and passes before two cameras, '
        'one for CO2 (4.2 to 4.4 um) and one for CH4 (3.2 to 3.4 um). A vessel has one '
        'pH and one run: tube, backgrounds, cameras and annotator stay the same. '
        'Frames are 8-bit gray; masks hold 0 background, 1 tube, 2 gas (indices of a '
        'palette, which OpenCV reads as colours), outlined where the clean contrast '
        f'passes a share of its peak. {splits}',
        '`truth.csv` holds what only a simulator knows: the volume of a vent '
        '(`release_ml`), the release rate (`release_ml_s`, ml/s), the time since the '
        'valve opened, and where asked for the path of the true column density, a '
        "16-bit PNG of the detector's 320x240: counts times "
        '`column_ppm_m_per_count` are ppm m.',
        '## Provenance',
        f'- simulator {manifest["simulator_version"]}, seed {manifest["seed"]}\n'
        f'- `{json.dumps(plain)}`\n'
        '- all ranges of rumen, plume, scene, cameras and labels: `campaign.json`',
        '## Counts',
        f'{counts["vessels"]} vessels, {counts["samples"]} samples ({gases}), '
        f'{counts["frames"]} labelled frames, {counts["frames_without_gas"]} of them '
        'without gas.',
        _table('| pH | CO2 frames | CH4 frames |', phs, by_ph, GASES),
        _table('| class | train | val | test |', HEALTH_CLASSES, by_class, SPLITS),
    ]
    return '\n\n'.join(paragraphs) + '\n'


def _table(
    head: str, names: Sequence[str], tally: dict[str, int], columns: Sequence[str]
) -> str:
    lines = [head, '|---' * (len(columns) + 1) + '|']
    for name in names:
        cells = (str(tally.get(f'{name} {column}', 0)) for column in columns)
        lines.append(f'| {name} | {" | ".join(cells)} |')
    return '\n'.join(lines)
