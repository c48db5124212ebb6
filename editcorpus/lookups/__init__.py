"""What people ask of a store: a triplet's story, where dollars went, who was given up, what may go."""
