"""Room and the line before it: what is granted is nobody else's, and all of it comes back."""

from hypothesis import given
from hypothesis import strategies as st

from mlmake.model.graph import Resources
from mlmake.planning.schedule import Line, Room

IDS = ("3", "0", "GPU-a", "7")


def room(places=9):
    return Room(Resources(cpus=99, gpus=len(IDS), devices=IDS), places)


@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=40), st.data())
def test_no_two_claims_share_a_device_and_all_come_back(wishes, data):
    free, granted, most = room(places=50), [], 0
    for gpus in wishes:
        if granted and data.draw(st.booleans()):
            free.give(granted.pop(data.draw(st.integers(0, len(granted) - 1))))
        claimed = Resources(gpus=gpus)
        held = [device for grant in granted for device in grant.devices]
        if free.fits(claimed):
            granted.append(free.take(claimed))
            assert len(granted[-1].devices) == (gpus or 0)
            held += granted[-1].devices
        else:
            assert (gpus or 0) > len(IDS) - len(held), "it would have fitted"
        assert len(set(held)) == len(held) <= len(IDS)
        assert {*held, *free.devices} == set(IDS)
        most = max(most, len(held))
    for grant in granted:
        free.give(grant)
    assert free == room(places=50)


def test_devices_are_handed_out_in_the_order_they_are_named():
    free = room()
    assert free.take(Resources(gpus=1)).devices == ("3",)
    second = free.take(Resources(gpus=2))
    assert second.devices == ("0", "GPU-a")
    assert not free.fits(Resources(gpus=2))
    assert free.fits(Resources(gpus=0))
    free.give(second)
    assert free.take(Resources(gpus=3)).devices == ("0", "GPU-a", "7")


def test_who_asks_for_all_devices_is_not_overtaken_for_ever():
    free, line = room(), Line()
    held = free.take(Resources(gpus=1))
    line.join("all", Resources(gpus=4), priority=9)
    for number in range(20):
        line.join(f"one-{number}", Resources(gpus=1), priority=1)
    overtaken = 0
    while found := line.next(free):
        overtaken += 1
        free.give(free.take(found[1]))
    assert 0 < overtaken < 20
    free.give(held)
    assert line.next(free) == ("all", Resources(gpus=4))
