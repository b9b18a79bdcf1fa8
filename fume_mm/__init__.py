"""fume_mm: gas plumes and rumen health from CO2 and CH4 infrared frames.

Importing the package is cheap: neither torch nor any mm package is loaded until a
part that needs it is. It registers nothing by itself; call
:func:`fume_mm.registry.register_all_modules`, or run one of ``tools/``.
"""

import importlib.util
import sys
from importlib import metadata
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

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


class _TellMMEngine:
    """Makes ``fume_mm::`` a name of configs for MMEngine, as soon as that is imported.

    MMEngine finds configs of the packages on a list of its own, and nothing but an
    entry in that list adds one. Importing MMEngine for it would cost every use of
    fume_mm that needs none.
    """

    module = 'mmengine.config.utils'

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's own spec, with what follows its import."""
        if name != self.module:
            return None
        sys.meta_path.remove(self)
        spec: ModuleSpec | None = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self.tell(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    @staticmethod
    def tell(module: Any) -> None:
        """Add the package to MMEngine's list."""
        module.MODULE2PACKAGE['fume_mm'] = 'fume_mm'


_refuse_upstream()
if _TellMMEngine.module in sys.modules:
    _TellMMEngine.tell(sys.modules[_TellMMEngine.module])
else:
    sys.meta_path.insert(0, _TellMMEngine())
