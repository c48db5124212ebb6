"""What is wrong with a published corpus: measured from its files alone, without a paid call."""
