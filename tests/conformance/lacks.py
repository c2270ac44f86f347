"""The cases that macOS, Windows and 32-bit Linux cannot have, and why; they are left out in a build for one of them."""

import sys
from collections.abc import Mapping
from typing import Final, NamedTuple

from support.shape import MACOS, WINDOWS


class Lack(NamedTuple):
    """One thing that a platform's PC/SC does not have, or has in another form."""

    reason: str
    cases: Mapping[str, str]
    """The tests, each with a part of its parameters' names; an empty part means all cases of the test."""


_HANDLES_OF_4_BYTES: Final = Lack(
    "Contexts and handles have 4 bytes: the number does not reach the library.",
    {
        "test_a_wrong_context_is_an_invalid_handle": "2**32",
        "test_a_wrong_handle_is_an_invalid_handle": "2**32",
    },
)
_DWORD_OF_4_BYTES: Final = Lack("A DWORD has 4 bytes.", {"test_an_attribute_that_was_set_is_read_back": r"\x08"})
_SERVICE: Final = "test_each_function_has_its_code_when_the_service_stops_and_restarts"
_OF_MACOS: Final = (
    Lack(
        "There is no SCARD_AUTOALLOCATE.",
        {
            "test_a_list_is_allocated_by_the_library_on_request": "",
            "test_a_list_is_not_allocated_without_a_pointer_to_receive_it": "",
            "test_the_name_is_allocated_by_the_library_on_request": "",
            "test_the_atr_is_allocated_by_the_library_on_request": "",
            "test_nothing_is_allocated_without_a_pointer_to_receive_it": "",
            "test_an_attribute_is_allocated_by_the_library_on_request": "",
            "test_an_attribute_is_not_allocated_without_a_pointer_to_receive_it": "",
        },
    ),
    Lack(
        "There is no SCardFreeMemory.",
        {
            "test_freeing_nothing_is_a_success": "",
            "test_a_wrong_context_is_an_invalid_handle": "SCardFreeMemory",
            "test_every_function_is_exported": "SCardFreeMemory",
            _SERVICE: ".free",
        },
    ),
    _HANDLES_OF_4_BYTES,
    _DWORD_OF_4_BYTES,
    Lack(
        "No reader stands for the list of readers: Context looks at the list instead (tests/test_reader_polling.py).",
        {
            "test_the_notification_of_readers_has_no_change_at_first": "",
            "test_the_notification_of_readers_compares_its_count": "",
            "test_the_name_of_the_notification_may_be_in_upper_case": "",
            "test_unplugging_a_reader_ends_a_wait_for_the_notification": "",
            "test_plugging_in_a_reader_ends_a_wait_for_the_notification": "",
            "test_a_cancel_ends_a_wait_for_the_notification": "",
            "test_a_wait_can_watch_a_known_reader_and_new_readers": "",
            _SERVICE: "notification",
        },
    ),
    Lack(
        "The wait for a first reader is a wait for that notification.",
        {_SERVICE: "the_first_comes"},
    ),
    Lack(
        "Cards that come and go are not counted.",
        {
            "test_the_upper_half_of_the_state_counts_insertions_and_removals": "",
            "test_the_upper_half_of_the_event_counts_insertions_and_removals": "",
            "test_the_count_shows_a_removal_followed_by_an_insertion": "",
        },
    ),
)


_OF_WINDOWS: Final = (
    Lack(
        "The core asks for strings in UTF-16, and allocates none in UTF-8.",
        {
            "test_a_list_is_allocated_by_the_library_on_request": "",
            "test_a_list_is_not_allocated_without_a_pointer_to_receive_it": "",
            "test_the_name_is_allocated_by_the_library_on_request": "",
            "test_nothing_is_allocated_without_a_pointer_to_receive_it": "name",
        },
    ),
    Lack(
        "The core writes a string where all of it fits.",
        {
            "test_a_name_that_does_not_fit_is_cut": "",
            "test_a_short_buffer_for_the_name_does_not_affect_the_atr": "",
            "test_buffers_without_a_length_have_no_room": "",
        },
    ),
    Lack(
        "There is no pcsc_stringify_error.",
        {
            "test_every_code_has_its_own_text": "",
            "test_the_text_of_an_unknown_code_has_its_number": "",
            "test_the_text_in_one_thread_is_not_changed_by_another_thread": "",
        },
    ),
    _DWORD_OF_4_BYTES,
    Lack(
        "SCardStatus does not count the cards that come and go.",
        {"test_the_upper_half_of_the_state_counts_insertions_and_removals": ""},
    ),
)
_OF_LINUX: Final = () if sys.maxsize > 1 << 32 else (_HANDLES_OF_4_BYTES, _DWORD_OF_4_BYTES)
LACKS: Final = _OF_MACOS if MACOS else _OF_WINDOWS if WINDOWS else _OF_LINUX
"""The cases that this platform lacks."""


def is_lacking(name: str) -> bool:
    """Return True if a test of this name is one of these cases."""
    test, _, parameters = name.partition("[")
    return any(test in lack.cases and lack.cases[test] in parameters for lack in LACKS)
