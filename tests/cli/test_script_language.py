"""The language of script files: what is sent, what is refused, and where the error is."""

import pytest

from scardffi.cli._script_language import Reset, Script, ScriptError, Send, Variables, is_unfinished


def sent(text: str, *answers: str, **codes: str) -> list[str]:
    """Return what a script sends; it gets these answers, then 9000."""
    script, variables = Script(text), Variables()
    for ask in script.asks:
        variables.put_code(ask, bytearray(codes[ask.name].encode()))
    done: list[str] = []
    steps, response = script.steps(variables), None
    remaining = [bytes.fromhex(answer) for answer in answers]
    while True:
        try:
            step = next(steps) if response is None else steps.send(response)
        except StopIteration:
            return done
        done.append(("cold" if step.cold else "warm") if isinstance(step, Reset) else step.command.hex())
        response = remaining.pop(0) if remaining else b"\x90\x00"


def problems(text: str) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        Script(text)
    return caught.value.lines("f")


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("00A4000C023F00", ["00a4000c023f00"]),
        ("00 a4 00 0C 02 3f 00", ["00a4000c023f00"]),
        ("00A4 000C 02 3F00", ["00a4000c023f00"]),
        ("  00 B0 00 00 04  ", ["00b0000004"]),
        ("# a comment\n\n00 B0 00 00 04 # another\n", ["00b0000004"]),
        ("00 B0 \\\n00 00 \\\n04\n00840000", ["00b0000004", "00840000"]),
        ("00B0\\\n# a comment\n\n000004", ["00b0000004"]),
        ("reset\nRESET\nreset warm\nreset cold", ["warm", "warm", "warm", "cold"]),
        ("00840000\nexit\n00850000", ["00840000"]),
        ("00840000\r\n00850000\r\n", ["00840000", "00850000"]),
        ("", []),
    ],
)  # fmt: skip
def test_lines_of_scriptor_are_sent(text: str, commands: list[str]) -> None:
    assert sent(text) == commands


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("set FID = 3F 00\n00A4000C ${#FID} $FID", ["00a4000c023f00"]),
        ("set A = 01\nset A = $A 02\n00D60000${#A}$A", ["00d60000020102"]),
        ("for P2 in 00..02 10\n00B000${P2}04\nend", ["00b0000004", "00b0000104", "00b0000204", "00b0001004"]),
        ("for A in 3F00 2F00\n00A4000C02$A\nend", ["00a4000c023f00", "00a4000c022f00"]),
        ("repeat 2\nfor N in 01 02\n00B2$N 04 00\nend\nend", ["00b2010400", "00b2020400"] * 2),
    ],
)
def test_variables_and_loops_are_filled_in(text: str, commands: list[str]) -> None:
    assert sent(text) == commands
    assert Script(text).exchanges == len(commands)


def test_a_response_sets_variables() -> None:
    text = "00840000 02\n00D60000 ${#DATA} $DATA\nA0C00000 $SW2"
    assert sent(text, "AABB9000", "9F05") == ["0084000002", "00d6000002aabb", "a0c0000005"]


def test_break_leaves_the_loop_at_a_status_word() -> None:
    assert sent("repeat 9\n00B20104 00\nbreak 6A83 62xx\nend\n00840000", "9000", "6A83") == [
        "00b2010400", "00b2010400", "00840000",
    ]  # fmt: skip


def test_exit_in_a_loop_ends_the_script() -> None:
    assert sent("repeat 9\n00B20104 00\nexit\nend\n00840000") == ["00b2010400"]


def test_a_code_is_padded_and_its_bytes_are_known() -> None:
    assert sent("ask PIN pad 8 FF\n00200080 ${#PIN} $PIN", PIN="1234") == ["002000800831323334ffffffff"]
    script, variables = Script("ask PIN\n00DA0100 05 $PIN 00"), Variables()
    variables.put_code(script.asks[0], bytearray(b"1234"))
    step = next(script.steps(variables))
    assert isinstance(step, Send)
    assert step.hidden == ((5, 4),)


def test_codes_are_overwritten() -> None:
    script, variables = Script("ask PIN\nset BLOCK = $PIN 00\n00DA0100 05 $BLOCK"), Variables()
    variables.put_code(script.asks[0], bytearray(b"1234"))
    code = variables.values["PIN"]
    steps = script.steps(variables)
    step = next(steps)
    assert isinstance(step, Send)
    assert step.hidden == ((5, 5),)
    block = variables.values["BLOCK"]
    steps.close()
    variables.wipe()
    assert not any(code + block + step.command)


def test_a_code_that_is_too_long_is_refused() -> None:
    script = Script("ask PIN pad 4 FF")
    with pytest.raises(ScriptError, match="PIN: a code of 5 bytes is not allowed; give 1 to 4"):
        Variables().put_code(script.asks[0], bytearray(b"12345"))


