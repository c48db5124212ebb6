"""One output layout a file, the dataset card, and the audit of a finished corpus."""
