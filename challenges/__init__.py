"""What is asked: declarations, mock skies, releases."""