@pytest.mark.parametrize(
    ("text", "sw", "missed", "failed"),
    [
        ("00840000", 0x6A82, False, True),
        ("00840000", 0x6105, False, False),
        ("00840000 -> 6A82", 0x6A82, False, False),
        ("00840000->6Axx,6283", 0x6A80, False, False),
        ("00840000 -> 9000", None, True, True),
        ("expect 9000\n00840000", 0x6105, True, True),
        ("expect 9000\nexpect any\n00840000", 0x6105, False, False),
    ],
)
def test_status_words_are_compared_with_the_expected_ones(
    text: str, sw: int | None, *, missed: bool, failed: bool
) -> None:
    step = next(Script(text).steps(Variables()))
    assert isinstance(step, Send)
    assert (step.is_missed(sw), step.has_failed(sw)) == (missed, failed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n 00 A4 0", "f:2:8: 0 is not allowed; give two hexadecimal digits for each byte, or a"),
        ("00 \\\nA4 0g 00", "f:2:4: 0g is not allowed; give two hexadecimal digits"),
        ("select", "f:1:1: select is not allowed here; give a command in hexadecimal digits, or one of ask, break"),
        ("00A400", "f:1:1: not a command APDU: command, byte 3: the command ends before"),
        ("00A4000C033F00", "f:1:1: not a command APDU: command, byte 7: the command ends after 2 of 3 bytes"),
        ("00840000 -> 90", "f:1:13: 90 is not a status word; give four hexadecimal digits, or x for any digit"),
        ("00840000 ->", "f:1:10: a status word is missing; give four"),
        ("-> 9000", "f:1:1: there are no bytes"),
        ("reset hot", "f:1:7: hot is not allowed after reset; give cold, warm or nothing"),
        ("reset cold now", "f:1:12: now is not allowed after cold; give cold, warm or nothing"),
        ("exit now", "f:1:6: now is not allowed after exit; give nothing"),
        ("set A 01", "f:1:1: this line sets no variable; give set NAME = BYTES"),
        ("set 1 = 01", "f:1:5: 1 is not allowed as a name; give letters, digits and _"),
        ("set SW1 = 01", "f:1:5: SW1 is set by each response; give another name"),
        ("00B00000 $LEN", "f:1:10: LEN has no value; variables with a value are: DATA, SW1, SW2"),
        ("repeat\nend", "f:1:1: repeat needs a number; give a number from 1 to 1000000"),
        ("repeat 0\nend", "f:1:8: 0 is not allowed; give a number from 1 to 1000000"),
        ("repeat 2\n00840000", "f:1:1: this loop has no end; write end after its last line"),
        ("end", "f:1:1: end without a loop; write repeat or for before it"),
        ("for N 01\nend", "f:1:1: this line begins no loop; give for NAME in BYTES"),
        ("for N in 05..01\nend", "f:1:10: 05..01 is not allowed; give the smaller byte first"),
        ("for N in 01 0102\n00B000 $N 04\nend", "f:2:1: not a command APDU"),
        ("break 9000", "f:1:1: break is allowed only in a loop"),
        ("repeat 2\nask PIN\nend", "f:2:1: ask is not allowed in a loop; write it before the loop"),
        ("ask PIN pad 0 FF", "f:1:13: 0 is not allowed; give a number from 1 to 255"),
        ("ask PIN 8", "f:1:1: this line asks for no code; give ask NAME, or ask NAME pad LENGTH BYTE"),
    ],
)  # fmt: skip
def test_an_error_names_the_place_and_what_is_allowed(text: str, said: str) -> None:
    (line,) = problems(text)
    assert line.startswith(said)


def test_all_errors_are_listed() -> None:
    assert [line.partition(": ")[0] for line in problems("0\n00840000\nset\nrepeat x\nend\n")] == [
        "f:1:1", "f:3:1", "f:4:8",
    ]  # fmt: skip


def test_a_wrong_line_hides_no_mistake_in_the_others() -> None:
    text = """00 A4 00 0C 02 3F -> 90
    set SIZE = 0
    ask 1PIN
    00 B0 00 00 $SIZE -> 9000
    for X in 05..01
        00 20 00 80 $X $OTHER
        00 84
    end
    """
    assert [line.split(": ")[0] for line in problems(text)] == [
        *("f:1:1", "f:1:22"),  # the length of the command, and its status word
        *("f:2:16", "f:3:9", "f:5:14", "f:6:24", "f:7:9"),
    ]


def test_a_command_that_depends_on_a_response_is_checked_before_it_is_sent() -> None:
    with pytest.raises(ScriptError, match="not a command APDU"):
        sent("00840000 08\n00D60000 05 $DATA", "AABB9000")


def test_a_command_that_is_not_an_apdu_can_be_allowed() -> None:
    steps = Script("00A4", raw=True).steps(Variables())
    step = next(steps)
    assert isinstance(step, Send)
    assert step.command == b"\x00\xa4"


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [("00A4 \\", True), ("repeat 2", True), ("repeat 2\n00840000\nend", False), ("00840000", False), ("# \\", False)],
)
def test_a_text_is_unfinished_in_a_loop_and_in_a_line_that_goes_on(text: str, *, unfinished: bool) -> None:
    assert is_unfinished(text) is unfinished


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("00200080 04 31323334", True),
        ("repeat 2\n80D80000 02 AABB\nend", True),
        ("set A = 31", True),
        ("ask PIN\n00200080 ${#PIN} $PIN", False),
        ("set A = 00\n$A 200080 04 31323334", True),
        ("00200080", False),
        ("00B0000004", False),
    ],
)
def test_a_text_with_a_pin_or_a_variable_is_secret(text: str, *, secret: bool) -> None:
    assert Script(text).has_secrets() is secret
