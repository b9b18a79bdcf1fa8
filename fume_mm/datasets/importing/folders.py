"""Folders of frames and masks of the same names, of any tool that writes these.

Also labelme's VOC export and Roboflow's masks, whose legends are read.
"""

import re
from dataclasses import replace
from pathlib import Path

from .items import Options, Source
from .legend import read_legend
from .tree import walk


def read(source: Path, options: Options) -> Source:
    """Every pair of folders; see :func:`.tree.walk`."""
    legend, remarks = read_legend(source), []
    if options.mask_name is None and next(source.rglob('_classes.csv'), None):
        options = replace(options, mask_name=re.compile('(?P<name>.*)_mask'))
        remarks = ['_classes.csv: Roboflow masks, x_mask.png beside x.jpg']
    return Source(walk(source, options), legend, remarks=remarks)
