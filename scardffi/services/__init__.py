"""Services for the files, keys and codes of a card. They send commands through any object with ``transmit()``."""
