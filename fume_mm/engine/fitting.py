"""Do a model's parts fit together? Asked with shapes alone, before anything runs."""

from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from torch import nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES

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
    entered: list[str] = []
    # of every module, since a container of heads is never called itself
    for name, module in model.named_modules():
        if (part := name.partition('.')[0]) in PARTS:
            module.register_forward_pre_hook(lambda *_, x=part: entered.append(x))
    inputs = {gas: torch.empty(2, 1, *SIZE, device='meta') for gas in gases}
    inputs['present'] = torch.tensor([[gas in gases for gas in GASES]] * 2)
    try:
        with torch.no_grad():
            model.train()(inputs)  # as training does: some parts give more then
    except UserError:
        raise
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        if _not_ours(error):
            return
        part = entered[-1] if entered else 'backbone'
        kind = cfg.model.get(part, {}).get('type', '')
        raise UserError(
            f'{cfg.filename}: model.{part} ({kind}) cannot take what it is given: '
            f'{first_line(error)}; make its in_channels and in_index those of the '
            'maps before it.'
        ) from error
