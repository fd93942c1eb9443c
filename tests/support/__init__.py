"""What the tests share: real databases, real processes."""
