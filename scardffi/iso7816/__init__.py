"""ISO/IEC 7816 in pure Python: no PC/SC, no reader."""
