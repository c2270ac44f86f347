"""The command line tool ``scardffi``, with a file for each of its commands."""
