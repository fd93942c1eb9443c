"""How the application is asked: one module for each group of addresses."""
