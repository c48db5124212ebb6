"""A stage is a step over a shard: it loads columns, runs the step, and writes the new columns."""
