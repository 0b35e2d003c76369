"""Remembers what was computed from a module's parameters until they change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import FunctionType
from typing import Any, Generic, TypeVar, cast

import torch
from torch import nn

Value = TypeVar("Value")


class ParameterMemo(Generic[Value]):
    """A value that depends on a module's parameters alone, computed again only when one of them has changed.

    It sees every in-place change, so optimizer steps and loaded checkpoints, and whether gradients are wanted. A value
    that carries a graph is forgotten once it has been differentiated. A deep copy belongs to the module's copy.

    Args:
        module: Owns the parameters.
        compute: A bound method, or a `functools.partial` of a function: what they refer to is copied with the module.
            A function that refers to the module by its closure would compute a copy's value from the original.
    """

    def __init__(self, module: nn.Module, compute: Callable[[], Value]) -> None:
        self._module = module
        self._compute = compute
        self._key: tuple | None = None
        self._value: Value | None = None

    def __call__(self) -> Value:
        """The value for the parameters as they are."""
        key = (torch.is_grad_enabled(), *((p.data_ptr(), p._version) for p in self._module.parameters()))
        if key != self._key:
            self._value, self._key = self._compute(), key
            if isinstance(self._value, torch.Tensor) and self._value.requires_grad:
                self._value.register_hook(self._forget)
        return cast(Value, self._value)

    def _forget(self, _gradient: torch.Tensor) -> None:
        self._key = self._value = None

    def __deepcopy__(self, copied: dict[int, Any]) -> ParameterMemo[Value]:
        if isinstance(self._compute, FunctionType) and self._compute.__closure__:
            raise TypeError(f"{self._compute.__qualname__} stays with the module copied: give a memo a bound method.")
        return ParameterMemo(copy.deepcopy(self._module, copied), copy.deepcopy(self._compute, copied))
