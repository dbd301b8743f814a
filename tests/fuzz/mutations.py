"""Mutations of checkpoints.

Each function takes a generator of random numbers and the bytes of a file, and
gives other bytes.
"""

from __future__ import annotations

import io
import pickletools
import random
import re
import struct
import zipfile
from collections.abc import Callable

from tests.fuzz import opcodes as op
from tests.fuzz.forged_values import CODES, EDGES, POOL, forged_value, use_of

NUMBERS = ('BININT', 'BININT1', 'BININT2', 'LONG1')
# Of a zip file: flags, method, time, checksum, sizes, lengths, places.
LOCAL, CENTRAL, END = b'PK\x03\x04', b'PK\x01\x02', b'PK\x05\x06'


def bytes_of_file(random: random.Random, data: bytes) -> bytes:
    """Change some bits, bytes or ranges, like a bad disk."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        place = random.randrange(len(found))
        length = random.choice((1, 4, 64, 4096))
        match random.randrange(6):
            case 0 | 1:
                found[place] ^= 1 << random.randrange(8)
            case 2:
                found[place] = random.choice((0, 1, 127, 128, 255))
            case 3:
                found[place : place + length] = bytes(length)
            case 4:
                del found[place : place + length]
            case 5:
                found[place:place] = found[place : place + length]
        if not found:
            return b''
    return bytes(found)


def truncated(random: random.Random, data: bytes) -> bytes:
    """Cut off the end or the start."""
    place = random.randrange(len(data))
    return data[:place] if random.random() < 0.8 else data[place:]


def zip_headers(random: random.Random, data: bytes) -> bytes:
    """Change fields of headers and of the end of the central directory."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 3))):
        kind = random.choice((LOCAL, CENTRAL, CENTRAL, END))
        starts = [one.start() for one in re.finditer(re.escape(kind), data)]
        if not starts:
            return bytes_of_file(random, data)
        start = random.choice(starts)
        offset = random.randrange(4, 46 if kind == CENTRAL else 28)
        width = random.choice((1, 2, 4))
        value = random.choice((0, 1, 8, 12, 99, 2**16 - 1, 2**31, 2**32 - 1))
        value = random.choice((value, random.randrange(2**32)))
        packed = struct.pack('<I', value)[:width]
        found[start + offset : start + offset + width] = packed
    return bytes(found)


def zip64_sizes(random: random.Random, data: bytes) -> bytes:
    """Add a ZIP64 record that declares terabytes."""
    starts = [one.start() for one in re.finditer(re.escape(CENTRAL), data)]
    if not starts:
        return bytes_of_file(random, data)
    start = random.choice(starts)
    name, extra = struct.unpack_from('<HH', data, start + 28)
    size = random.choice((2**40, 2**62, 2**64 - 1))
    field = struct.pack('<HHQQ', 1, 16, size, size)
    header = bytearray(data[start : start + 46 + name])
    struct.pack_into('<II', header, 20, 2**32 - 1, 2**32 - 1)
    struct.pack_into('<H', header, 30, len(field))
    rest = data[start + 46 + name + extra :]
    found = bytearray(data[:start] + bytes(header) + field + rest)
    end = found.rfind(END)
    if end >= 0:
        (length,) = struct.unpack_from('<I', found, end + 12)
        struct.pack_into('<I', found, end + 12, length + len(field) - extra)
    return bytes(found)


def pickle_of_file(random: random.Random, data: bytes) -> bytes:
    """Change opcodes of the pickle in an otherwise valid file."""
    if not data.startswith(LOCAL):
        return _legacy_pickle(random, data)
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, 'w') as new,
    ):
        for info in old.infolist():
            content = old.read(info)
            if info.filename.endswith('data.pkl'):
                content = _mutated(random, content)
            method = random.choice((zipfile.ZIP_STORED,) * 9 + (8,))
            # Without a date, so that only the seed decides.
            name = zipfile.ZipInfo(info.filename)
            new.writestr(name, content, method)
    return file.getvalue()


def forged(random: random.Random, _: bytes) -> bytes:
    """Return another file: one value, and a storage of sixteen bytes."""
    content = op.pickled(op.entries(state_dict=forged_value(random)))
    data = random.randbytes(16)
    if random.random() < 0.3:
        return op.legacy_file(content, data)
    return op.zip_file(content, {'0': data})


def _legacy_pickle(random: random.Random, data: bytes) -> bytes:
    """Return the fourth of the five pickles at the start of an old file."""
    file = io.BytesIO(data)
    ends = []
    try:
        for _ in range(4):
            list(pickletools.genops(file))
            ends.append(file.tell())
    except ValueError:
        return bytes_of_file(random, data)
    content = _mutated(random, data[ends[2] : ends[3]])
    return data[: ends[2]] + content + data[ends[3] :]


