# Runs beside the untrusted program, in its process: loads it, calls it, writes what it returns on
# descriptor 3. Knows arguments, never what is expected. Nothing here can be relied upon once the
# program has begun; that the values are right is for the other side to see.
import sys
import time
import types


def find(space, name):
    """A global function, or a method of the class Solution as LeetCode has it."""
    value = space.get(name)
    if value is None and "Solution" in space:
        value = getattr(space["Solution"](), name, None)
    if value is None:
        raise NameError("the program defines no %s" % name)
    return value


def serve(space, bytes_max):
    """Calls by value from the tester, one at a time, until it has gone."""
    while True:
        frame = receive_frame(4, bytes_max)
        if frame is None:
            return
        name, arguments, named = decode(frame)
        before = encode(arguments, bytes_max)
        try:
            value = find(space, name)(*arguments, **named)
            after = encode(arguments, bytes_max)
            reply = encode(("value", value, arguments if after != before else None), 4 * bytes_max)
        except Exception as error:
            text = "%s: %s" % (type(error).__name__, error)
            reply = encode(("error", text[:1000], None), bytes_max + 8000)
        send_frame(5, reply)


def main():
    preamble, program, setup, calls, bytes_max, wait_s, served = decode(read_all(0))
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    space = module.__dict__
    for name, source in (("preamble", preamble), ("solution", program), ("setup", setup)):
        if source:
            exec(compile(source, name + ".py", "exec", dont_inherit=True), space)
    if wait_s:
        time.sleep(wait_s)
    if served:
        serve(space, bytes_max)
    for call in calls:
        if type(call) is str:
            value = eval(compile(call, "test.py", "eval", dont_inherit=True), space)
        else:
            value = find(space, call[0])(*call[1])
        write_all(3, encode(value, bytes_max))
