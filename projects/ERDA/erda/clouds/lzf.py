"""LZF, with which the Point Cloud Library compresses."""


def decompress_lzf(data: bytes, size: int) -> bytes:
    """What was compressed.

    Args:
        data: from the compressor.
        size: number of bytes that come out.

    Raises:
        ValueError: if another number comes out.

    Examples:
        >>> decompress_lzf(bytes([2, 97, 98, 99, 0x80, 2]), 9)  # abc, and six bytes from three back
        b'abcabcabc'
    """
    out, place = bytearray(), 0
    while place < len(data) and len(out) < size:
        control = data[place]
        place += 1
        if control < 32:  # so many bytes and one as they are
            out += data[place:place + control + 1]
            place += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += data[place]
            place += 1
        start, length = len(out) - ((control & 31) << 8) - data[place] - 1, length + 2
        place += 1
        if start < 0:
            raise ValueError('its compressed points are damaged')
        piece = out[start:start + length]
        out += (piece * (length // len(piece) + 1))[:length]  # it may reach into what it makes
    if len(out) != size or place != len(data):
        raise ValueError('its compressed points are damaged')
    return bytes(out)
