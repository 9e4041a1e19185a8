"""All demo conversations, in a fixed order."""

from tickets.demo import (
    stories_hr_employment,
    stories_hr_leave,
    stories_hr_payroll,
    stories_it_access,
    stories_it_equipment,
    stories_it_laptops,
    stories_it_mail,
    stories_it_network,
    stories_it_printing,
    stories_it_software,
    stories_it_vpn,
    stories_office,
)
from tickets.demo.shapes import Story, Turn

__all__ = ["STORIES", "TAGS", "Story", "Turn"]

STORIES: tuple[Story, ...] = (
    *stories_it_vpn.STORIES,
    *stories_it_access.STORIES,
    *stories_it_laptops.STORIES,
    *stories_it_equipment.STORIES,
    *stories_it_printing.STORIES,
    *stories_it_mail.STORIES,
    *stories_it_software.STORIES,
    *stories_it_network.STORIES,
    *stories_hr_leave.STORIES,
    *stories_hr_payroll.STORIES,
    *stories_hr_employment.STORIES,
    *stories_office.STORIES,
)

TAGS: tuple[str, ...] = tuple(sorted({tag for story in STORIES for tag in story.tags}))
