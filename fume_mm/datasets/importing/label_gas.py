"""The folder of label_gas, with which the owners label.

``masks/`` beside the frames' folder, or in it, a mask under the frame's own file name:
of JPEG frames in JPEG. A frame that was skipped has none, and is not judged.
"""

from dataclasses import replace
from pathlib import Path

from .folders import read as read_folders
from .items import Item, Options, Source
from .tree import existing_folder, image_files, match


def read(source: Path, options: Options) -> Source:
    """``frames/`` and ``masks/``, or ``masks/`` in the folder that holds the frames."""
    existing_folder(source)
    masks = source / (options.masks or 'masks')
    beside = [p for p in image_files(source) if p.parent == source]
    if not beside or options.frames or not masks.is_dir():
        return replace(read_folders(source, options), missing_mask='skip')
    return Source(
        [
            Item(name=str(name), frame=frame, mask=mask)
            for name, frame, mask in match(source, masks, options.mask_name)
            if frame.parent == source
        ],
        missing_mask='skip',
    )
