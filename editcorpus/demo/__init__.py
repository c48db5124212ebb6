"""A small OmniEdit input out of eight free photographs, for a first look at the whole pipeline."""
