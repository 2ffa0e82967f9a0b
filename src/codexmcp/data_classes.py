"""Data classes without generated code: the part of `dataclasses` that codexmcp uses.

`dataclasses` compiles six methods for each frozen class: 0.7 ms on Python 3.11, in sum 53 ms of the
130 ms that an MCP server needed for its imports. Here all classes share their methods, which read a
list of the fields. The functions of `dataclasses` work on these classes, too, and type checkers
take them for data classes of `dataclasses` (see the stub beside this module).

The arguments and errors are those of `dataclasses`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_SPEC = "__data_class__"


class _Missing:
    """No default."""


MISSING = _Missing()


class Field:
    """A field of a data class; see `field`."""

    __slots__ = (
        "compare",
        "default",
        "default_factory",
        "kw_only",
        "metadata",
        "name",
        "repr",
        "type",
    )

    def __init__(
        self,
        default: Any,
        default_factory: Any = MISSING,
        metadata: Mapping[str, Any] | None = None,
        *,
        shown: bool = True,
        compare: bool = True,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.metadata = metadata or {}
        self.repr = shown
        self.compare = compare
        self.kw_only = False
        self.name = self.type = ""

    @property
    def is_required(self) -> bool:
        """The field has no default."""
        return self.default is MISSING and self.default_factory is MISSING


class _Spec:
    """The fields of a data class.

    Attributes:
        fields: By name, those of base classes first.
        frozen: Instances cannot be changed.
        positional: Number of fields that can be given by position.
        order: Name, setter, default and factory of each field, the keyword-only fields last.
    """

    __slots__ = ("fields", "frozen", "order", "positional")

    def __init__(self, every: dict[str, Field], *, frozen: bool) -> None:
        self.fields = every
        self.frozen = frozen
        self.positional = sum(not each.kw_only for each in every.values())
        self.order: tuple[tuple[str, Callable[[Any, Any], None], Any, Any], ...] = ()


class _StandardFields:
    """The fields in the form of `dataclasses`, made on demand from a twin of the class."""

    def __get__(self, _instance: object, cls: Any) -> Any:
        import dataclasses  # noqa: PLC0415 - 10 ms, with `inspect`, and rarely used

        given: list[Any] = []
        for each in fields(cls):
            names = ("repr", "compare", "metadata", "kw_only", "default", "default_factory")
            words = {name: getattr(each, name) for name in names}
            words = {name: value for name, value in words.items() if value is not MISSING}
            given.append((each.name, each.type, dataclasses.field(**words)))
        twin: Any = dataclasses.make_dataclass(cls.__name__, given)
        cls.__dataclass_fields__ = twin.__dataclass_fields__
        return twin.__dataclass_fields__


def field(
    *,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    repr: bool = True,  # noqa: A002 - the word of `dataclasses`
    compare: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a field with more than a default."""
    return Field(default, default_factory, metadata, shown=repr, compare=compare)


def fields(class_or_instance: Any) -> tuple[Field, ...]:
    """Return the fields of a data class."""
    return tuple(getattr(class_or_instance, _SPEC).fields.values())


def replace(instance: Any, /, **changes: Any) -> Any:
    """Return a copy of an instance with changed fields."""
    values = {name: getattr(instance, name) for name in getattr(instance, _SPEC).fields}
    return type(instance)(**{**values, **changes})


def dataclass(
    cls: Any = None,
    /,
    *,
    eq: bool = True,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
) -> Any:
    """Make a class a data class."""

    def made(bare: Any) -> Any:
        spec = _Spec({**_inherited(bare, frozen=frozen), **_own(bare, kw_only)}, frozen=frozen)
        _check_defaults(bare, spec)
        added = _members(bare, spec, eq=eq)
        whole = _with_slots(bare, added) if slots else _with_members(bare, added)
        spec.order = tuple(
            (each.name, _setter(whole, each.name), each.default, each.default_factory)
            for late in (False, True)
            for each in spec.fields.values()
            if each.kw_only is late
        )
        return whole

    return made if cls is None else made(cls)


def _space(cls: Any) -> Mapping[str, Any]:
    """Return the own members of a class."""
    own: Mapping[str, Any] = cls.__dict__
    return own


def _inherited(cls: Any, *, frozen: bool) -> dict[str, Field]:
    every: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        spec: _Spec | None = _space(base).get(_SPEC)
        if spec is not None and spec.frozen is not frozen:
            raise TypeError(
                f"{cls.__qualname__}: a frozen class needs frozen bases, and vice versa"
            )
        every |= {} if spec is None else spec.fields
    return every


