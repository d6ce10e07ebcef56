"""Refusing what a document asks and this driver does not do, so that nothing is ever dropped in silence."""

from __future__ import annotations

from polyvisor.documents.support import Support
from polyvisor.documents.support import described as described

_support = Support("qemu")
only, refusal = _support.only, _support.refusal
