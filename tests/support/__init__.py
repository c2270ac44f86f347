"""What the tests need around the library: a private pcscd, emulated cards, a C compiler."""
