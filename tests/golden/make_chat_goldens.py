#!/usr/bin/env python3
"""Renders the templates of chat_cases.json as Hugging Face's transformers do; writes
chat_goldens.json: for each its text, or the kind of error. Needs Jinja2 3.1.6."""

import datetime
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    """{% generation %}, which marks what an assistant said."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_support")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _support(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = datetime.datetime(2025, 1, 31).strftime
    return env


def render(env, template, variables):
    try:
        return {"text": env.from_string(template).render(**variables)}
    except Exception as error:
        raised = type(error) is jinja2.exceptions.TemplateError
        return {"raised": str(error)} if raised else {"error": type(error).__name__}


def main():
    here = pathlib.Path(__file__).parent
    cases = json.loads((here / "chat_cases.json").read_text())
    env = environment()
    goldens = [render(env, template, cases["variables"]) for template in cases["templates"]]
    lines = ",\n".join(json.dumps(golden) for golden in goldens)
    (here / "chat_goldens.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
