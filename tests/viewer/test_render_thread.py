"""The viewer renders in a thread of its own, and that is how it is known."""

import threading

from nerfstudio.viewer.render_state_machine import RenderStateMachine
from neucam_nerfstudio.viewer.render_thread import viewer_is_rendering


def answer_in(kind: type[threading.Thread]) -> bool:
    answers = []

    class Asking(kind):
        def __init__(self):
            threading.Thread.__init__(self)

        def run(self):
            answers.append(viewer_is_rendering())

    thread = Asking()
    thread.start()
    thread.join()
    return answers[0]


def test_only_in_the_viewer_s_thread():
    assert answer_in(RenderStateMachine)
    assert not answer_in(threading.Thread)
    assert not viewer_is_rendering()
