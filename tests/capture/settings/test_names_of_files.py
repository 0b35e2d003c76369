"""`F<i>` and `E<j>` in file names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.capture.settings.evidence import parse_settings, settings_from_names
from neucam_nerfstudio.errors import NeucamError

INDEX = st.integers(0, 999)


@pytest.mark.parametrize(
    ("stem", "focus", "exposure"),
    [
        ("F0E1", 0, 1),
        ("f2e10", 2, 10),
        ("F0_a", 0, None),
        ("IMG_F2_E1", 2, 1),
        ("desk-E2-F1", 1, 2),
        ("Desk F0E0 final", 0, 0),
        ("E3", None, 3),
        ("IMG_0012", None, None),
        ("DSCF1234", None, None),
        ("DSCF0001", None, None),
        ("_DSF0001", None, None),
        ("IMG_E1234", None, None),
        ("frame_000", None, None),
        ("scene5", None, None),
        ("desk_f2.8", None, None),
        ("SAFE1", None, None),
    ],
)
def test_tokens_are_taken_and_words_are_not(stem, focus, exposure):
    assert parse_settings(stem) == (focus, exposure)


@given(INDEX, INDEX, st.sampled_from(["", "_", "-", " "]), st.sampled_from(["", "IMG_", "2024-01-02 "]))
def test_written_settings_are_read_back(focus, exposure, separator, prefix):
    assert parse_settings(f"{prefix}F{focus}{separator}E{exposure}") == (focus, exposure)


def test_settings_of_all_names():
    paths = [Path("F0_a.png"), Path("F2_b.png")]
    assert settings_from_names(paths) == ([0, 2], None, None)


def test_names_that_tell_nothing():
    assert settings_from_names([Path("a.png"), Path("b.png")]) == (None, None, None)


@pytest.mark.parametrize(
    ("stem", "said"), [("macro_f8_00{}", "F8"), ("F0_{}", "F0"), ("e2-{}", "E2")], ids=["aperture", "focus", "exposure"]
)
def test_one_number_that_all_names_share_is_no_setting(stem, said):
    focuses, exposures, note = settings_from_names([Path(stem.format(letter) + ".png") for letter in "abc"])
    assert (focuses, exposures) == (None, None) and note == f"All names say {said}, which is taken for no setting."


def test_one_focus_at_several_exposures_is_one_setting():
    paths = [Path("F8E0.png"), Path("F8E1.png")]
    assert settings_from_names(paths) == ([8, 8], [0, 1], None)


def test_names_of_one_setting_say_that_there_is_one():
    assert settings_from_names([Path("F1E2_a.png"), Path("F1E2_b.png")]) == ([1, 1], [2, 2], None)


def test_name_that_tells_less_than_the_others_is_refused():
    with pytest.raises(NeucamError, match=r"extra\.png: its name carries no F<number>, but F0\.png does"):
        settings_from_names([Path("F0.png"), Path("extra.png")])
