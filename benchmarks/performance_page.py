"""The table of docs/performance.md, from a JSON that run.py wrote."""

from typing import Any

from fume_mm.errors import UserError

START = '<!-- benchmarks/results/performance.json -->'
END = '<!-- end -->'
#: What a figure's key is called in a table.
UNITS = {
    'cpu': 'ms CPU',
    'wall': 'ms',
    'peak_mib': 'MiB',
    'index_mib': 'MiB index',
    'kib_a_row': 'KiB a row',
}


def text_of(found: dict[str, float] | None, digits: int = 1) -> str:
    """Median and quartiles."""
    if found is None:
        return '-'
    values = (found[key] for key in ('median', 'p25', 'p75'))
    median, low, high = (f'{value:,.{digits}f}' for value in values)
    return f'{median} [{low}, {high}]'


HEADER = ('case', 'unit', 'ours', 'baseline', 'its', 'ratio', 'floor')


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table."""
    floor = row.get('floor')
    return (
        row['case'],
        UNITS[row['key']],
        text_of(row['ours']),
        row.get('baseline', '-'),
        text_of(row.get('theirs')),
        text_of(row.get('ratio'), 2),
        '-' if floor is None else f'{floor:,.1f}',
    )


def filled(text: str, report: dict[str, Any]) -> str:
    """A page with the report's table between its two markers.

    Raises:
        UserError: If it does not have them.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise UserError(f'the page has no line {START} with {END} after it; add both.')
    about = report.get('environment', {})
    lines = [f'| {" | ".join(HEADER)} |', '|---|---|---:|---|---:|---:|---:|']
    for row in report['rows']:
        case, *others = cells(row)
        lines.append(f'| {row["about"]} (`{case}`) | {" | ".join(others)} |')
    if about:
        lines += ['', where(report)]
    return f'{before}{start}\n\n' + '\n'.join(lines) + f'\n\n{end}{after}'


def where(report: dict[str, Any]) -> str:
    """What the figures were measured on."""
    about, load = report['environment'], report['environment']['load_average']
    width, height = report['size']
    quick = ', `--quick`' if report['quick'] else ''
    return (
        f'{about["cores"]} cores of {about["cpu"]} under a load of {load}, torch '
        f'{about["torch"]}, {width}x{height}, commit '
        f'{str(about["commit"])[:12]}{quick}.'
    )
