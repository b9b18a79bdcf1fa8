"""What the parts hand each other: the vocabulary and the data sample."""

from typing import TYPE_CHECKING, Any

from .vocabulary import (
    ACIDOTIC_BELOW_PH,
    ANNOTATION_COLUMNS,
    AVAILABILITY,
    BACKGROUND,
    GAS,
    GAS_LABELS,
    GASES,
    HEALTH_CLASSES,
    HEALTH_PALETTE,
    HEALTHY_ABOVE_PH,
    IGNORE,
    NOMINAL_PH,
    PH_RANGE,
    SEG_CLASSES,
    SEG_PALETTE,
    SPLITS,
    TUBE,
    Gas,
    availability,
    health_class,
)

if TYPE_CHECKING:
    from .dual_gas_data_sample import DualGasDataSample

__all__ = [
    'ACIDOTIC_BELOW_PH',
    'ANNOTATION_COLUMNS',
    'AVAILABILITY',
    'BACKGROUND',
    'GAS',
    'GASES',
    'GAS_LABELS',
    'HEALTHY_ABOVE_PH',
    'HEALTH_CLASSES',
    'HEALTH_PALETTE',
    'IGNORE',
    'NOMINAL_PH',
    'PH_RANGE',
    'SEG_CLASSES',
    'SEG_PALETTE',
    'SPLITS',
    'TUBE',
    'DualGasDataSample',
    'Gas',
    'availability',
    'health_class',
]


def __getattr__(name: str) -> Any:
    # The sample needs torch and mmseg (seconds to import); the vocabulary does not,
    # and the simulator and the CSV tools want the vocabulary alone.
    if name == 'DualGasDataSample':
        from .dual_gas_data_sample import DualGasDataSample

        return DualGasDataSample
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
