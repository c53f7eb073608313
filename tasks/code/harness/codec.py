# The values of tasks/code/value.hpp in Python. Whatever a program made of its classes, only plain
# content leaves: a subclass goes out as what it holds.
import collections.abc
import decimal
import fractions
import os

DEPTH_MAX = 64


def encode(value, bytes_max):
    out = bytearray()

    def put(v, depth):
        kind = type(v)
        if depth > DEPTH_MAX:
            raise ValueError("a value nested more than %d deep" % DEPTH_MAX)
        if len(out) > bytes_max:
            raise ValueError("a value of more than %d bytes" % bytes_max)
        if v is None:
            out.append(110)
        elif kind is bool:
            out.append(116 if v else 102)
        elif issubclass(kind, int):
            out.extend(b"i%b;" % int.__repr__(v).encode())
        elif issubclass(kind, float):
            out.extend(b"d%b;" % hexadecimal(v))
        elif issubclass(kind, str):
            raw = str.encode(v, "utf-8", "surrogatepass")
            out.extend(b"s%d:" % len(raw))
            out.extend(raw)
        elif issubclass(kind, list):
            many(b"l%d:", list.__len__(v), list.__iter__(v), depth)
        elif issubclass(kind, tuple):
            many(b"u%d:", tuple.__len__(v), tuple.__iter__(v), depth)
        elif issubclass(kind, dict):
            out.extend(b"m%d:" % dict.__len__(v))
            for key, item in dict.items(v):
                put(key, depth + 1)
                put(item, depth + 1)
        elif issubclass(kind, (set, frozenset, collections.abc.KeysView)):
            items = list(v)
            many(b"e%d:", len(items), items, depth)
        elif issubclass(kind, (decimal.Decimal, fractions.Fraction)) and float(v) == v:
            put(float(v), depth)
        else:
            raise TypeError("a value of type %s, which is no plain data" % kind.__name__)

    def many(head, size, items, depth):
        out.extend(head % size)
        for item in items:
            put(item, depth + 1)

    def hexadecimal(v):
        if v != v:
            return b"nan"
        return float.hex(v).encode()

    put(value, 0)
    return bytes(out)


def decode(data, depth_max=DEPTH_MAX):
    at = 0

    def until(end):
        nonlocal at
        stop = data.index(end, at)
        text = data[at:stop]
        at = stop + 1
        return text

    def size(per_entry):
        digits = until(b":")
        if not digits.isdigit() or len(digits) > 10:
            raise ValueError("a length that is none")
        n = int(digits)
        if n * per_entry > len(data) - at:
            raise ValueError("a length beyond the end")
        return n

    def get(depth):
        nonlocal at
        if depth > depth_max:
            raise ValueError("nested too deep")
        kind = data[at:at + 1]
        at += 1
        if kind == b"i":
            digits = until(b";")
            if not digits.lstrip(b"-").isdigit():
                raise ValueError("a number that is none")
            return int(digits)
        if kind == b"s":
            n = size(1)
            at += n
            return data[at - n:at].decode("utf-8", "surrogatepass")
        if kind == b"l":
            return [get(depth + 1) for _ in range(size(1))]
        if kind == b"u":
            return tuple([get(depth + 1) for _ in range(size(1))])
        if kind == b"d":
            return float.fromhex(until(b";").decode("ascii"))
        if kind == b"n":
            return None
        if kind == b"t":
            return True
        if kind == b"f":
            return False
        if kind == b"m":
            return {get(depth + 1): get(depth + 1) for _ in range(size(2))}
        if kind == b"e":
            return {get(depth + 1) for _ in range(size(1))}
        raise ValueError("no value")

    value = get(0)
    if at != len(data):
        raise ValueError("more than one value")
    return value


def read_all(descriptor):
    parts = []
    while True:
        part = os.read(descriptor, 1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


def send_frame(descriptor, data):
    write_all(descriptor, b"%d\n" % len(data) + data)


def receive_frame(descriptor, bytes_max):
    """The next frame; None where the other side has gone or does not keep to the form."""

    def exactly(n):
        parts = []
        while n > 0:
            part = os.read(descriptor, n)
            if not part:
                return None
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    digits = b""
    while len(digits) <= 10:
        digit = exactly(1)
        if digit == b"\n":
            break
        if digit is None or not digit.isdigit():
            return None
        digits += digit
    if not digits or len(digits) > 10 or int(digits) > bytes_max:
        return None
    return exactly(int(digits))
