"""blindsky."""
