"""What telephone exchanges tell of their calls, as leg events for `legs.by_number`. Carries out specs/pbx.md.

Pure functions: an event comes in, a `LegByNumber` comes out, or None for an event that says nothing about a leg from
the bank to the outside. Whatever comes in, nothing is raised.
"""

from callback_verification.pbx.asterisk import from_ami, from_ari
from callback_verification.pbx.dial_plan import DialPlan
from callback_verification.pbx.dialog_info import from_dialog_info
from callback_verification.pbx.freeswitch import from_esl

__all__ = ["DialPlan", "from_ami", "from_ari", "from_dialog_info", "from_esl"]
