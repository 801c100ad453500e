"""`python -m gateway` is the `swapgate` command."""

from gateway.cli import main

main()
