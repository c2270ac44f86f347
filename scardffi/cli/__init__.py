"""The command ``scardffi``: one file for each of its commands."""
