"""What comes in: reading, checking, the arena, judging."""
