"""Features and properties of readers (PC/SC part 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....services.pin_pad import GET_FEATURE_REQUEST
from ....services.pin_structures import Feature, PinProperties, decode_features, decode_properties

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..CardConnection import CardConnection
    from ..CardConnectionDecorator import CardConnectionDecorator

    Connection = CardConnection | CardConnectionDecorator

CM_IOCTL_GET_FEATURE_REQUEST = GET_FEATURE_REQUEST
"""The control code that asks for the features."""

_FEATURES = {f"FEATURE_{feature.name}": feature.value for feature in Feature}
_PROPERTIES = {
    f"PCSCv2_PART10_PROPERTY_{name}": number
    for number, name in enumerate(
        (
            "wLcdLayout", "bEntryValidationCondition", "bTimeOut2", "wLcdMaxCharacters", "wLcdMaxLines", "bMinPINSize",
            "bMaxPINSize", "sFirmwareID", "bPPDUSupport", "dwMaxAPDUDataSize", "wIdVendor", "wIdProduct",
        ),
        1,
    )
}  # fmt: skip
globals().update(_FEATURES, **_PROPERTIES)
Features: dict[Any, Any] = {**_FEATURES, **{number: name for name, number in _FEATURES.items()}}
"""The features: their numbers by their names, and their names by their numbers."""
Properties: dict[Any, Any] = {**_PROPERTIES, **{number: name for name, number in _PROPERTIES.items()}}
"""The properties, in the same way."""


def parseFeatureRequest(response: Sequence[int]) -> list[list[Any]]:
    """Return [name of the feature, control code] of each feature; unknown features have their number as the name.

    Args:
        response: the answer to CM_IOCTL_GET_FEATURE_REQUEST. What follows a malformed feature is left out.
    """
    features = decode_features(bytes(response), lenient=True)
    return [[Features.get(int(tag), int(tag)), code] for tag, code in features.items()]


def getFeatureRequest(cardConnection: Connection) -> list[list[Any]]:
    """Ask a reader for its features and return them as :func:`parseFeatureRequest` does.

    Raises:
        SmartcardException: the driver does not know the request.
    """
    return parseFeatureRequest(cardConnection.control(CM_IOCTL_GET_FEATURE_REQUEST, []))


def hasFeature(featureList: Sequence[Sequence[Any]], feature: int | str) -> int | None:
    """Return the control code of a feature; None if the reader does not have it.

    Args:
        featureList: what :func:`getFeatureRequest` returned.
        feature: its number or name.
    """
    names = {feature, Features.get(feature)}
    return next((code for name, code in featureList if name in names), None)


def _answer(
    connection: Connection, feature: Feature, features: Sequence[Sequence[Any]] | None, code: int | None
) -> list[int] | None:
    if code is None:
        code = hasFeature(getFeatureRequest(connection) if features is None else features, feature.value)
    return None if code is None else connection.control(code, [])


def getPinProperties(
    cardConnection: Connection, featureList: Sequence[Sequence[Any]] | None = None, controlCode: int | None = None
) -> dict[str, Any]:
    """Return the properties of a reader's PIN pad; an empty dict if it has none.

    Args:
        cardConnection: a connection.
        featureList: what :func:`getFeatureRequest` returned; None to ask for it.
        controlCode: the control code of the request; None to look it up.
    """
    raw = _answer(cardConnection, Feature.IFD_PIN_PROPERTIES, featureList, controlCode)
    if raw is None:
        return {}
    properties = PinProperties.decode(bytes(raw), lenient=True)
    layout = properties.lcd_layout
    return {
        "raw": raw,
        "LcdLayoutX": layout & 0xFF,
        "LcdLayoutY": layout >> 8,
        "EntryValidationCondition": int(properties.entry_validation_condition),
        "TimeOut2": properties.time_out_2,
    }


def getTlvProperties(
    cardConnection: Connection, featureList: Sequence[Sequence[Any]] | None = None, controlCode: int | None = None
) -> dict[str, Any]:
    """Return the properties of a reader as :func:`parseTlvProperties` does; an empty dict if it has none.

    Args:
        cardConnection: a connection.
        featureList: what :func:`getFeatureRequest` returned; None to ask for it.
        controlCode: the control code of the request; None to look it up.
    """
    raw = _answer(cardConnection, Feature.GET_TLV_PROPERTIES, featureList, controlCode)
    return {} if raw is None else parseTlvProperties(raw)


def parseTlvProperties(response: Sequence[int]) -> dict[str, Any]:
    """Return the properties of a reader by name: numbers, and the version of the firmware as text.

    Args:
        response: the answer to FEATURE_GET_TLV_PROPERTIES. What follows a malformed property is left out.

    Returns:
        A dict that also has the response, as ``"raw"``.
    """
    found = decode_properties(bytes(response), lenient=True)
    texts = {tag: value.decode("latin-1") if isinstance(value, bytes) else value for tag, value in found.items()}
    return {"raw": response, **{Properties.get(int(tag), "UNKNOWN"): value for tag, value in texts.items()}}
