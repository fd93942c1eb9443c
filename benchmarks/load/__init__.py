"""What a benchmark under load is made of: clients, a database server of its own, and the API without one."""
