"""Tests of the client engine, against real servers and their own tools."""
