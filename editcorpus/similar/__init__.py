"""Which pictures and which instructions are nearly the same, and what of a corpus a benchmark holds too."""
