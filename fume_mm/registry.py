"""The registries of fume_mm: children of MMEngine's, only those in use.

Each looks in itself first, then in MMEngine's, so names of MMEngine need no prefix in a
config; names of mmsegmentation are written ``mmseg.Name``.
"""

import importlib
from collections.abc import Iterable

from mmengine import registry as engine
from mmengine.registry import DefaultScope, Registry

from fume_mm.errors import UserError

SCOPE = 'fume_mm'
#: The modules that register something; the weights' is MMEngine's way to read them.
PLACES = ['io.weights']


def _child(name: str, parent: Registry, *places: str) -> Registry:
    PLACES.extend(place for place in places if place not in PLACES)
    locations = [f'fume_mm.{place}' for place in places]
    return Registry(name, parent=parent, scope=SCOPE, locations=locations)


#: Torch datasets whose items are what their pipeline returns.
DATASETS = _child('dataset', engine.DATASETS, 'datasets.dual_gas_dataset')
#: Samplers: ``(dataset, seed, **options)``; each rank iterates its share of indices.
DATA_SAMPLERS = _child('data sampler', engine.DATA_SAMPLERS, 'datasets.samplers')
#: Transforms: a results dict in, a results dict out.
TRANSFORMS = _child('transform', engine.TRANSFORMS, 'datasets.transforms')
#: Functions by name: a data loader's worker initialiser.
FUNCTIONS = _child('function', engine.FUNCTIONS, 'datasets.samplers')
#: Models, preprocessors, backbones, necks, heads, losses and norm layers.
MODELS = _child('model', engine.MODELS, 'models')
#: Weight initialisers: a module in, its weights set.
WEIGHT_INITIALIZERS = _child('weight initializer', engine.WEIGHT_INITIALIZERS, 'models')
#: Hooks of the Runner.
HOOKS = _child('hook', engine.HOOKS, 'engine.hooks')
#: Optimisers. Without a child of its own MMEngine warns whenever it is asked for one.
OPTIMIZERS = _child('optimizer', engine.OPTIMIZERS)
#: Schedules of the learning rate; for the same reason.
PARAM_SCHEDULERS = _child('parameter scheduler', engine.PARAM_SCHEDULERS)
#: Optimiser wrappers.
OPTIM_WRAPPERS = _child('optimizer wrapper', engine.OPTIM_WRAPPERS, 'engine.runner')
#: Constructors of optimiser wrappers: a model in, its wrapper out.
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'optimizer wrapper constructor', engine.OPTIM_WRAPPER_CONSTRUCTORS, 'engine.loops'
)
#: What writes the lines of the log.
LOG_PROCESSORS = _child('log processor', engine.LOG_PROCESSORS, 'engine.console')
#: Loops of the Runner.
LOOPS = _child('loop', engine.LOOPS, 'engine.loops')
#: Metrics: per-sample results in, ``{key: number}`` out.
METRICS = _child('metric', engine.METRICS, 'evaluation')
#: Evaluators: what runs the metrics of a loop.
EVALUATOR = _child('evaluator', engine.EVALUATOR, 'evaluation')
#: Where a visualizer writes: files, TensorBoard, trackers.
VISBACKENDS = _child('vis_backend', engine.VISBACKENDS, 'drawing.trackers')
#: Visualizers: figures to every backend (files, TensorBoard).
VISUALIZERS = _child('visualizer', engine.VISUALIZERS, 'drawing.visualizer')


def register_all_modules(init_default_scope: bool = True) -> None:
    """Import every part, so that configs can name them.

    Args:
        init_default_scope: Also make ``fume_mm`` the scope in which names without a
            prefix are looked up.
    """
    for place in PLACES:
        importlib.import_module(f'fume_mm.{place}')
    if init_default_scope:
        use_scope()


def use_scope() -> None:
    """Make ``fume_mm`` the scope in which names without a prefix are looked up.

    A registry imports its parts when it is first asked for one; what only builds a
    model need not wait for those of the others.
    """
    current = DefaultScope.get_current_instance()
    if current is None or current.scope_name != SCOPE:
        DefaultScope.get_instance(
            f'{SCOPE}-{len(DefaultScope._instance_dict)}', scope_name=SCOPE
        )


def import_modules(names: Iterable[str]) -> None:
    """Import modules that register parts of one's own, as ``custom_imports`` does.

    Raises:
        UserError: If one cannot be found.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UserError(
                f"{name}: cannot be imported ({error}); name a module on Python's path "
                '(PYTHONPATH).'
            ) from error
