"""How inputs are read: tables, lines of JSON, archives; one kind a file."""
