"""Remembers what was computed from a module's parameters until they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import nn

Value = TypeVar("Value")


class ParameterMemo(Generic[Value]):
    """A value that depends on a module's parameters alone, computed again only when one of them has changed.

    It sees every in-place change, so optimizer steps and loaded checkpoints, and whether gradients are wanted. A value
    that carries a graph is forgotten once it has been differentiated.
    """

    def __init__(self, module: nn.Module, compute: Callable[[], Value]) -> None:
        self._parameters = module.parameters
        self._compute = compute
        self._key: tuple | None = None
        self._value: Value | None = None

    def __call__(self) -> Value:
        """The value for the parameters as they are."""
        key = (torch.is_grad_enabled(), *((p.data_ptr(), p._version) for p in self._parameters()))
        if key != self._key:
            self._value, self._key = self._compute(), key
            if isinstance(self._value, torch.Tensor) and self._value.requires_grad:
                self._value.register_hook(self._forget)
        return self._value

    def _forget(self, _gradient: torch.Tensor) -> None:
        self._key = self._value = None

    def __deepcopy__(self, memo: dict) -> None:
        raise TypeError("A ParameterMemo belongs to one module; build the copy anew.")
