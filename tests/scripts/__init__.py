"""Tests of the scripts, run as the programs that they are."""
