"""Imported by a worker that is to lose patience soon: every pause a fraction of what it is."""

from datetime import timedelta

from notifications import attempts, rests
from notifications.transports import smtp
from serviceflow import jobs

smtp.CONNECT = smtp.WHOLE = 1.0
jobs.FAREWELL = jobs.LAST_WORDS = 1.0
attempts.ABANDONED_AFTER = timedelta(seconds=5)
attempts.FIRST_PAUSE, attempts.LONGEST_PAUSE = timedelta(seconds=0.5), timedelta(seconds=4)
rests.SHORTEST, rests.LONGEST = timedelta(seconds=0.5), timedelta(seconds=2)
rests.TRIAL = timedelta(seconds=3)
