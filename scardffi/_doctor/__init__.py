"""Find out why PC/SC does not work, without changing anything; it knows no command line."""

from ._examination import Finding, Report, examine
from ._findings import KINDS

__all__ = ["KINDS", "Finding", "Report", "examine"]
