"""One step a file: a VERSION, a Config and one function."""
