"""Tests of the tasks, run as the programs that they are."""
