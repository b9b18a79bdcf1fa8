"""Hooks of the Runner."""

from .panel_hook import PanelHook

__all__ = ['PanelHook']
