"""Where does the policy come from? YAML text, read strictly, into a policy and its digest."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from dunning.errors import PolicyError
from dunning.policy import parse_policy

if TYPE_CHECKING:
    from dunning.policy import Policy


def read_policy(text: str) -> tuple[Policy, str]:
    """The policy and the digest that identifies its version; a PolicyError names each problem."""
    policy = parse_policy(load_document(text))
    return policy, policy.digest


def default_policy_text() -> str:
    """The policy file that ships with the product."""
    return resources.files("campaigns").joinpath("policy.yaml").read_text(encoding="utf-8")


_PLAIN = (
    ("tag:yaml.org,2002:null", re.compile(r"~|null|")),
    ("tag:yaml.org,2002:bool", re.compile(r"true|false")),
    ("tag:yaml.org,2002:int", re.compile(r"0|-?[1-9][0-9]*")),
    ("tag:yaml.org,2002:merge", re.compile(r"<<")),
)


class _Loader(yaml.SafeLoader):
    """Plain values mean what they look like (`no` and 20:00 are texts); a key stands once."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.SequenceNode:
            return "tag:yaml.org,2002:seq"
        if kind is yaml.MappingNode:
            return "tag:yaml.org,2002:map"
        fitting = (tag for tag, form in _PLAIN if implicit[0] and form.fullmatch(str(value)))
        return next(fitting, "tag:yaml.org,2002:str")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                told = f"{_at(key.start_mark)}: `{key.value}` is written twice. Keep one of them."
                raise PolicyError((told,))
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def load_document(text: str) -> object:
    """What YAML text says, read strictly; a PolicyError names the place that cannot be read."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        where = _at(error.problem_mark) if error.problem_mark else "policy"
        problem = (f"{where}: not valid YAML: {error.problem}. Correct the line.",)
        raise PolicyError(problem) from error
    except yaml.YAMLError as error:
        raise PolicyError((f"policy: not valid YAML: {error}. Correct the text.",)) from error


def _at(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"
