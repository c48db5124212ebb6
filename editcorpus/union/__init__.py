"""Unite finished runs into one corpus: without duplicates, split by source image, with a version."""
