"""What runs with the tracer of coverage, and what without one."""

import sys
import threading

import pytest

from tests.tracing import untraced, with_tracer


def no_tracer(_frame, _event, _argument):
    return None


def test_a_function_runs_with_its_tracer_in_its_thread_and_leaves_the_one_of_before():
    before = sys.gettrace()
    assert with_tracer(no_tracer, sys.gettrace)() is no_tracer
    assert untraced(sys.gettrace)() is None
    assert sys.gettrace() is before
    others = []
    thread = threading.Thread(target=with_tracer(no_tracer, lambda: others.append(sys.gettrace())))
    thread.start()
    thread.join()
    assert others == [no_tracer]
    assert sys.gettrace() is before


def test_after_an_error_the_tracer_of_before_is_back():
    before = sys.gettrace()
    with pytest.raises(ValueError, match="invalid literal"):
        with_tracer(no_tracer, int)("x")
    assert sys.gettrace() is before
