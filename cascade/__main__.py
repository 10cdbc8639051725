"""`python -m cascade` is the command line."""

from cascade.cli.main import main

if __name__ == "__main__":
    main()
