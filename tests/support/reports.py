"""Lines that are printed at the end of the run, with the figures that tests measured."""

REPORTS: list[str] = []


def report(line: str) -> None:
    """Add a line to the section "measured" in the summary of the run."""
    REPORTS.append(line)
