"""Helpers that tests import: a private pcscd, cards, a C compiler."""
