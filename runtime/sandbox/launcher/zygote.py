# Runs in the zygote: loads what programs often import, then hands itself to the launcher. Each
# job is a copy of this process; run() is all that happens in it.
import ctypes
import gc
import sys

for name in ("array", "bisect", "builtins", "cmath", "collections", "copy", "dataclasses",
             "datetime", "decimal", "enum", "fractions", "functools", "heapq", "io", "itertools",
             "json", "math", "operator", "os", "queue", "random", "re", "string", "struct",
             "threading", "time", "traceback", "types", "typing", "atexit"):
    __import__(name)


def run(count, arguments):
    import atexit, builtins, os, threading, types
    code = 1
    try:
        sys.argv = [os.fsdecode(arguments[i]) for i in range(count)]
        main = types.ModuleType("__main__")
        main.__builtins__ = builtins
        main.__file__ = sys.argv[0]
        sys.modules["__main__"] = main
        sys.path[0] = os.getcwd()
        try:
            with open(sys.argv[0], "rb") as file:
                source = file.read()
            exec(compile(source, sys.argv[0], "exec"), main.__dict__)
            code = 0
        except SystemExit as stop:
            code = stop.code
            if code is None:
                code = 0
            elif not isinstance(code, int):
                print(code, file=sys.stderr)
                code = 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        # What the interpreter does at its end, without taking itself apart.
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):
                code = code or 120
    finally:
        os._exit(code & 255)


def serve():
    for name in sys.argv[3:]:
        __import__(name)
    library = ctypes.PyDLL(sys.argv[1])
    callback = ctypes.PYFUNCTYPE(None, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p))(run)
    sys.path.insert(0, "")
    gc.collect()
    gc.freeze()
    library.thespis_zygote(int(sys.argv[2]), callback)


serve()
