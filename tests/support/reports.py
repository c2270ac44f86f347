"""Lines that tests want to be read at the end of the run: what they measured."""

REPORTS: list[str] = []


def report(line: str) -> None:
    """Add a line to the section "measured" of the test run's summary."""
    REPORTS.append(line)
