"""ISO/IEC 7816 in pure Python: APDUs, status words, ATRs and data objects. It needs no PC/SC and no reader."""
