"""Adapters that turn the events of telephone exchanges into leg events for `legs.by_number`. Implements specs/pbx.md.

Each function takes an event and returns a `Reading`. The functions are pure, and never raise an error. A reading has
leg events, or the reasons why the event was not understood. The reading of an irrelevant event has no leg events and no
reasons. `Exchange` tracks the legs of one telephone exchange over time, and counts its events. `Reporter` sends its leg
events, and signs of life.
"""

from callback_verification.pbx.asterisk import from_ami, from_ari
from callback_verification.pbx.dial_plan import DialPlan
from callback_verification.pbx.dialog_info import from_dialog_info
from callback_verification.pbx.exchange import Exchange
from callback_verification.pbx.freeswitch import from_esl
from callback_verification.pbx.reading import Reading
from callback_verification.pbx.reporter import Reporter

__all__ = ["DialPlan", "Exchange", "Reading", "Reporter", "from_ami", "from_ari", "from_dialog_info", "from_esl"]
