# Runs a test in the form of asserts, in a process of its own where only trusted code runs. The
# functions under test are stubs: a call goes by value to the untrusted process on descriptor 5, and
# plain data comes back on 4. What became of the test goes out on descriptor 3: True, or ("test",
# why not), or ("call", why not) where a function failed.
import traceback


class CallFailed(Exception):
    pass


def stub(name, bytes_max):
    def call(*arguments, **named):
        arguments = list(arguments)
        try:
            send_frame(5, encode((name, arguments, named), bytes_max))
        except OSError:
            raise CallFailed("the program has ended")
        frame = receive_frame(4, 4 * bytes_max)
        if frame is None:
            raise CallFailed("the program ended before it answered")
        try:
            outcome, value, changed = decode(frame, DEPTH_MAX + 2)
        except Exception:
            raise CallFailed("the program's answer is no plain value")
        if outcome != "value":
            raise CallFailed(str(value))
        # What it did to its arguments, done to ours.
        for mine, its in zip(arguments, changed if type(changed) is list else ()):
            if type(mine) is list and type(its) is list:
                mine[:] = its
            elif type(mine) in (dict, set) and type(its) is type(mine):
                mine.clear()
                mine.update(its)
        return value

    call.__name__ = name
    return call


def main():
    prefix, names, test, bytes_max = decode(read_all(0))
    space = {"__name__": "test"}
    exec(compile(prefix, "prefix.py", "exec", dont_inherit=True), space)
    for name in names:
        space[name] = stub(name, bytes_max)
    if names:
        space["candidate"] = space[names[0]]
    try:
        exec(compile(test, "test.py", "exec", dont_inherit=True), space)
        verdict = True
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__)
                 if f.filename == "test.py"]
        where = test.splitlines()[lines[-1] - 1].strip() if lines else ""
        what = "is not so" if type(error) is AssertionError else "%s: %s" % (
            type(error).__name__, str(error)[:500])
        side = "call" if type(error) is CallFailed else "test"
        verdict = (side, "%s (%s)" % (where[:300], what))
    write_all(3, encode(verdict, 1 << 16))
