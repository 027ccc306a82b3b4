"""`python -m elad` is `elad`."""

from elad.cli import main

main()