def _own(cls: Any, kw_only: bool) -> dict[str, Field]:  # noqa: FBT001 - passed on
    every: dict[str, Field] = {}
    for name, kind in cls.__annotations__.items():
        if str(kind).startswith(("ClassVar", "typing.ClassVar")):
            continue
        default = _space(cls).get(name, MISSING)
        found = default if isinstance(default, Field) else Field(default)
        if isinstance(found.default, list | dict | set):
            raise ValueError(f"mutable default of the field {name}: use default_factory")  # noqa: TRY004 - as in `dataclasses`
        found.name, found.type, found.kw_only = name, kind, kw_only
        every[name] = found
    return every


def _check_defaults(cls: Any, spec: _Spec) -> None:
    optional = ""
    for each in spec.fields.values():
        if each.kw_only:
            continue
        if optional and each.is_required:
            raise TypeError(f"{cls.__qualname__}: {each.name} has no default, but {optional} has")
        optional = optional if each.is_required else each.name


def _members(cls: Any, spec: _Spec, *, eq: bool) -> dict[str, Any]:
    """Return the members to add to a class."""
    added: dict[str, Any] = {
        "__init__": _init,
        "__repr__": _repr,
        "__replace__": replace,
        "__match_args__": tuple(each.name for each in spec.fields.values() if not each.kw_only),
    }
    if eq:
        added["__eq__"] = _eq
    added = {name: each for name, each in added.items() if name not in _space(cls)}
    if eq and _space(cls).get("__hash__") is None:
        added["__hash__"] = _hash if spec.frozen else None
    if spec.frozen:
        added |= {"__setattr__": _refuse_change, "__delattr__": _refuse_change}
    return added | {_SPEC: spec, "__dataclass_fields__": _StandardFields()}


def _with_members(cls: Any, added: Mapping[str, Any]) -> Any:
    for name in cls.__annotations__:
        default = _space(cls).get(name)
        if isinstance(default, Field):
            if default.default is MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, default.default)
    for name, each in added.items():
        setattr(cls, name, each)
    return cls


def _with_slots(cls: Any, added: Mapping[str, Any]) -> Any:
    """Return a copy of a class with slots in place of the defaults of its fields."""
    spec: _Spec = added[_SPEC]
    inherited = {name for base in cls.__mro__[1:] for name in _space(base).get("__slots__", ())}
    left_out = {*spec.fields, "__dict__", "__weakref__"}
    space = {name: each for name, each in _space(cls).items() if name not in left_out}
    slots = tuple(name for name in spec.fields if name not in inherited)
    space |= {**added, "__slots__": slots}
    if spec.frozen:
        space |= {"__getstate__": _state, "__setstate__": _set_state}
    copy = type(cls)(cls.__name__, cls.__bases__, space)
    copy.__qualname__ = cls.__qualname__
    return copy


def _setter(cls: Any, name: str) -> Callable[[Any, Any], None]:
    """Return a function that sets a field, in a frozen instance, too."""
    slot = getattr(cls, name, None)
    if type(slot).__name__ == "member_descriptor":
        # Source: about twice as fast as `object.__setattr__`.
        direct: Callable[[Any, Any], None] = slot.__set__  # type: ignore[union-attr]
        return direct
    return lambda instance, value: object.__setattr__(instance, name, value)


def _init(self: Any, /, *values: Any, **named: Any) -> None:
    spec: _Spec = getattr(self, _SPEC)
    given = len(values)
    if given > spec.positional:
        raise TypeError(
            f"{type(self).__qualname__}() takes at most {spec.positional} positional arguments, "
            f"not {given}"
        )
    for value, (_, assign, _, _) in zip(values, spec.order, strict=False):
        assign(self, value)
    used = 0
    for name, assign, default, factory in spec.order[given:]:
        if name in named:
            assign(self, named[name])
            used += 1
        elif default is not MISSING:
            assign(self, default)
        elif factory is not MISSING:
            assign(self, factory())
        else:
            raise TypeError(f"{type(self).__qualname__}() misses the argument {name!r}")
    if used != len(named):
        known = {name for name, *_ in spec.order[given:]}
        wrong = ", ".join(repr(name) for name in named if name not in known)
        raise TypeError(f"{type(self).__qualname__}() got the unexpected argument {wrong}")


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, each.name) for each in fields(self) if each.compare)


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return bool(_compared(self) == _compared(other))


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(self, _SPEC).fields]


def _set_state(self: Any, state: list[Any]) -> None:
    for (name, *_), value in zip(getattr(self, _SPEC).fields.items(), state, strict=True):
        object.__setattr__(self, name, value)


def _refuse_change(self: Any, name: str, *value: Any) -> None:
    if _SPEC in _space(type(self)) or name in getattr(self, _SPEC).fields:
        from dataclasses import FrozenInstanceError  # noqa: PLC0415 - as above

        raise FrozenInstanceError(f"cannot change the field {name!r}")
    (object.__setattr__ if value else object.__delattr__)(self, name, *value)
