"""What the parts hand each other: the words that all share, and the data sample.

Nothing here imports torch or OpenMMLab, so the simulator and the tools that only
read files stay light.
"""

from typing import TYPE_CHECKING, Any, Literal

from fume_mm.errors import UserError

if TYPE_CHECKING:
    from .dual_gas_data_sample import DualGasDataSample as DualGasDataSample

Gas = Literal['co2', 'ch4']

#: The gases, in the order in which every tensor, dict and table holds them.
GASES: tuple[Gas, ...] = ('co2', 'ch4')
#: How figures and tables write them.
GAS_LABELS: dict[str, str] = {'co2': 'CO2', 'ch4': 'CH4'}

#: What the values of a mask mean in FUME's campaigns and in the simulator's. Another
#: campaign may have other classes: see :mod:`.labels`.
SEG_CLASSES = ('background', 'tube', 'gas')
BACKGROUND, TUBE, GAS = range(3)
#: Value of the pixels of a mask that nobody has labelled; they count
#: nowhere: the losses' and metrics' ``ignore_index``.
IGNORE = 255
#: RGB, 0 to 255: blue and orange stay apart for colour-blind readers.
SEG_PALETTE = ((0, 0, 0), (0, 114, 178), (230, 159, 0))
#: RGB of unlabelled pixels in the files of masks.
IGNORE_COLOUR = (204, 121, 167)

#: Names of FUME's health classes by class id; see :mod:`.labels`, too.
HEALTH_CLASSES = ('Healthy', 'Transitional', 'Acidotic')
#: ``class_id`` of a row that has masks only; empty in the file.
NO_CLASS = -1
#: RGB, 0 to 255.
HEALTH_PALETTE = ((0, 158, 115), (240, 228, 66), (213, 94, 0))
#: The pH values of FUME's campaigns and the class of each.
NOMINAL_PH = {6.5: 0, 6.2: 0, 5.9: 1, 5.6: 2, 5.3: 2, 5.0: 2}
#: Limits between the classes. The publication names only the six values above; the
#: limits lie half-way between neighbours of different class (5.75 and 6.05).
HEALTHY_ABOVE_PH = 6.05
ACIDOTIC_BELOW_PH = 5.75
#: pH values outside this range are not a rumen's.
PH_RANGE = (3.0, 9.0)

SPLITS = ('train', 'val', 'test')
#: What a CSV says of the rumen; all empty where nothing is known.
HEALTH_COLUMNS = ('ph_value', 'class_id', 'class_name')
#: What every CSV of annotations has.
ANNOTATION_COLUMNS = (
    'frame_path',
    'mask_path',
    'gas_type',
    *HEALTH_COLUMNS,
    'original_sample_id',
    'augmentation_id',
)

#: Which gases a sample has, as results are broken down by.
AVAILABILITY = ('both', 'co2_only', 'ch4_only')


def health_class(ph: float) -> int:
    """Class id (0 Healthy, 1 Transitional, 2 Acidotic) of a rumen at ``ph``.

    Raises:
        UserError: If ``ph`` is not a number in :data:`PH_RANGE`.
    """
    from .labels import FUME_LABELS  # which is made of the words above

    return FUME_LABELS.health_class(ph)


def availability(present: dict[str, bool]) -> str:
    """The :data:`AVAILABILITY` pattern of a sample with these gases.

    Raises:
        UserError: If no gas is present.
    """
    has = [gas for gas in GASES if present.get(gas)]
    if not has:
        raise UserError(
            'a sample without any gas frame cannot be used; it needs a CO2 frame, a '
            'CH4 frame or both.'
        )
    return 'both' if len(has) == len(GASES) else f'{has[0]}_only'


def __getattr__(name: str) -> Any:
    # the sample needs torch and mmseg, seconds to import, which the words do not
    if name == 'DualGasDataSample':
        from .dual_gas_data_sample import DualGasDataSample

        return DualGasDataSample
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
