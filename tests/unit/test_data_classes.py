"""Our data classes beside those of `dataclasses`, made from the same source."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
import types
from typing import Any

import pytest

from codexmcp import data_classes

SOURCE = """
from __future__ import annotations
from typing import ClassVar, Generic, TypeVar

T = TypeVar("T")

@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)
    KIND: ClassVar[str] = "point"

    def double(self) -> int:
        return 2 * self.x

@dataclass(frozen=True, slots=True)
class Point3(Point):
    z: int = 3

@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    name: str | None = None
    secret: str = field(default="", repr=False)
    source: str = field(default="", compare=False)

@dataclass(frozen=True, slots=True)
class Request(Options):
    prompt: str
    cwd: str = "."

@dataclass(slots=True)
class Counter(Generic[T]):
    first: T
    count: int = 0

@dataclass(frozen=True, kw_only=True)
class Flags:
    json: bool = field(default=False, metadata={"help": "print JSON"})
    words: tuple[str, ...] = ()

@dataclass(frozen=True, kw_only=True)
class MoreFlags(Flags):
    debug: bool = False

    def shown(self) -> str:
        return f"{self!r}!"

@dataclass(frozen=True, eq=False)
class Alone:
    name: str

@dataclass(frozen=True, slots=True)
class Labelled:
    name: str

    def __repr__(self) -> str:
        return "labelled"

    def __eq__(self, other: object) -> bool:
        return True

@dataclass
class Bare:
    name: str = "x"

class Derived(Bare):
    pass

@dataclass(frozen=True, slots=True)
class Nothing:
    pass
"""


def run(source: str, maker: Any) -> types.ModuleType:
    """Run a source with one implementation of data classes, as a module."""
    module = types.ModuleType(f"made_by_{maker.__name__.rpartition('.')[2]}")
    words = ("dataclass", "field", "fields", "replace")
    vars(module).update({name: getattr(maker, name) for name in words})
    sys.modules[module.__name__] = module
    exec(source, vars(module))  # noqa: S102 - our own text
    return module


@pytest.fixture(params=[dataclasses, data_classes], ids=["standard", "ours"])
def made(request: pytest.FixtureRequest) -> Any:
    """The classes of SOURCE, by one implementation."""
    return run(SOURCE, request.param)


CALLS = (
    "Point(1)",
    "Point(1, 5, ['a'])",
    "Point(x=1, tags=['b'])",
    "Point()",
    "Point(1, 2, [], 4)",
    "Point(1, x=2)",
    "Point(1, w=2)",
    "Point(1) == Point(1)",
    "Point(1) == Point(2)",
    "Point(1) == (1, 2, [])",
    "Point(1).tags is Point(1).tags",
    "hash(Point(1))",
    "Point(1).KIND, Point(1).double()",
    "Point.__match_args__, Point3.__match_args__, Request.__match_args__, Flags.__match_args__",
    "Point.__slots__, Point3.__slots__, Request.__slots__, Counter.__slots__",
    "hasattr(Point(1), '__dict__'), hasattr(Bare(), '__dict__')",
    "Point3(1, z=5)",
    "isinstance(Point3(1), Point), Point3(1) == Point(1)",
    "Request('p', name='n', secret='s')",
    "Request('p', 'c').cwd, Request('p').secret, Request('p').name",
    "Request(name='n')",
    "Options('n')",
    "Options(source='a') == Options(), hash(Options(source='a')) == hash(Options())",
    "hash(Request('p')) == hash(Request('p')), {Request('p'): 1}[Request('p')]",
    "Counter('a'), Counter('a', 3) == Counter('a', 3)",
    "hash(Counter('a'))",
    "Counter[int](1)",
    "MoreFlags(json=True).shown()",
    "MoreFlags(json=True, words=('a',)), MoreFlags() == Flags()",
    "MoreFlags(True)",
    "Alone('a') == Alone('a'), Alone('a')",
    "repr(Labelled('a')), Labelled('a') == 3",
    "Bare(), Bare('y'), Bare.name, Derived(), Derived() == Bare()",
    "Nothing(), Nothing() == Nothing(), hash(Nothing()) == hash(())",
    "replace(Point(1), y=7)",
    "replace(Point(1), w=7)",
    "replace(MoreFlags(json=True), debug=True)",
    "[(f.name, f.type, f.repr, f.kw_only) for f in fields(Request)]",
    "[dict(f.metadata) for f in fields(MoreFlags())]",
    "setattr(Point(1), 'x', 2)",
    "delattr(Point(1), 'x')",
    "setattr(MoreFlags(), 'json', True)",
    "setattr(Counter(1), 'count', 2)",
    "setattr(Counter(1), 'w', 2)",
)


def outcome(call: str, module: types.ModuleType) -> str:
    try:
        return repr(eval(call, vars(module)))  # noqa: S307 - our own text
    except Exception as error:  # noqa: BLE001 - errors are compared, too
        return type(error).__name__


@pytest.mark.parametrize("call", CALLS)
def test_a_class_behaves_as_one_of_dataclasses(call: str) -> None:
    ours, theirs = (outcome(call, run(SOURCE, maker)) for maker in (data_classes, dataclasses))
    assert ours == theirs


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("@dataclass\nclass A:\n    x: int = 1\n    y: int", TypeError),
        ("@dataclass\nclass A:\n    x: list[int] = []", ValueError),
        (
            "@dataclass\nclass A:\n    x: int\n@dataclass(frozen=True)\nclass B(A):\n    y: int",
            TypeError,
        ),
    ],
)
@pytest.mark.parametrize("maker", [dataclasses, data_classes], ids=["standard", "ours"])
def test_a_wrong_class_is_refused(source: str, error: type[Exception], maker: Any) -> None:
    with pytest.raises(error):
        run("from __future__ import annotations\n" + source, maker)


def test_copies_and_pickles_are_equal(made: Any) -> None:
    for value in (made.Point(1, 2, ["a"]), made.Request("p"), made.Counter("a"), made.Flags()):
        for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301
            assert twin == value
            assert type(twin) is type(value)


def test_the_functions_of_dataclasses_take_our_classes(made: Any) -> None:
    assert dataclasses.is_dataclass(made.Flags)
    request: Any = made.Request("p", name="n")
    assert dataclasses.asdict(made.Point(1)) == {"x": 1, "y": 2, "tags": []}
    assert dataclasses.replace(request, cwd="c") == made.Request("p", "c", name="n")
    assert [each.name for each in dataclasses.fields(request)][-1] == "cwd"
    assert [each.name for each in dataclasses.fields(made.Point3)] == ["x", "y", "tags", "z"]


def test_copy_replace_of_later_pythons_has_its_method() -> None:
    point = run(SOURCE, data_classes).Point(1)
    assert point.__replace__(y=7) == type(point)(1, 7)


def test_fields_are_found_by_patterns(made: Any) -> None:
    cls = made.Point
    match made.Point3(4):
        case cls(x, y, tags=[]):
            assert (x, y) == (4, 2)
        case _:
            raise AssertionError("no match")
