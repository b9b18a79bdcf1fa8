"""Where MMEngine's hub looks for a package's registration (``get_model``)."""

from .registry import register_all_modules

__all__ = ['register_all_modules']
