"""What a manage object creates: services for the files, the keys and the codes of a card. They need no reader."""
