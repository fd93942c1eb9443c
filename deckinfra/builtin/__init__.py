"""Plugins that come in the box. Nothing imports them: the plugin manager loads them as it loads anybody's."""
