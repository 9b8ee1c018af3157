"""How many segments does a text message take?"""

_BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = set("\f^{}\\[~]|€")
_GSM_LIMITS = (160, 153)
_UCS2_LIMITS = (70, 67)


def segment_count(text: str) -> int:
    if all(char in _BASIC or char in _EXTENDED for char in text):
        units, limits = sum(2 if char in _EXTENDED else 1 for char in text), _GSM_LIMITS
    else:
        units, limits = len(text.encode("utf-16-be")) // 2, _UCS2_LIMITS
    whole, part = limits
    return 1 if units <= whole else -(-units // part)
