"""References to files, and the files that they resolve to."""

import pytest

from scardffi.services.file_reference import UP, FileRef, Location

AID = bytes.fromhex("A000000063504B43532D3135")
HERE = Location(steps=(0x5000,))


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        (0x5001, "3F00/5000/5001"),
        (0x3F00, "3F00"),
        ("5001", "3F00/5000/5001"),
        ("/5001", "3F00/5001"),
        ("3F00/5015/4401", "3F00/5015/4401"),
        ("3f00/50aB", "3F00/50AB"),
        ("..", "3F00"),
        ("../2F00", "3F00/2F00"),
        ("./5001/../5002", "3F00/5000/5002"),
        (".", "3F00/5000"),
        ("/", "3F00"),
        ("3F00/", "3F00"),
        (AID, AID.hex().upper()),
        (AID.hex() + "/4401", AID.hex().upper() + "/4401"),
        (AID.hex() + "/5000/..", AID.hex().upper()),
        (AID.hex() + "/..", AID.hex().upper() + "/.."),
        (b"\x50\x01", "=5001"),
        ("=5001/4401", "=5001/4401"),
        (bytearray(b"\1\2\3\4\5"), "0102030405"),
        (FileRef.by_short_id(3), "3F00/5000/(short identifier 3)"),
        (FileRef.by_id(0x5001), "3F00/5000/5001"),
    ],
)
def test_a_reference_resolves_to_a_path(reference: FileRef | int | str | bytes, path: str) -> None:
    assert list(map(str, FileRef.of(reference).locations(HERE))) == [path]


@pytest.mark.parametrize("place", [Location(), HERE, Location(AID), Location(AID, (UP, 0x2F00)), Location(b"AB", (1,))])
def test_a_path_resolves_to_itself(place: Location) -> None:
    assert FileRef.by_path(str(place)).locations(HERE) == [place]


def test_an_object_with_index_is_an_identifier() -> None:
    class Number:
        def __index__(self) -> int:
            return 0x5001

    assert FileRef.of(Number()) == FileRef.by_id(0x5001)  # type: ignore[arg-type]  # it is accepted at run time


def test_any_stands_for_every_kind_of_reference_that_the_value_allows() -> None:
    def means(value: int | str | bytes) -> list[str]:
        return [str(place) for place in FileRef.any(value).locations(Location())]

    assert means(5) == ["3F00/(short identifier 5)", "3F00/0005"]
    assert means(31) == ["3F00/001F"]
    assert means(b"\x50\x01") == ["3F00/5001", "=5001"]
    assert means(AID) == [AID.hex().upper()]
    assert means("5001") == ["3F00/5001", "=5001"]
    assert means(AID.hex()) == [AID.hex().upper()]


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        (-1, "file_id: -1 is not allowed; give 0 to 65535"),
        (0x10000, "file_id: 65536 is not allowed"),
        (b"", "length of name: 0 is not allowed; give 1 to 16"),
        (bytes(17), "length of name: 17 is not allowed"),
        ("", "path: '' is not allowed; give steps of 4"),
        ("500", "path: '500' is not allowed"),
        ("50é1", "path: '50é1' is not allowed"),
        ("/5000/3F00", "path: '/5000/3F00' is not allowed"),
        ("/5000//5001", "is not allowed"),
        ("5000/A000000063", "is not allowed"),
        ("=", "is not allowed"),
    ],
)
def test_the_error_names_a_wrong_reference(reference: int | str | bytes, what: str) -> None:
    with pytest.raises(ValueError, match="not allowed") as caught:
        FileRef.of(reference)
    assert what in str(caught.value)


def test_the_mf_has_no_parent_directory() -> None:
    with pytest.raises(ValueError, match=r"reference: \.\./\.\. leads above the MF"):
        FileRef.of("../..").locations(HERE)


@pytest.mark.parametrize("short_id", [0, 31])
def test_short_identifiers_are_1_to_30(short_id: int) -> None:
    with pytest.raises(ValueError, match=f"short_id: {short_id} is not allowed; give 1 to 30"):
        FileRef.by_short_id(short_id)


@pytest.mark.parametrize("reference", [None, True, 1.5, object()])
def test_a_reference_of_a_wrong_type_is_a_type_error(reference: object) -> None:
    with pytest.raises(TypeError, match="reference: expected a FileRef, an int, a str or bytes, got"):
        FileRef.of(reference)  # type: ignore[arg-type]  # the test passes a wrong type
