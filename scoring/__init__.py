"""Arrays in, numbers out: metrics under any weights, and the score card. Reads no file."""
