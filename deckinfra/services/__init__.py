"""Order and safety: one module a verb. Services rely on ports, return values and raise errors; they never print."""