def _parts(content: bytes) -> list[tuple[str, bytes]]:
    """Return the opcodes of a pickle with their arguments."""
    found = [(code.name, at) for code, _, at in pickletools.genops(content)]
    places = [*(at for _, at in found), len(content)]
    return [
        (name, content[start:end])
        for (name, start), end in zip(found, places[1:], strict=True)
    ]


def _mutated(random: random.Random, content: bytes) -> bytes:
    parts = _parts(content)
    for _ in range(random.choice((1, 1, 2, 5))):
        random.choice(CHANGES)(random, parts)
    return b''.join(part for _, part in parts)


def _place(
    random: random.Random, parts: list[tuple[str, bytes]], *names: str
) -> int | None:
    places = [i for i, (name, _) in enumerate(parts) if name in names]
    return random.choice(places) if places else None


def other_name(random: random.Random, parts: list) -> None:
    place = _place(random, parts, 'GLOBAL')
    if place is not None:
        parts[place] = ('GLOBAL', op.name(random.choice(POOL)))


def other_number(random: random.Random, parts: list) -> None:
    place = _place(random, parts, *NUMBERS)
    if place is not None:
        parts[place] = ('LONG1', op.number(random.choice(EDGES)))


def other_text(random: random.Random, parts: list) -> None:
    place = _place(random, parts, 'BINUNICODE')
    if place is not None:
        others = ['0', 'cpu', 'cuda', 'meta', 'storage', 'module', *CODES]
        text = random.choice((random.choice(others), '\x1b[2J\n', 'x' * 5000))
        parts[place] = ('BINUNICODE', op.text(text))


def other_value(random: random.Random, parts: list) -> None:
    """Replace a constant by a value of another type."""
    place = _place(
        random, parts, *NUMBERS, 'BINUNICODE', 'NONE', 'NEWTRUE', 'NEWFALSE',
        'EMPTY_TUPLE', 'EMPTY_DICT', 'EMPTY_LIST', 'BINFLOAT',
    )  # fmt: skip
    if place is not None:
        parts[place] = ('x', forged_value(random))


def entry(random: random.Random, parts: list) -> None:
    """Add an entry to a dict, so that the pickle is executed completely."""
    place = _place(random, parts, 'SETITEMS')
    if place is not None:
        parts.insert(place, ('x', op.text('new') + forged_value(random)))


def other_memo(random: random.Random, parts: list) -> None:
    place = _place(random, parts, 'BINGET', 'LONG_BINGET')
    if place is not None:
        index = random.randrange(300)
        parts[place] = ('LONG_BINGET', b'j' + struct.pack('<I', index))


def removed(random: random.Random, parts: list) -> None:
    if len(parts) > 1:
        del parts[random.randrange(len(parts))]


def repeated(random: random.Random, parts: list) -> None:
    place = random.randrange(len(parts))
    count = random.choice((1, 1, 1, 20000))
    parts[place:place] = [parts[place]] * count


def swapped(random: random.Random, parts: list) -> None:
    one, other = (random.randrange(len(parts)) for _ in 'ab')
    parts[one], parts[other] = parts[other], parts[one]


def moved(random: random.Random, parts: list) -> None:
    """Move a range of the pickle."""
    start = random.randrange(len(parts))
    stretch = parts[start : start + random.choice((2, 5, 20))]
    place = random.randrange(len(parts))
    parts[place:place] = stretch


def inserted(random: random.Random, parts: list) -> None:
    """Insert a value, or an opcode that uses the stack."""
    using = (b'R', b'b', b'\x81', b'Q', b's', b'u', b'a', b'e', b't', b'\x85')
    value = random.choice((random.choice(using), forged_value(random)))
    parts.insert(random.randrange(len(parts)), ('x', value))


def called(random: random.Random, parts: list) -> None:
    """Call, create or build with a name and unusual arguments."""
    place = _place(random, parts, 'GLOBAL')
    if place is not None:
        parts[place] = ('x', use_of(random, parts[place][1]))


CHANGES = (
    other_name, other_number, other_text, other_value, other_memo, removed,
    repeated, swapped, moved, inserted, called, entry, entry, entry, entry,
)  # fmt: skip
MUTATIONS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    'bytes': bytes_of_file,
    'truncated': truncated,
    'headers': zip_headers,
    'sizes': zip64_sizes,
    'pickle': pickle_of_file,
    'forged': forged,
}
# How many of twelve cases.
WEIGHTS = (2, 1, 1, 1, 4, 3)
