"""Functions that build the commands of ISO/IEC 7816-4, 7816-8 and 7816-9, and the values of their arguments.

Import all of them at once: ``from scardffi.iso7816 import instructions as iso``.

Each function returns a :class:`.command.Command`. ``cla`` is the class byte: 00, the class byte that
:func:`.class_bytes.class_byte` returns, or one that the card defines. ``le`` is the maximum number of data bytes in the
response, 1 to 65536, or None for no data. ``odd`` is True for the odd instruction byte, which says that the data are
BER-TLV data objects. A tag has 1 to 3 bytes and is one number, such as 0x5FC102. A number that does not fit its field
raises a ValueError that names the argument.

Functions with a PIN, a password or a key copy it into a bytearray. ``command.wipe()`` overwrites this bytearray.
``command.encode()`` returns another bytearray to send, which you overwrite after use.

The page "The commands of ISO/IEC 7816 by name" lists the commands with their instruction bytes and clauses.
"""

from __future__ import annotations

from .authentication import (
    ControlTemplate,
    SecurityUse,
    erase_security_environment,
    external_authenticate,
    general_authenticate,
    get_challenge,
    internal_authenticate,
    mutual_authenticate,
    restore_security_environment,
    set_security_environment,
    store_security_environment,
)
from .data_objects import (
    CURRENT_DF,
    CURRENT_EF,
    get_data,
    get_next_data,
    put_data,
    put_next_data,
    select_data,
    update_data,
)
from .data_units import erase_binary, read_binary, search_binary, update_binary, write_binary
from .file_management import (
    activate_file,
    create_file,
    deactivate_file,
    delete_file,
    terminate_card_usage,
    terminate_df,
    terminate_ef,
)
from .records import (
    RecordsBy,
    SearchFrom,
    activate_record,
    append_record,
    deactivate_record,
    erase_record,
    read_record,
    search_record,
    update_record,
    write_record,
)
from .security_operations import (
    KeyPairAction,
    compute_cryptographic_checksum,
    compute_digital_signature,
    compute_hash,
    decipher,
    encipher,
    generate_asymmetric_key_pair,
    perform_security_operation,
    verify_certificate,
    verify_cryptographic_checksum,
    verify_digital_signature,
)
from .selection import FileInformation, Occurrence, SelectBy, manage_channel, select_file
from .transmission import envelope, get_response
from .verification import (
    change_reference_data,
    disable_verification_requirement,
    enable_verification_requirement,
    end_verification,
    reset_retry_counter,
    verify,
)

__all__ = [
    "CURRENT_DF",
    "CURRENT_EF",
    "ControlTemplate",
    "FileInformation",
    "KeyPairAction",
    "Occurrence",
    "RecordsBy",
    "SearchFrom",
    "SecurityUse",
    "SelectBy",
    "activate_file",
    "activate_record",
    "append_record",
    "change_reference_data",
    "compute_cryptographic_checksum",
    "compute_digital_signature",
    "compute_hash",
    "create_file",
    "deactivate_file",
    "deactivate_record",
    "decipher",
    "delete_file",
    "disable_verification_requirement",
    "enable_verification_requirement",
    "encipher",
    "end_verification",
    "envelope",
    "erase_binary",
    "erase_record",
    "erase_security_environment",
    "external_authenticate",
    "general_authenticate",
    "generate_asymmetric_key_pair",
    "get_challenge",
    "get_data",
    "get_next_data",
    "get_response",
    "internal_authenticate",
    "manage_channel",
    "mutual_authenticate",
    "perform_security_operation",
    "put_data",
    "put_next_data",
    "read_binary",
    "read_record",
    "reset_retry_counter",
    "restore_security_environment",
    "search_binary",
    "search_record",
    "select_data",
    "select_file",
    "set_security_environment",
    "store_security_environment",
    "terminate_card_usage",
    "terminate_df",
    "terminate_ef",
    "update_binary",
    "update_data",
    "update_record",
    "verify",
    "verify_certificate",
    "verify_cryptographic_checksum",
    "verify_digital_signature",
    "write_binary",
    "write_record",
]
