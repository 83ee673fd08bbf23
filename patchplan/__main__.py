"""`python -m patchplan` is the command line."""

from patchplan.cli import main

if __name__ == "__main__":
    main()
