"""ISO/IEC 7816 in pure Python: APDUs, status words, ATRs and data objects. It needs no PC/SC and no reader.

The public names of all its modules are here: ``from scardffi.iso7816 import Atr, Command, TLV, decode, instructions``.
"""

from __future__ import annotations

from . import instructions, storage_card, tag_names
from .atr import Atr, HistoricalBytes, MalformedAtrError, SpecificMode, StorageCard
from .class_bytes import ClassByte, SecureMessaging, class_byte, decode_class_byte
from .command import EXTENDED_DATA, EXTENDED_LE, SHORT_DATA, SHORT_LE, Command, MalformedCommandError
from .dol import DOL, DOLEntry, MalformedDOLError
from .malformed import DictWithProblems, ListWithProblems, MalformedError
from .response import MalformedResponseError, Response
from .status_word import (
    SUCCESS,
    AuthenticationBlockedError,
    CardFileExistsError,
    CardFileNotFoundError,
    CardWarningError,
    ConditionsNotSatisfiedError,
    MemoryFailureError,
    NoSpaceError,
    NotSupportedError,
    RecordNotFoundError,
    ReferenceNotFoundError,
    SecurityStatusNotSatisfiedError,
    StatusError,
    StatusInfo,
    StatusTable,
    VerificationFailedError,
    WrongLengthError,
    WrongParametersError,
    meaning,
    raise_for,
)
from .tag_names import TagNames
from .tlv import TLV, MalformedTLVError, SimpleTLV, TLVList, decode, decode_simple, encode

__all__ = [
    "DOL",
    "EXTENDED_DATA",
    "EXTENDED_LE",
    "SHORT_DATA",
    "SHORT_LE",
    "SUCCESS",
    "TLV",
    "Atr",
    "AuthenticationBlockedError",
    "CardFileExistsError",
    "CardFileNotFoundError",
    "CardWarningError",
    "ClassByte",
    "Command",
    "ConditionsNotSatisfiedError",
    "DOLEntry",
    "DictWithProblems",
    "HistoricalBytes",
    "ListWithProblems",
    "MalformedAtrError",
    "MalformedCommandError",
    "MalformedDOLError",
    "MalformedError",
    "MalformedResponseError",
    "MalformedTLVError",
    "MemoryFailureError",
    "NoSpaceError",
    "NotSupportedError",
    "RecordNotFoundError",
    "ReferenceNotFoundError",
    "Response",
    "SecureMessaging",
    "SecurityStatusNotSatisfiedError",
    "SimpleTLV",
    "SpecificMode",
    "StatusError",
    "StatusInfo",
    "StatusTable",
    "StorageCard",
    "TLVList",
    "TagNames",
    "VerificationFailedError",
    "WrongLengthError",
    "WrongParametersError",
    "class_byte",
    "decode",
    "decode_class_byte",
    "decode_simple",
    "encode",
    "instructions",
    "meaning",
    "raise_for",
    "storage_card",
    "tag_names",
]
