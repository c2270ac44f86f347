"""The data objects of a virtual PIV card (NIST SP 800-73-4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..iso7816.tlv import TLV, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

PIV_AID: Final = bytes.fromhex("A000000308000010000100")
"""The application identifier of PIV, version 1."""
CERTIFICATES: Final = {0x9A: 0x5FC105, 0x9C: 0x5FC10A, 0x9D: 0x5FC10B, 0x9E: 0x5FC101}
"""The tags of the certificates, by slot."""
_CHUID, _CAPABILITIES, _DISCOVERY = 0x5FC102, 0x5FC107, 0x7E
_FASC_N: Final = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")
"""The number of a card that no federal agency of the USA has issued: agency, system and credential are all nines."""
_GZIP: Final = b"\x1f\x8b"
"""The first bytes of a file that gzip has compressed. A certificate in DER begins with 30."""


def application_template() -> bytes:
    """Return the application property template (SP 800-73-4, part 2, clause 3.1.1)."""
    authority = TLV(0x79, TLV(0x4F, PIV_AID[:5]))
    return bytes(TLV(0x61, [TLV(0x4F, PIV_AID[5:]), authority, TLV(0x50, b"scardffi PIV")]))


def data_objects(certificates: Mapping[int, bytes], guid: bytes) -> dict[int, bytes]:
    """Return the values of the data objects by tag (SP 800-73-4, part 1, appendix A).

    Args:
        certificates: the certificates by slot, in DER, or compressed by gzip.
        guid: the 16 bytes of the card's GUID.
    """
    chuid = [TLV(0x30, _FASC_N), TLV(0x34, guid), TLV(0x35, b"20491231"), TLV(0x3E), TLV(0xFE)]
    identifier = bytes.fromhex("A000000116FF02") + guid[:14]
    versions = [TLV(0xF1, b"\x21"), TLV(0xF2, b"\x21"), TLV(0xF3), TLV(0xF4, b"\0"), TLV(0xF5, b"\x10")]
    empty = [TLV(tag) for tag in (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE)]
    return {
        _CHUID: encode(chuid),
        _CAPABILITIES: encode([TLV(0xF0, identifier), *versions, *empty]),
        _DISCOVERY: encode([TLV(0x4F, PIV_AID), TLV(0x5F2F, b"\x40\0")]),  # the PIV PIN, not a PIN of the whole card
        **{CERTIFICATES[slot]: _certificate(certificate) for slot, certificate in certificates.items()},
    }


def _certificate(certificate: bytes) -> bytes:
    is_compressed = certificate.startswith(_GZIP)
    return encode([TLV(0x70, certificate), TLV(0x71, bytes((is_compressed,))), TLV(0xFE)])
