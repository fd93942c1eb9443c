"""Reading MySQL and MariaDB row by row without Python touching a value: what the ``mysql`` engine is made of."""
