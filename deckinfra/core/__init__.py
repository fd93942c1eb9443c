"""Values and rules: no input or output, and no library but pydantic."""
