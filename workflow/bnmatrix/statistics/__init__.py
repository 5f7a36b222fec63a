"""Statistics: pure functions on arrays and tables. Knows no study."""
