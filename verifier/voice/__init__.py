"""Dialects for voice platforms that fetch documents: VoiceXML and TwiML. The dialogue is the same in both dialects.

Implements specs/protocol.md section 7.8.
"""

from verifier.voice.conversations import Conversations, Transfers
from verifier.voice.dialects import Dialect
from verifier.voice.twiml import TwiML
from verifier.voice.voicexml import VoiceXML

__all__ = ["Conversations", "Dialect", "Transfers", "TwiML", "VoiceXML"]
