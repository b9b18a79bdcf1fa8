"""Where a result comes from: commit, versions, hashes, the machine."""

import hashlib
import json
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import fume_mm
from fume_mm.version import __version__

#: Distributions by the names that they are imported by.
_DISTRIBUTIONS = {
    'torch': 'torch',
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmseg': 'onedl-mmsegmentation',
    'numpy': 'numpy',
}


def versions() -> dict[str, str | None]:
    """Versions of Python, fume_mm and what results depend on; None if not installed."""
    found: dict[str, str | None] = {
        'python': platform.python_version(),
        'fume_mm': __version__,
    }
    for name, distribution in _DISTRIBUTIONS.items():
        try:
            found[name] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def commit() -> str | None:
    """Git's commit of the program, ``-dirty`` if files differ; None if installed."""
    root = Path(fume_mm.__file__).resolve().parents[1]
    if not (root / '.git').exists():
        return None  # whatever repository the installation lies in is another's
    try:
        return subprocess.run(
            ['git', 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def file_sha256(path: str | Path) -> str | None:
    """SHA-256 of a file's bytes; None if it is no file here (a URL)."""
    path = Path(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def config_sha256(config: dict[str, Any]) -> str:
    """SHA-256 of a resolved config, as JSON with sorted keys."""
    text = json.dumps(config, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def machine() -> dict[str, Any]:
    """What a speed depends on."""
    info = Path('/proc/cpuinfo')
    text = info.read_text(encoding='utf-8') if info.is_file() else ''
    cpu = re.search(r'^model name\s*:\s*(.+)', text, re.MULTILINE)
    # Windows counts none
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else float('nan')
    return {
        'cpu': cpu[1].strip() if cpu else platform.processor(),
        'cores': os.cpu_count(),
        'load_average': round(load, 2),
        'system': platform.platform(),
    }
