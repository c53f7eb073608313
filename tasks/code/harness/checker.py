# Asks a puzzle's checker about a value that an untrusted program gave, in a process of its own. The
# value is hostile: it is read as plain data, or it is none. On descriptor 3: True, or why not.
import ast


def fits(value, kind):
    """Is `value` of the type that the puzzle asks for? A type that is not plain allows anything."""
    if isinstance(kind, ast.Name):
        named = {"int": int, "float": (int, float), "str": str, "bool": bool, "list": list,
                 "List": list, "dict": dict, "Dict": dict, "set": set, "Set": set,
                 "tuple": tuple, "Tuple": tuple}.get(kind.id)
        if named is None:
            return True
        return isinstance(value, named) and (kind.id == "bool" or type(value) is not bool)
    if not isinstance(kind, ast.Subscript) or not isinstance(kind.value, ast.Name):
        return True
    inner = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
    if not fits(value, kind.value):
        return False
    if kind.value.id in ("List", "list", "Set", "set"):
        return all(fits(item, inner[0]) for item in value)
    if kind.value.id in ("Dict", "dict"):
        return all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    return True


def verdict():
    source, entry, kind = decode(read_all(0))
    with open("value", "rb") as file:
        data = file.read()
    try:
        value = decode(data)
    except Exception:
        return "it gave no plain value"
    if kind and not fits(value, ast.parse(kind, mode="eval").body):
        return "its value is not of type " + kind
    space = {"__name__": "checker"}
    exec(compile("from typing import *", "typing.py", "exec"), space)
    exec(compile(source, "checker.py", "exec", dont_inherit=True), space)
    try:
        return space[entry](value) is True or "the checker says no"
    except Exception as error:
        return "the checker ends with %s: %s" % (type(error).__name__, str(error)[:500])


def main():
    write_all(3, encode(verdict(), 1 << 16))
