"""`python -m srdist.cli`: the command `srdist`, for job scripts that name the interpreter."""

from srdist.cli import main

main()
