"""The splits of a campaign against each other, and what is said of them."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.files import read_json

from .campaign_report import PAIR_AGAIN, CampaignReport, problem_of
from .splitting import find_leaks

SPLIT_CONFIG = 'split_config.json'
_SPLIT = (
    'split again by whole groups with '
    '`python tools/dataset_converters/split_by_group.py {root} --out {root} --force`'
)


def check_splits(
    of_pairs: pd.DataFrame,
    digests: dict[str, bytes],
    report: CampaignReport,
    resplit: bool,
) -> None:
    """Note groups and frames that more than one split has."""
    frames, root = report.frames, report.root
    if resplit:
        report.notes.append(
            'The paired CSVs were split anew (pair_gases.py --resplit): they, not the '
            'annotation CSVs, were held against each other.'
        )
    else:
        _note_leaks(frames, 'annotation', _SPLIT.format(root=root), report)
    group_of = frames.drop_duplicates('frame_path').set_index('frame_path')['group']
    grouped = of_pairs.assign(group=of_pairs['frame_path'].map(group_of))
    again = PAIR_AGAIN.format(root=root)[:-1] + ' --resplit`'
    _note_leaks(grouped, 'paired', again, report)

    side = of_pairs if resplit else frames[list(of_pairs)]
    copies = side.assign(digest=side['frame_path'].map(digests)).dropna()
    firsts = copies.drop_duplicates('digest').set_index('digest')
    split_of_first = copies['digest'].map(firsts['split'])
    for other in copies[copies['split'] != split_of_first].to_dict('records'):
        first = firsts.loc[other['digest']]
        report.add(
            other['csv'],
            other['line'],
            f"'{other['frame_path']}' is '{first['frame_path']}' of {first['split']}",
            'a frame has the same pixels as one of another split',
            'delete one of the rows',
        )
    # what is in other splits is a defect above
    once = copies.drop_duplicates(['split', 'digest'])
    if repeats := len(copies) - len(once):
        report.notes.append(
            f'{repeats} frames repeat the pixels of one of their split.'
        )


def _note_leaks(
    rows: pd.DataFrame, kind: str, way_out: str, report: CampaignReport
) -> None:
    by_split = {str(name): part for name, part in rows.groupby('split', sort=False)}
    problem = f'a group is in more than one split of the {kind} CSVs'
    for group, where in find_leaks(by_split).items():
        shown = f'{group} ({", ".join(where)})'
        report.add(report.root, None, shown, problem, way_out)


def is_resplit(root: Path) -> bool:
    """Whether the paired CSVs in a folder have splits of their own."""
    try:
        text = (root / 'pairing_statistics.json').read_text(encoding='utf-8')
        return bool(json.loads(text).get('resplit'))
    except (OSError, ValueError, AttributeError):
        return False


def check_split_config(root: Path, report: CampaignReport) -> None:
    """Note where the owners' ``split_config.json`` says otherwise than the CSVs.

    ``split_counts`` are rows by split; ``original_samples``, in later versions, the
    originals by split.
    """
    path = root / SPLIT_CONFIG
    if not path.is_file() or 'split' not in report.frames:
        return
    try:
        content = read_json(path, what='description of the splits')
        counts, originals = (
            {str(split): value for split, value in content.get(key, {}).items()}
            for key in ('split_counts', 'original_samples')
        )
    except (UserError, AttributeError) as error:
        problem = (str(error), 'restore it, or delete it')
        if isinstance(error, UserError):
            problem = problem_of(path, error)
        report.add(path, None, '', *problem)
        return
    way_out = 'restore the CSV, or delete the file where the splits are made anew'
    for split, rows in report.frames.groupby('split', sort=False):
        said = counts.get(str(split))
        if isinstance(said, int) and said != len(rows):
            report.add(
                path,
                None,
                f'{split}: {said}',
                f'split_counts differs from the {len(rows)} rows of the CSV',
                way_out,
            )
        theirs: Any = originals.get(str(split))
        if not isinstance(theirs, list):
            continue
        missing = {str(x) for x in theirs} ^ set(rows['original_sample_id'])
        if missing:
            report.add(
                path,
                None,
                f'{split}: {", ".join(sorted(missing)[:3])}',
                f'original_samples differs from the CSV in {len(missing)} originals',
                way_out,
            )
