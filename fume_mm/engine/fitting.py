"""Do a model's parts fit together, and to its data? Asked before anything runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from torch import nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES
from fume_mm.structures.labels import GAS_NAME

from .config import config_errors, first_line

#: Size of the frames that are tried: 32 divides it, and no map becomes empty.
SIZE = (128, 160)
#: Parts of a DualGasModel, in the order of a forward pass.
PARTS = ('backbone', 'neck', 'decode_head', 'auxiliary_head', 'health_head')
#: What tensors without numbers cannot answer says nothing about the parts.
_NOT_OURS = ('meta tensor', 'Meta tensor', 'data-dependent', 'meta device')


def _not_ours(error: Exception) -> bool:
    unknown = any(text in str(error) for text in _NOT_OURS)
    return unknown or isinstance(error, NotImplementedError)


def bare_model(model: nn.Module) -> Any:
    """The model itself, where processes that train it together have wrapped it."""
    return model.module if is_model_wrapper(model) else model


def shape_model(cfg: Config) -> Any:
    """The model of ``cfg`` with parameters that have shapes and no numbers.

    Raises:
        UserError: If it cannot be built.
    """
    with config_errors(cfg):
        try:
            with torch.device('meta'):
                return MODELS.build(cfg.model)
        except RuntimeError as error:
            if not _not_ours(error):
                raise
        # some of mmseg's encoders read numbers of tensors while they are built
        return MODELS.build(cfg.model).to('meta')


def check_parts(cfg: Config) -> None:
    """Run the model of ``cfg`` on tensors that have shapes and no numbers.

    Raises:
        UserError: Naming the part that cannot take what the ones before it give.
    """
    model = shape_model(cfg)
    gases = getattr(model, 'gases', None)
    if gases is None:  # no network
        return
    inputs = {gas: torch.empty(2, 1, *SIZE, device='meta') for gas in gases}
    inputs['present'] = torch.tensor([[gas in gases for gas in GASES]] * 2)
    try:
        with torch.no_grad(), naming_parts(cfg, model):
            model.train()(inputs)  # as training does: some parts give more then
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        if not _not_ours(error):
            raise


@contextmanager
def naming_parts(cfg: Config, model: nn.Module) -> Iterator[None]:
    """Make an error of a forward pass a UserError that names the part it is in.

    What tensors without numbers cannot answer stays as it is.
    """
    entered: list[str] = []
    # of every module, since a container of heads is never called itself
    hooks = [
        module.register_forward_pre_hook(lambda *_, x=part: entered.append(x))
        for name, module in model.named_modules()
        if (part := name.partition('.')[0]) in PARTS
    ]
    try:
        yield
    except UserError:
        raise
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        if _not_ours(error):
            raise
        part = entered[-1] if entered else 'backbone'
        kind = cfg.model.get(part, {}).get('type', '')
        raise UserError(
            f'{cfg.filename}: model.{part} ({kind}) cannot take what it is given: '
            f'{first_line(error)}; make its in_channels and in_index those of the '
            'maps before it.'
        ) from error
    finally:
        for hook in hooks:
            hook.remove()


def disagreement(model: nn.Module, metainfo: dict[str, Any]) -> str | None:
    """What the model and the dataset's metainfo disagree on, and the way out.

    Args:
        model: With ``decode_head`` (by gas) and ``health_head``, each of which it may
            lack.
        metainfo: ``gases``, ``classes``, ``palette``, ``health_classes`` and
            ``without_mask``; what it lacks is not checked.
    """
    classes, palette = metainfo.get('classes'), metainfo.get('palette')
    if classes and palette and len(classes) != len(palette):
        return (
            f'its metainfo has {len(classes)} classes ({", ".join(classes)}) and '
            f'{len(palette)} colours in palette; give a colour for each class'
        )
    model = getattr(model, 'module', model)  # of test-time augmentation
    heads = getattr(model, 'decode_head', None)
    heads = heads if isinstance(heads, nn.ModuleDict) else {}
    gases = metainfo.get('gases')
    if gases and heads and set(gases) != set(heads):
        return (
            f'the dataset has the gases {", ".join(gases)}, the model a decode_head '
            f'for {", ".join(heads)}; make them the same'
        )
    if heads and metainfo.get('without_mask') == 1:
        return (
            'no frame of the dataset has a mask, the model has a decode_head; set '
            'model.decode_head=None (configs/fume/fume_fastscnn_health.py)'
        )
    parts = [('classes', f'{gas} decode_head', head) for gas, head in heads.items()]
    health_head = getattr(model, 'health_head', None)
    parts.append(('health_classes', 'health_head', health_head))
    parts.append(('health_classes', 'model', model))  # a forest
    for key, name, part in parts:
        classes, number = metainfo.get(key), getattr(part, 'num_classes', None)
        if classes and number and (count := len(classes)) != number:
            return (
                f'the dataset has {count} {key} ({", ".join(classes)}), the {name} '
                f'{number}; set {_key(name)}.num_classes={count}'
            )
    for name, part in (('health_head', health_head), ('model', model)):
        names, value = metainfo.get('classes'), getattr(part, 'gas_class', None)
        if names and value is not None and (gas := names.index(GAS_NAME)) != value:
            return (
                f'the gas is {gas} in the masks of the dataset ({", ".join(names)}), '
                f'{value} for the {name}; set {_key(name)}.gas_class={gas}'
            )
    return None


def _key(name: str) -> str:
    """The config's key of a part."""
    return 'model' if name == 'model' else f'model.{name.split()[-1]}'
