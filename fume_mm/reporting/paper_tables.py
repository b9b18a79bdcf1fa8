"""The tables of FUME's paper (arXiv 2601.08205): their columns and published figures.

The published figures are of the owners' real campaign, on splits that share original
frames, with CO2 masks alone scored (see docs/troubleshooting.md); nothing simulated
compares with them.
"""

from typing import NamedTuple

from fume_mm.evaluation.estimate import Unit

_PERCENT, _PIXELS = Unit(100, 2), Unit(1, 2)


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: What stands above it.
        key: The metric of ``test_results.json``; or ``parameters``, ``macs``,
            ``latency``, ``fps``.
        unit: How it is written.
        lower: Less is better; None where no best is marked.
    """

    title: str
    key: str
    unit: Unit = _PERCENT
    lower: bool | None = False


_COST = (
    Column('parameters (M)', 'parameters', Unit(1e-6, 2), None),
    Column('MACs (G)', 'macs', Unit(1e-9, 2), None),
    Column('latency (ms)', 'latency', Unit(1, 2), None),
    Column('FPS', 'fps', Unit(1, 2), None),
)
_ACCURACY = Column('accuracy', 'cls/accuracy')
_MASKS = (Column('mIoU', 'seg/mIoU'), Column('Dice', 'seg/mDice'))
#: Columns by the paper's number of the table.
TABLES: dict[int, tuple[Column, ...]] = {
    1: (
        _ACCURACY,
        *_MASKS,
        Column('HD95 (px)', 'boundary/HD95', _PIXELS, True),
        Column('ASD (px)', 'boundary/ASD', _PIXELS, True),
        *_COST,
    ),
    3: (
        Column('F1 Healthy', 'cls/f1/Healthy'),
        Column('F1 Transitional', 'cls/f1/Transitional'),
        Column('F1 Acidotic', 'cls/f1/Acidotic'),
        Column('macro F1', 'cls/macro_f1'),
        Column('balanced accuracy', 'cls/balanced_accuracy'),
    ),
    4: (_ACCURACY, *_MASKS, _COST[2]),
}
TITLES = {
    1: 'Segmentation, health and cost',
    3: 'Health by class',
    4: 'Ablations',
}

#: Published rows: table, config: name in the paper: figures in the table's columns. The
#: paper's headline row has the parameters of ``fume_fastscnn_concat``. Where table 1
#: reports the cost of a simplified net, that net (``_t1``) stands for the row.
_ROWS = """
1 bisenetv2_t1: BiSeNetV2: 99.04 75.91 85.85 72.13 20.89 2.77 21.01 3.54 282.49
1 enet_t1: ENet: 97.86 46.67 54.13 101.16 34.24 0.26 3.18 2.71 369.00
1 ddrnet_slim_t1: DDRNetSlim: 94.98 56.97 70.55 140.50 46.13 3.39 16.66 1.66 602.41
1 espnetv2_t1: ESPNetV2: 90.81 51.88 58.00 92.32 26.55 2.22 18.39 2.58 387.60
1 danet_t1: DANet: 48.50 47.23 54.49 103.85 34.65 1.43 5.92 2.99 334.45
1 rtfnet_t1: RTFNet: 46.47 48.56 55.55 107.90 33.22 35.01 50.28 3.88 257.73
1 mti_net_t1: MTINet: 46.37 44.53 52.27 113.11 39.20 1.80 3.32 3.18 314.47
1 cmx_t1: CMX (NaN losses): 33.65 26.69 29.64 187.34 61.28 4.41 13.18 1.98 505.05
1 gasformer: Gasformer: 89.56 62.09 74.31 42.51 10.56 3.65 5.11 5.63 177.50
1 gas_twin_former: GasTwinFormer: 86.27 47.80 55.77 47.77 14.18 3.35 4.51 6.32 158.20
1 carboformer: CarboFormer: 87.92 54.95 65.04 41.14 10.37 3.81 3.09 9.31 107.40
1 fume_fastscnn_concat: FUME: 98.82 80.99 89.23 46.58 14.00 1.28 1.97 3.06 326.80
3 fume_fastscnn_concat: FUME: 98.72 94.59 99.15 97.49 99.03
3 bisenetv2_t1: BiSeNetV2: 99.04 94.59 99.32 97.65 99.24
4 fusion_cross_modal: + full cross-modal attention: 99.25 79.31 88.15 4.55
4 fusion_self_attention: + self-attention only: 98.82 80.36 88.81 3.55
4 modality_co2_only: CO2 only: 98.61 80.52 88.92 1.78
4 modality_ch4_only: CH4 only: 48.29 - - 1.81
4 tasks_cls_only: classification only: 97.86 - - 3.23
4 tasks_seg_only: segmentation only: 33.65 71.21 82.67 2.95
4 fume_fastscnn_concat: FUME: 98.82 80.99 89.23 3.06
"""
#: By table and config: name in the paper, figures.
PUBLISHED: dict[int, dict[str, tuple[str, tuple[float | None, ...]]]] = {
    number: {} for number in TABLES
}
for _line in _ROWS.strip().splitlines():
    _place, _name, _figures = _line.split(': ')
    _number, _config = _place.split()
    PUBLISHED[int(_number)][_config] = (
        _name,
        tuple(None if x == '-' else float(x) for x in _figures.split()),
    )
