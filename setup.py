"""Packaging of fume_mm: names and version ranges; pyproject.toml configures tools.

The ranges are what should work. The exact set that is tested is constraints.txt, which
the Makefile and CI install with.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION: dict[str, str] = {}
exec((ROOT / 'fume_mm/version.py').read_text(), VERSION)

REQUIRES = [
    'numpy>=1.26',
    'opencv-python>=4.8',
    # 2.0.8 is the last release; its successor has another licence.
    'albumentations==2.0.8',
    'pandas>=2.0',
    'torch>=2.11',
    'tensorboard>=2.15',
    # The maintained forks of mmengine, mmcv and mmsegmentation (same import names).
    'onedl-mmengine>=0.10.12,<0.11',
    'onedl-mmcv>=2.3.6,<2.4',
    'onedl-mmsegmentation>=1.4.2,<1.5',
    'scikit-learn>=1.4',
    'tqdm>=4.66',
]
EXTRAS = {
    # ImageNet weights for the ResNet-50 configs. Not a core dependency: a torchvision
    # that does not match the installed torch breaks MMEngine's Runner.
    'pretrained': ['torchvision>=0.26'],
    # The site of the documentation.
    'docs': ['mkdocs-material>=9.6,<10', 'mkdocstrings[python]>=0.30'],
    'dev': ['mypy', 'pre-commit', 'pytest', 'pytest-xdist', 'pandas-stubs', 'ruff'],
}
# The tests build the site, too.
EXTRAS['dev'] += EXTRAS['docs']

setup(
    name='fume_mm',
    version=VERSION['__version__'],
    description='Dual-gas (CO2, CH4) optical gas imaging of rumen health, on MMEngine',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['fume_mm', 'fume_mm.*']),
    package_data={'fume_mm': ['py.typed']},
    python_requires='>=3.10,<3.13',
    install_requires=REQUIRES,
    extras_require=EXTRAS,
)
