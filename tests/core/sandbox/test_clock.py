from editcorpus.sandbox.clock import Clock


def test_the_clock_goes_on_from_the_last_moment_on_record_and_never_back():
    clock = Clock(1000.0, 1e6)
    clock.forward(5000.0)
    assert 5000 <= clock.now() < 5001
    clock.forward(2000.0)
    assert 5000 <= clock.now() < 5001


def test_another_pace_begins_now():
    clock = Clock(1000.0, 1e6).rescaled(2e6)
    assert 1000 <= clock.now() < 1001


def test_waits_are_real_and_none_for_what_is_past():
    clock = Clock(1000.0, 1e6)
    assert clock.real_s(999.0) == 0
    assert 9e6 < clock.real_s(1010.0) <= 1e7
