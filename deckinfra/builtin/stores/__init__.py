"""Stores that come in the box."""
