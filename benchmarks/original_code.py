"""Parts of a checkout of the original FUME, imported by module path at run time.

Nothing of it is in this repository. The working directory is the checkout. Its packages
are imported past their ``__init__``, which name files that it does not hold.
"""

import importlib
import sys
import types
from typing import Any


def part(name: str) -> Any:
    """A module of the checkout, ``models.fume_fastscnn``."""
    package = name.partition('.')[0]
    if package not in sys.modules:
        stub = types.ModuleType(package)
        stub.__path__ = [package]
        sys.modules[package] = stub
    return importlib.import_module(name)


def fastscnn() -> Any:
    """Its model on Fast-SCNN, as its config has it."""
    return part('models.fume_fastscnn').FUMEFastSCNN(
        num_classes=3, num_seg_classes=3, shared_encoder=True
    )


def r50() -> Any:
    """Its model on ResNet-50, random weights."""
    return part('models.fume').FUMEModel(
        num_classes=3, num_seg_classes=3, pretrained=False
    )


def dataset(root: str, csv: str, *, train: bool) -> Any:
    """Its dataset with its transforms of 640x480 frames.

    A checkout whose ``data`` is not there (it left the repository later) cannot.
    """
    transforms = part('data.transforms')
    make = transforms.get_train_transforms if train else transforms.get_val_transforms
    return part('data.dataset').FUMEDataset(
        paired_csv=f'{root}/{csv}',
        dataset_root=root,
        transform=make((640, 480)),
        modality_dropout=0.2 if train else 0.0,
        is_training=train,
    )


def trainer() -> tuple[Any, Any, Any]:
    """Its Fast-SCNN with loss and optimiser as its ``train.py`` builds them."""
    return training(fastscnn())


def training(model: Any) -> tuple[Any, Any, Any]:
    """Model, loss and optimiser of its recipe."""
    import torch

    loss = part('losses.multi_task_loss').MultiTaskLoss(
        cls_alpha=torch.tensor([1.0, 8.0, 1.2])
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, weight_decay=1e-4, betas=(0.9, 0.999)
    )
    return model.train(), loss, optimizer


def step(built: tuple[Any, Any, Any], batch: dict[str, Any], dtype: Any = None) -> None:
    """A step as its ``train_epoch`` does it; ``dtype`` is autocast's, where given."""
    import torch

    model, loss, optimizer = built
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
        frames = batch['co2_frame'], batch['ch4_frame'], batch['modality_mask']
        total = loss(model(*frames), batch)['total_loss']
    optimizer.zero_grad()
    total.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    total.item()


def random_batch(size: int, frame: tuple[int, int]) -> dict[str, Any]:
    """A batch in its form: both gases, random frames (height, width) and masks."""
    import torch

    torch.manual_seed(0)
    shape = (size, 1, *frame)
    return {
        **{f'{gas}_frame': torch.randn(shape) for gas in ('co2', 'ch4')},
        **{
            f'{gas}_mask': torch.randint(3, (size, *frame), dtype=torch.uint8)
            for gas in ('co2', 'ch4')
        },
        'class_label': torch.arange(size) % 3,
        'modality_mask': torch.ones(size, 2),
    }
