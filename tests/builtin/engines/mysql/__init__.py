"""Tests of what reads MySQL and MariaDB row by row."""
