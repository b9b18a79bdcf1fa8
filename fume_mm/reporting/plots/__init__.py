"""Matplotlib figures of runs and campaigns, from plain numbers."""

#: The figures of runs by name, with the headline that the report's page gives them.
FIGURES = {
    'curves': 'Training',
    'confusion': 'Confusion of the health classes',
    'bars': 'mIoU',
    'radar': 'F1 by class',
    'efficiency': 'Cost against mIoU',
    'reliability': 'Calibration',
    'roc_pr': 'ROC and precision-recall',
    'grid': 'Examples',
    'errors': 'Errors',
}
