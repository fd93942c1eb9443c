"""The configuration: where values come from, what is wrong with them, and what can be written for a person."""
