"""What telephone exchanges tell of their calls, as leg events for `legs.by_number`. Implements specs/pbx.md.

The functions are pure: an event comes in, a `Reading` comes out. It holds leg events, or reasons why the event was not
understood, or neither for an event that says nothing about a leg. `Exchange` follows the legs of one exchange over
time and counts the three answers. Nothing is raised, whatever comes in.
"""

from callback_verification.pbx.asterisk import from_ami, from_ari
from callback_verification.pbx.dial_plan import DialPlan
from callback_verification.pbx.dialog_info import from_dialog_info
from callback_verification.pbx.exchange import Exchange
from callback_verification.pbx.freeswitch import from_esl
from callback_verification.pbx.reading import Reading

__all__ = ["DialPlan", "Exchange", "Reading", "from_ami", "from_ari", "from_dialog_info", "from_esl"]
