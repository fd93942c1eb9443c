"""Kinds of environment that come in the box."""
