"""What the application stands on: settings, the database, errors, logs, metrics, security."""
