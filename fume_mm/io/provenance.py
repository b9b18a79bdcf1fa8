"""Where a result comes from: commit, versions, hashes, the machine."""

import hashlib
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import fume_mm
from fume_mm.version import __version__

#: Import names and the distributions that may provide them.
_DISTRIBUTIONS = {
    'torch': ('torch',),
    'mmengine': ('onedl-mmengine', 'mmengine'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'numpy': ('numpy',),
}


def versions() -> dict[str, str | None]:
    """Versions of Python, fume_mm and what results depend on; None if not installed."""
    found: dict[str, str | None] = {
        'python': platform.python_version(),
        'fume_mm': __version__,
    }
    for name, candidates in _DISTRIBUTIONS.items():
        found[name] = None
        for candidate in candidates:
            try:
                found[name] = metadata.version(candidate)
                break
            except metadata.PackageNotFoundError:
                continue
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
    if not Path(path).is_file():
        return None
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def config_sha256(config: dict[str, Any]) -> str:
    """SHA-256 of a resolved config, as JSON with sorted keys."""
    text = json.dumps(config, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def machine() -> dict[str, Any]:
    """What a speed depends on."""
    return {
        'cpu': _cpu_name(),
        'cores': os.cpu_count(),
        'load_average': round(os.getloadavg()[0], 2),
        'system': platform.platform(),
    }


def _cpu_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    names = [line.partition(':')[2] for line in lines if line.startswith('model name')]
    return names[0].strip() if names else platform.processor()
