# Turns tests in the form of asserts into data, when a data set is prepared. `f(2, 3) == 5` becomes
# arguments and a value; `g(f(2)) == 5` an expression for the program's process and a value; all
# else stays a test for the trusted tester.
#   In:  a list of (tests, name); tests is a list of sources, or the source of check(candidate)
#   with the function's name. Out, on descriptor 3, for each a list of ("call", function,
#   arguments, value), ("expression", source, value) or ("assert", functions, source).
import ast
import builtins
import operator

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
             ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
             ast.USub: operator.neg, ast.UAdd: operator.pos}
BYTES_MAX = 1 << 20


class Unfit(Exception):
    pass


def constant(node):
    """The value of a literal, arithmetic of literals included."""
    if isinstance(node, ast.Constant):
        value = node.value
    elif isinstance(node, ast.List):
        value = [constant(n) for n in node.elts]
    elif isinstance(node, ast.Tuple):
        value = tuple(constant(n) for n in node.elts)
    elif isinstance(node, ast.Set):
        value = {constant(n) for n in node.elts}
    elif isinstance(node, ast.Dict) and None not in node.keys:
        value = {constant(k): constant(v) for k, v in zip(node.keys, node.values)}
    elif isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        value = OPERATORS[type(node.op)](constant(node.operand))
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        value = OPERATORS[type(node.op)](constant(node.left), constant(node.right))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args \
            and node.func.id in ("set", "list", "dict", "tuple") and not node.keywords:
        value = getattr(builtins, node.func.id)()
    else:
        raise Unfit
    try:
        encode(value, BYTES_MAX)
    except (TypeError, ValueError):
        raise Unfit
    return value


def folded(node):
    try:
        return [constant(node)]
    except (Unfit, ArithmeticError, TypeError, ValueError):
        return None


def called(tree):
    """Functions that a test calls and that neither Python nor the test itself defines."""
    own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for n in ast.walk(tree):
        if isinstance(n, (ast.Import, ast.ImportFrom)):
            own |= {(a.asname or a.name).split(".")[0] for a in n.names}
    names = []
    for n in ast.walk(tree):
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id not in own \
                and not hasattr(builtins, n.func.id) and n.func.id not in names:
            names.append(n.func.id)
    return names


def of_assert(node, rename):
    """What one assert becomes; None where it says nothing."""
    test = node.test
    if isinstance(test, ast.Constant) and test.value:
        return None
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(
            test.ops[0], ast.Eq):
        raise Unfit
    left, right = test.left, test.comparators[0]
    if folded(right) is None:
        left, right = right, left
    expected = folded(right)
    if expected is None or folded(left) is not None:
        raise Unfit
    if isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and not left.keywords \
            and not hasattr(builtins, left.func.id):
        arguments = [folded(a) for a in left.args]
        if None not in arguments:
            name = rename.get(left.func.id, left.func.id)
            return ("call", name, [a[0] for a in arguments], expected[0])
    if rename:
        raise Unfit
    return ("expression", ast.unparse(left), expected[0])


def of_check(source, name):
    """check(candidate) as data if every statement of it is; else as it is."""
    tree = ast.parse(source)
    check = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "check"]
    rest = [n for n in tree.body if n not in check and not (
        isinstance(n, ast.Assign) and folded(n.value) is not None)]
    if len(check) == 1 and not rest:
        try:
            tests = []
            for n in check[0].body:
                if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant):
                    continue
                if not isinstance(n, ast.Assert):
                    raise Unfit
                tests.append(of_assert(n, {"candidate": name}))
            tests = [t for t in tests if t is not None]
            if tests:
                return tests
        except Unfit:
            pass
    return [("assert", [name], source + "\ncheck(candidate)\n")]


def of_lines(sources):
    tests = []
    for source in sources:
        tree = ast.parse(source)
        try:
            if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Assert):
                raise Unfit
            test = of_assert(tree.body[0], {})
            if test is not None:
                tests.append(test)
        except Unfit:
            tests.append(("assert", called(tree), source))
    return tests


def main():
    for tests, name in decode(read_all(0)):
        prepared = of_check(tests, name) if type(tests) is str else of_lines(tests)
        write_all(3, encode(prepared, 16 << 20))
