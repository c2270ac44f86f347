"""Fuzzing: each function that takes bytes from outside, with hypothesis and guided by coverage."""
