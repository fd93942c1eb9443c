"""Plugins: found in three places, loaded one by one, and asked for what they register.

Everything that differs from one user to the next comes through here, what is in the box included.
"""

from deckinfra.plugins.manager import PluginManager
from deckinfra.plugins.record import PluginRecord
from deckinfra.plugins.registry import Registry

__all__ = ["PluginManager", "PluginRecord", "Registry"]
