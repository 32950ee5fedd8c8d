"""A corpus with known defects is the same each time."""

from helpers.text.planted import COPIES, DAMAGE, JUNK, plant


def test_planting_is_repeatable_and_seeds_differ():
    one, other = plant(1, good=5, each=3), plant(2, good=5, each=3)
    assert one == plant(1, good=5, each=3)
    assert not {truth for _, _, truth in one if truth} & {truth for _, _, truth in other}
    assert len(one) == 5 + 3 * (len(DAMAGE) + len(JUNK) + len(COPIES))
