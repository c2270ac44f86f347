"""Names of BER-TLV tags, by application, for :meth:`.tlv.TLV.tree`.

A table is a mapping. A key is a tag as a number (0x84), or a path in hexadecimal ("6F/84": the tag 84 directly in a
template 6F), because one tag has different meanings in different templates. The longest path that fits gives the name.
If a table has names for the objects in an object of a primitive tag, its value is shown as objects, too.

A table of your own names the tags of your application: ``tlv.tree(names={0xDF01: "balance"})``. Put it before others
to change their names: ``names=[mine, tag_names.EMV]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

TagNames: TypeAlias = Mapping[Any, str]
"""A table: names by tags (int) or paths (str)."""


def _inside(templates: Iterable[str], names: Mapping[int, str]) -> dict[int | str, str]:
    """Return these names for the tags directly in each of the templates."""
    return {f"{template}/{tag:02X}": name for template in templates for tag, name in names.items()}


_UNIVERSAL: Final[TagNames] = {
    0x01: "BOOLEAN", 0x02: "INTEGER", 0x03: "BIT STRING", 0x04: "OCTET STRING", 0x05: "NULL",
    0x06: "object identifier", 0x0A: "ENUMERATED", 0x0C: "UTF8String", 0x13: "PrintableString", 0x14: "T61String",
    0x16: "IA5String", 0x17: "UTCTime", 0x18: "GeneralizedTime", 0x1E: "BMPString", 0x30: "SEQUENCE", 0x31: "SET",
}  # fmt: skip
"""ISO/IEC 8824-1, clause 8."""
_FILE_CONTROL: Final = {
    0x80: "file size", 0x81: "total file size", 0x82: "file descriptor", 0x83: "file identifier", 0x84: "DF name",
    0x85: "proprietary information", 0x86: "security attributes, proprietary",
    0x87: "identifier of the EF with more file control information", 0x88: "short EF identifier",
    0x8A: "life cycle status", 0x8B: "security attributes, reference", 0x8C: "security attributes, compact",
    0x8D: "identifier of the EF with security environments", 0x8E: "channel security attribute",
    0xA0: "security attributes for data objects", 0xA1: "security attributes, proprietary template",
    0xA2: "short EF identifiers and file references", 0xA5: "proprietary template",
    0xAB: "security attributes, expanded", 0xAC: "cryptographic mechanism",
}  # fmt: skip
"""ISO/IEC 7816-4, clause 7.4.3 (table of file control parameters)."""

ISO: Final[TagNames] = {
    **_UNIVERSAL,
    0x41: "country code and national data", 0x42: "issuer identification number", 0x43: "card service data",
    0x44: "initial access data", 0x45: "card issuer's data", 0x46: "pre-issuing data", 0x47: "card capabilities",
    0x48: "status indicator", 0x4D: "extended header list", 0x4F: "application identifier", 0x50: "application label",
    0x51: "file reference", 0x52: "command to perform", 0x53: "discretionary data", 0x54: "offset",
    0x56: "track 1", 0x57: "track 2", 0x58: "track 3", 0x59: "card expiration date", 0x5A: "primary account number",
    0x5B: "name", 0x5C: "tag list", 0x5D: "header list", 0x5E: "login data",
    0x5F20: "cardholder name", 0x5F21: "track 1, in the application", 0x5F22: "track 2, in the application",
    0x5F23: "track 3, in the application", 0x5F24: "application expiration date", 0x5F25: "application effective date",
    0x5F26: "card effective date", 0x5F27: "interchange control", 0x5F28: "country code",
    0x5F29: "interchange profile", 0x5F2A: "currency code", 0x5F2B: "date of birth", 0x5F2C: "cardholder nationality",
    0x5F2D: "language preferences", 0x5F2E: "cardholder biometric data", 0x5F2F: "PIN usage policy",
    0x5F30: "service code", 0x5F32: "transaction counter", 0x5F33: "transaction date", 0x5F34: "card sequence number",
    0x5F35: "sex", 0x5F36: "currency exponent", 0x5F37: "static internal authentication, one step",
    0x5F3D: "digital signature", 0x5F40: "cardholder portrait", 0x5F41: "element list", 0x5F42: "address",
    0x5F43: "cardholder handwritten signature", 0x5F44: "application image", 0x5F48: "cardholder private key",
    0x5F49: "cardholder public key", 0x5F4A: "public key of the certification authority",
    0x5F4C: "certificate holder authorization", 0x5F4E: "certificate content", 0x5F50: "uniform resource locator",
    0x5F51: "answer to reset", 0x5F52: "historical bytes",
    0x61: "application template", 0x62: "file control parameters", 0x63: "wrapper", 0x64: "file management data",
    0x65: "cardholder related data", 0x66: "card data", 0x67: "authentication data",
    0x68: "special user requirements", 0x6A: "login template", 0x6B: "qualified name",
    0x6C: "cardholder image template", 0x6D: "application image template", 0x6E: "application related data",
    0x6F: "file control information", 0x73: "discretionary data objects", 0x78: "compatible tag allocation",
    0x79: "coexistent tag allocation", 0x7A: "security support template", 0x7B: "security environment template",
    0x7C: "dynamic authentication template", 0x7D: "secure messaging template",
    0x7E: "nesting of interindustry data objects", 0x7F20: "display control template",
    0x7F21: "cardholder certificate", 0x7F2E: "biometric data template", 0x7F3D: "digital signature block",
    0x7F48: "cardholder private key template", 0x7F49: "cardholder public key template",
    0x7F4C: "certificate holder authorization template", 0x7F4E: "certificate body",
    0x7F60: "biometric information template", 0x7F61: "biometric information group template",
    0x7F66: "extended length information",
    **_inside(("62", "64", "6F"), _FILE_CONTROL),
    **_inside(("A2",), {0x88: "short EF identifier"}),
    **_inside(("7C",), {
        0x80: "witness", 0x81: "challenge", 0x82: "response", 0x83: "committed challenge", 0x84: "authentication code",
        0x85: "exponential", 0xA0: "identification data template",
    }),
    **_inside(("7F49",), {0x81: "modulus", 0x82: "public exponent", 0x86: "public point"}),
    **_inside(("AB", "7B"), {
        0x90: "always", 0x97: "never", 0x9E: "security condition", 0xA4: "authentication", 0xA6: "key agreement",
        0xAA: "hash code", 0xB4: "cryptographic checksum", 0xB6: "digital signature", 0xB8: "confidentiality",
        0xA0: "any of these", 0xAF: "all of these", 0xA7: "none of these",
    }),
    **_inside(("AB",), {0x80: "access mode"}),
    **_inside(("A4", "B6", "B8", "A0/A4", "AF/A4"), {
        0x80: "algorithm", 0x83: "key or code reference", 0x84: "private key reference", 0x95: "usage qualifier",
    }),
}  # fmt: skip
"""ISO/IEC 7816-4, -6 and -8, and the universal tags of ASN.1. All trees use it after the tables that you give."""

UICC: Final[TagNames] = {
    0xC6: "PIN status template",
    **_inside(("C6",), {0x83: "key reference", 0x90: "enabled PINs", 0x95: "usage qualifier"}),
    **_inside(("62/A5",), {
        0x80: "UICC characteristics", 0x81: "application power consumption",
        0x82: "minimum application clock frequency",
        0x83: "available memory", 0x84: "file details", 0x85: "reserved file size", 0x86: "maximum file size",
        0x87: "supported system commands", 0x88: "specific UICC environmental conditions",
        0x89: "platform to platform CAT secured APDU", 0xC0: "special file information",
    }),
}  # fmt: skip
"""SIM, USIM and ISIM: ETSI TS 102 221, clause 11.1.1.4."""

EMV: Final[TagNames] = {
    0x42: "issuer identification number", 0x4F: "application identifier (AID)", 0x50: "application label",
    0x57: "track 2 equivalent data", 0x5A: "application primary account number (PAN)", 0x5F20: "cardholder name",
    0x5F24: "application expiration date", 0x5F25: "application effective date", 0x5F28: "issuer country code",
    0x5F2A: "transaction currency code", 0x5F2D: "language preference", 0x5F30: "service code",
    0x5F34: "PAN sequence number", 0x5F36: "transaction currency exponent", 0x5F50: "issuer URL",
    0x5F53: "international bank account number (IBAN)", 0x5F54: "bank identifier code (BIC)",
    0x5F55: "issuer country code, 2 letters", 0x5F56: "issuer country code, 3 letters", 0x5F57: "account type",
    0x61: "application template", 0x6F: "FCI template", 0x70: "record template", 0x71: "issuer script template 1",
    0x72: "issuer script template 2", 0x73: "directory discretionary template",
    0x77: "response message template format 2", 0x80: "response message template format 1",
    0x81: "amount, authorised (binary)", 0x82: "application interchange profile (AIP)", 0x83: "command template",
    0x84: "dedicated file (DF) name", 0x86: "issuer script command", 0x87: "application priority indicator",
    0x88: "short file identifier (SFI)", 0x89: "authorisation code", 0x8A: "authorisation response code",
    0x8C: "card risk management data object list 1 (CDOL1)", 0x8D: "card risk management data object list 2 (CDOL2)",
    0x8E: "cardholder verification method (CVM) list", 0x8F: "certification authority public key index",
    0x90: "issuer public key certificate", 0x91: "issuer authentication data", 0x92: "issuer public key remainder",
    0x93: "signed static application data", 0x94: "application file locator (AFL)",
    0x95: "terminal verification results", 0x97: "transaction certificate data object list (TDOL)",
    0x98: "transaction certificate hash value", 0x99: "transaction PIN data", 0x9A: "transaction date",
    0x9B: "transaction status information", 0x9C: "transaction type", 0x9D: "directory definition file (DDF) name",
    0x9F01: "acquirer identifier", 0x9F02: "amount, authorised (numeric)", 0x9F03: "amount, other (numeric)",
    0x9F04: "amount, other (binary)", 0x9F05: "application discretionary data",
    0x9F06: "application identifier (AID), terminal", 0x9F07: "application usage control",
    0x9F08: "application version number", 0x9F09: "application version number, terminal",
    0x9F0A: "application selection registered proprietary data", 0x9F0B: "cardholder name, extended",
    0x9F0D: "issuer action code, default", 0x9F0E: "issuer action code, denial", 0x9F0F: "issuer action code, online",
    0x9F10: "issuer application data", 0x9F11: "issuer code table index", 0x9F12: "application preferred name",
    0x9F13: "last online application transaction counter (ATC) register", 0x9F14: "lower consecutive offline limit",
    0x9F15: "merchant category code", 0x9F16: "merchant identifier", 0x9F17: "PIN try counter",
    0x9F18: "issuer script identifier", 0x9F19: "token requester ID", 0x9F1A: "terminal country code",
    0x9F1B: "terminal floor limit", 0x9F1C: "terminal identification", 0x9F1D: "terminal risk management data",
    0x9F1E: "interface device serial number", 0x9F1F: "track 1 discretionary data",
    0x9F20: "track 2 discretionary data", 0x9F21: "transaction time",
    0x9F22: "certification authority public key index, terminal", 0x9F23: "upper consecutive offline limit",
    0x9F24: "payment account reference", 0x9F25: "last 4 digits of the PAN", 0x9F26: "application cryptogram",
    0x9F27: "cryptogram information data", 0x9F2D: "PIN encipherment public key certificate",
    0x9F2E: "PIN encipherment public key exponent", 0x9F2F: "PIN encipherment public key remainder",
    0x9F32: "issuer public key exponent", 0x9F33: "terminal capabilities",
    0x9F34: "cardholder verification method (CVM) results", 0x9F35: "terminal type",
    0x9F36: "application transaction counter (ATC)", 0x9F37: "unpredictable number",
    0x9F38: "processing options data object list (PDOL)", 0x9F39: "point of service entry mode",
    0x9F3A: "amount, reference currency", 0x9F3B: "application reference currency",
    0x9F3C: "transaction reference currency code", 0x9F3D: "transaction reference currency exponent",
    0x9F40: "additional terminal capabilities", 0x9F41: "transaction sequence counter",
    0x9F42: "application currency code", 0x9F43: "application reference currency exponent",
    0x9F44: "application currency exponent", 0x9F45: "data authentication code",
    0x9F46: "card public key certificate", 0x9F47: "card public key exponent", 0x9F48: "card public key remainder",
    0x9F49: "dynamic data authentication data object list (DDOL)", 0x9F4A: "static data authentication tag list",
    0x9F4B: "signed dynamic application data", 0x9F4C: "card dynamic number", 0x9F4D: "log entry",
    0x9F4E: "merchant name and location", 0x9F4F: "log format", 0x9F66: "terminal transaction qualifiers (TTQ)",
    0x9F6C: "card transaction qualifiers (CTQ)", 0x9F6E: "form factor indicator", 0x9F7C: "customer exclusive data",
    0xA5: "FCI proprietary template", 0xBF0C: "FCI issuer discretionary data",
}  # fmt: skip
"""Payment cards: EMV 4.3 Book 3, annex A; 9F66, 9F6C, 9F6E and 9F7C as in EMV Contactless Book C-3."""

PIV: Final[TagNames] = {
    **_inside(("61",), {
        0x4F: "application identifier of the PIV card application", 0x50: "application label", 0x5F50: "specification",
        0x79: "coexistent tag allocation authority", 0xAC: "cryptographic algorithms",
    }),
    **_inside(("61/AC",), {0x80: "algorithm identifier", 0x06: "object identifier"}),
    **_inside(("53",), {
        0x30: "FASC-N", 0x32: "organizational identifier", 0x33: "DUNS", 0x34: "card UUID (GUID)",
        0x35: "expiration date", 0x36: "cardholder UUID", 0x3D: "authentication key map", 0x3E: "issuer signature",
        0x01: "name", 0x02: "employee affiliation", 0x04: "expiration date", 0x05: "agency card serial number",
        0x06: "issuer identification", 0x07: "organization affiliation 1", 0x08: "organization affiliation 2",
        0x70: "certificate", 0x71: "certificate information", 0x72: "MSCUID", 0xBA: "mapping of DG to container",
        0xBB: "security object", 0xBC: "fingerprints or image", 0xC1: "keys with on-card certificates",
        0xC2: "keys with off-card certificates", 0xF0: "card identifier", 0xF1: "capability container version",
        0xF2: "capability grammar version", 0xF3: "applications CardURL", 0xF4: "PKCS#15",
        0xF5: "registered data model number", 0xF6: "access control rule table", 0xF7: "card APDUs",
        0xFA: "redirection tag", 0xFB: "capability tuples", 0xFC: "status tuples", 0xFD: "next CCC",
        0xFE: "error detection code",
    }),
    **_inside(("7E",), {0x4F: "application identifier of the PIV card application", 0x5F2F: "PIN usage policy"}),
    0x7E: "discovery object",
}  # fmt: skip
"""PIV cards: NIST SP 800-73-4 part 1, appendix A, and part 2, 3.1.1."""

GLOBAL_PLATFORM: Final[TagNames] = {
    0x66: "card data", 0x73: "card recognition data", 0xE0: "key information template", 0xC0: "key information",
    0x45: "card image number", 0x42: "issuer identification number", 0x67: "card capability information",
    0xCF: "key derivation data", 0xC1: "sequence counter of the default key version",
    0x9F7F: "card production life cycle (CPLC) data",
    **_inside(("73",), {
        0x06: "object identifier of card recognition data", 0x60: "card management type and version",
        0x63: "card identification scheme", 0x64: "secure channel protocol", 0x65: "card configuration details",
        0x66: "card or chip details", 0x67: "issuer security domain's trust point certificate",
        0x68: "issuer security domain certificate",
    }),
    **_inside(("6F",), {0x84: "application identifier (AID)", 0xA5: "proprietary data"}),
    **_inside(("A5",), {
        0x73: "security domain management data", 0x9F6E: "application production life cycle data",
        0x9F65: "maximum length of the data field in a command",
    }),
    0xE3: "registry entry",
    **_inside(("E3",), {
        0x4F: "application identifier (AID)", 0x9F70: "life cycle state", 0xC5: "privileges",
        0xCF: "implicit selection",
        0xC4: "application's load file AID", 0xCE: "load file version number", 0x84: "executable module AID",
        0xCC: "associated security domain's AID",
    }),
}  # fmt: skip
"""GlobalPlatform Card Specification 2.3.1, clauses 11.3 and 11.4, and annex H."""

OPENPGP: Final[TagNames] = {
    0x4F: "application identifier (AID)", 0x5E: "login data", 0x65: "cardholder related data", 0x5B: "name",
    0x5F2D: "language preferences", 0x5F35: "sex", 0x6E: "application related data", 0x73: "discretionary data objects",
    0x7F74: "general feature management", 0x7F66: "extended length information", 0x7A: "security support template",
    0x93: "digital signature counter", 0xC0: "extended capabilities", 0xC1: "algorithm attributes, signature",
    0xC2: "algorithm attributes, decryption", 0xC3: "algorithm attributes, authentication", 0xC4: "PW status bytes",
    0xC5: "fingerprints", 0xC6: "CA fingerprints", 0xCD: "generation dates of the key pairs",
    0xC7: "fingerprint, signature", 0xC8: "fingerprint, decryption", 0xC9: "fingerprint, authentication",
    0xCE: "generation date, signature", 0xCF: "generation date, decryption", 0xD0: "generation date, authentication",
    0xD3: "resetting code", 0xD6: "user interaction flag, signature", 0xD7: "user interaction flag, decryption",
    0xD8: "user interaction flag, authentication", 0xD9: "user interaction flag, attestation",
    0xDA: "algorithm attributes, attestation", 0xDB: "fingerprint, attestation", 0xDC: "CA fingerprint, attestation",
    0xDD: "generation date, attestation", 0xDE: "key information", 0xF9: "key derived format (KDF)",
    0xFA: "algorithm information",
    **_inside(("7F66",), {0x02: "maximum length"}),
    **_inside(("7F74",), {0x81: "features"}),
    **_inside(("F9",), {
        0x81: "KDF algorithm", 0x82: "hash algorithm", 0x83: "iterations", 0x84: "salt, PW1",
        0x85: "salt, resetting code", 0x86: "salt, PW3", 0x87: "initial hash, PW1", 0x88: "initial hash, PW3",
    }),
}  # fmt: skip
"""OpenPGP cards: OpenPGP application on ISO smart card operating systems 3.4.1, clauses 4.3 and 4.4."""

EMRTD: Final[TagNames] = {
    0x60: "EF.COM, common data", 0x61: "EF.DG1, machine readable zone", 0x75: "EF.DG2, face",
    0x63: "EF.DG3, fingerprints", 0x76: "EF.DG4, irises", 0x65: "EF.DG5, portrait", 0x66: "EF.DG6",
    0x67: "EF.DG7, signature or usual mark", 0x68: "EF.DG8", 0x69: "EF.DG9", 0x6A: "EF.DG10",
    0x6B: "EF.DG11, additional personal details", 0x6C: "EF.DG12, additional document details",
    0x6D: "EF.DG13, optional details", 0x6E: "EF.DG14, security options", 0x6F: "EF.DG15, active authentication key",
    0x70: "EF.DG16, persons to notify", 0x77: "EF.SOD, document security object",
    0x5F01: "LDS version number", 0x5F36: "Unicode version number", 0x5C: "tag list",
    0x5F1F: "machine readable zone", 0x5F0E: "full name", 0x5F0F: "other name", 0x5F10: "personal number",
    0x5F11: "place of birth", 0x5F12: "telephone", 0x5F13: "profession", 0x5F14: "title", 0x5F15: "personal summary",
    0x5F16: "proof of citizenship", 0x5F17: "other valid travel documents", 0x5F18: "custody information",
    0x5F19: "issuing authority", 0x5F1A: "other persons on the document", 0x5F1B: "endorsements and observations",
    0x5F1C: "tax or exit requirements", 0x5F1D: "image of the front", 0x5F1E: "image of the rear",
    0x5F26: "date of issue", 0x5F2B: "date of birth", 0x5F42: "address",
    0x5F55: "date and time of personalization", 0x5F56: "serial number of the personalization system",
    0xA0: "content-specific constructed data objects",
    0x7F61: "biometric information group template", 0x7F60: "biometric information template",
    0x5F2E: "biometric data block", 0x7F2E: "biometric data block, enciphered",
    **_inside(("7F61",), {0x02: "number of instances"}),
    **_inside(("7F60",), {0xA1: "biometric header template"}),
    **_inside(("A1",), {
        0x80: "ICAO header version", 0x81: "biometric type", 0x82: "biometric subtype", 0x83: "creation date and time",
        0x84: "validity period", 0x85: "validity period", 0x86: "creator of the biometric reference data",
        0x87: "format owner", 0x88: "format type",
    }),
    **_inside(("A0",), {0x02: "number of instances"}),
}  # fmt: skip
"""Passports and identity cards: ICAO Doc 9303 part 10, clauses 4.6 and 4.7."""
