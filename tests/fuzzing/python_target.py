"""Fuzz one target in Python with atheris: ``python -m fuzzing.python_target TARGET [arguments of libFuzzer]``."""

import sys

import atheris

with atheris.instrument_imports(include=["scardffi"]):
    from .targets import TARGETS, is_accepted


def main() -> None:
    """Let atheris run the target. It ends the process."""
    target = TARGETS[sys.argv.pop(1)]

    def run(raw: bytes) -> None:
        is_accepted(target, raw)

    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
