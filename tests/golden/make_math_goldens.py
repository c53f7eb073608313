#!/usr/bin/env python3
"""Writes math_goldens.json: pairs of expressions as LaTeX, and whether they are equal, from SymPy.

    pip install sympy==1.14.0 && python3 tests/golden/make_math_goldens.py

Random expressions of five kinds; of each another form of the same value (expanded, factored,
brought over one denominator, written with other terms), and a form of a value that is nearly the
same. Truth comes by construction and is checked at random points to 50 digits.
"""
import json
import random
from pathlib import Path

import sympy as sp

random.seed(20)
x, y, a = sp.symbols("x y a", positive=True)


def small():
    return sp.Integer(random.choice([-5, -4, -3, -2, 2, 3, 4, 5, 6, 7]))


def fraction():
    return sp.Rational(random.randint(-30, 30) or 1, random.randint(2, 24))


def polynomial():
    return sum(small() * x ** random.randint(0, 3) * y ** random.randint(0, 2) for _ in range(3))


def rational_number():
    value = fraction()
    for _ in range(3):
        value = random.choice([value + fraction(), value * fraction(), value - fraction()])
    return value


def radical():
    root = lambda: sp.sqrt(random.choice([2, 3, 5, 6, 8, 12, 18, 20, 45]))
    return small() + fraction() * root() + small() * root() * root()


def quotient():
    return polynomial() / (small() * x + small() * y)


def circular():
    function = random.choice([sp.sin, sp.cos])
    return small() * function(2 * x) + small() * sp.sin(x + y) + random.choice([0, sp.cos(y) ** 2])


def constant():
    return random.choice([
        lambda: small() * sp.pi + fraction() * sp.sqrt(2),
        lambda: sp.log(random.choice([2, 3, 6, 12])) * small() + sp.log(random.choice([4, 8, 9])),
        lambda: small() * sp.sin(sp.pi / random.choice([3, 4, 6, 12])) + fraction(),
        lambda: fraction() * sp.exp(random.choice([1, 2])) + small(),
    ])()


def unevaluated(value):
    """The same value as a sum or product that is left as it is written."""
    part = random.choice([fraction(), sp.sqrt(2), sp.sqrt(3) / 2])
    kind = random.randrange(3)
    if kind == 0:
        return sp.Add(value - part, part, evaluate=False)
    if kind == 1:
        return sp.Mul(sp.expand(value * part), 1 / part, evaluate=False)
    return sp.Mul(sp.Integer(-1), sp.expand(-value), evaluate=False)


def forms(value):
    candidates = [sp.expand(value), sp.factor(value), sp.together(value), unevaluated(value),
                  sp.expand_trig(value), sp.expand_log(value), sp.radsimp(value), sp.apart(value, x)
                  if value.has(x) and value.is_rational_function(x) and not value.has(y) else value]
    others = [form for form in candidates if sp.latex(form) != sp.latex(value)]
    return random.choice(others) if others else unevaluated(value)


def nearly(value):
    kind = random.randrange(4)
    if kind == 0:
        return value + sp.Rational(1, random.choice([7, 1000, 10**9]))
    if kind == 1:
        return value * (1 + sp.Rational(1, random.choice([3, 500, 10**12])))
    if kind == 2 and value.free_symbols:
        return value + sp.Rational(1, 100) * random.choice([x, y, x * y])
    return -value + (1 if value == 0 else 0)


def same(p, q):
    for _ in range(4):
        at = {s: sp.Rational(random.randint(10**6, 3 * 10**6), 10**6) for s in (x, y, a)}
        difference = sp.N((p - q).subs(at), 50, maxn=400)
        if abs(difference) > sp.Float(10) ** -30:
            return False
    return True


rows = []
for kind in (rational_number, radical, polynomial, quotient, circular, constant):
    for n in range(60):
        value = kind()
        if value.has(sp.zoo, sp.nan):
            continue
        other, equal = (forms(value), True) if n % 2 == 0 else (forms(nearly(value)), False)
        assert same(value, other) == equal, (value, other)
        rows.append(
            {"kind": kind.__name__, "a": sp.latex(value), "b": sp.latex(other), "equal": equal}
        )

path = Path(__file__).with_name("math_goldens.json")
path.write_text(json.dumps({"sympy": sp.__version__, "pairs": rows}, indent=0) + "\n")
print(len(rows), "pairs")
