"""The decorator shows our errors, escaped, and leaves others alone."""

import gradio as gr
import pytest

from ui.errors import shown_on_page, told_to_programs
from vlfau.errors import ImageError


@shown_on_page
def raises(error):
    """A handler."""
    raise error


def test_our_error_becomes_an_escaped_message():
    with pytest.raises(gr.Error, match="&lt;img src=x&gt;") as caught:
        raises(ImageError("Not a photo: <img src=x>"))
    assert isinstance(caught.value.__cause__, ImageError)


def test_a_program_gets_the_message_as_it_is():
    @told_to_programs
    def endpoint():
        raise ImageError("Opening 'a.jpg' failed")

    with pytest.raises(gr.Error, match=r"Opening 'a\.jpg' failed"):
        endpoint()


def test_a_fault_of_ours_is_not_shown():
    with pytest.raises(KeyError):
        raises(KeyError("secret"))


def test_name_and_documentation_stay():
    assert (raises.__name__, raises.__doc__) == ("raises", "A handler.")
