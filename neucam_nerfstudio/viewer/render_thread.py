"""The thread in which nerfstudio's viewer renders."""

from __future__ import annotations

import sys
import threading


def viewer_is_rendering() -> bool:
    """Whether this is the thread in which nerfstudio's viewer renders; its cameras tell no other way."""
    render_thread = sys.modules.get("nerfstudio.viewer.render_state_machine")
    return render_thread is not None and isinstance(threading.current_thread(), render_thread.RenderStateMachine)
