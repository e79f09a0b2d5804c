"""``python -m blindsky`` is the command line."""

from blindsky.cli import main

main()
