"""fume_mm: gas plumes and rumen health from CO2 and CH4 infrared frames.

Importing the package is cheap: neither torch nor any mm package is loaded until a
part that needs it is. It registers nothing by itself; call
:func:`fume_mm.registry.register_all_modules`, or run one of ``tools/``.
"""

import warnings
from importlib import metadata

from .version import __version__

__all__ = ['__version__']

# The maintained forks install the same import packages as their upstreams. With both
# on disk, whichever was installed last wins file by file, and what breaks first gives
# no hint of the cause.
_UPSTREAM = {
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmcv-lite': 'onedl-mmcv',
    'mmsegmentation': 'onedl-mmsegmentation',
}


def _refuse_upstream() -> None:
    clashes = [name for name in _UPSTREAM if [*metadata.distributions(name=name)]]
    if clashes:
        names = ' '.join(clashes)
        forks = ' '.join(sorted({_UPSTREAM[name] for name in clashes}))
        raise ImportError(
            f'fume_mm runs on the maintained forks ({forks}), but their upstreams '
            f'({names}) are installed and share the same files. Run '
            f'`pip uninstall -y {names} {forks}` and install fume_mm again.'
        )


_refuse_upstream()
# mmcv without its compiled operations is how fume_mm wants it; nothing here asks for
# them, and mmcv cannot be told so.
warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``')
