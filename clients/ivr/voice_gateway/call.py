"""One call: plays prompts, collects keys, transfers the caller. Implements specs/protocol.md section 7.9.

All code of this module runs in the thread that owns PJSIP, so it must not block.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from urllib.parse import quote

import pjsua2 as pj

from voice_gateway.endpoint import active_audio
from voice_gateway.keys import Keys
from voice_gateway.operator import Instruction, Operator
from voice_gateway.prompts import CannotSpeak, Sound
from voice_gateway.settings import Settings

log = logging.getLogger("voice_gateway")

SILENCE_S = 8.0
TRANSFER_S = 30.0
LONGEST_S = 900.0
FRAUD_DESK = "fraud_desk"


class Line(pj.Call):  # type: ignore[misc]
    """A call from a customer.

    The line passes each stopped player to `retire`. When the call is over, the line calls `ended` once.
    """

    def __init__(
        self,
        account: pj.Account,
        call_id: int,
        caller_number: str | None,
        operator: Operator,
        settings: Settings,
        retire: Callable[[pj.AudioMediaPlayer], None],
        ended: Callable[[Line], None],
    ) -> None:
        super().__init__(account, call_id)
        self._caller_number = caller_number
        self._operator = operator
        self._settings = settings
        self._retire = retire
        self._ended = ended
        self._began = time.monotonic()
        self._keys = Keys()
        self._method: int | None = None
        self._audio: pj.AudioMedia | None = None
        self._player: pj.AudioMediaPlayer | None = None
        self._sounds: list[Future[Sound]] = []
        self._next_at = 0.0
        self._instruction: Instruction | None = None
        self._quiet_since = 0.0
        self._transfer_until: float | None = None
        self._over = False

    def refuse(self, status: int) -> None:
        """Refuse the call with a SIP status."""
        answer = pj.CallOpParam()
        answer.statusCode = status
        self.answer(answer)

    def accept(self) -> None:
        """Answer the call. The dialogue begins once audio flows."""
        self.refuse(pj.PJSIP_SC_OK)

    # --- callbacks of PJSIP ---------------------------------------------------------------------------------

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        if self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED and not self._over:
            self._over = True
            self._stop_playing()
            self._ended(self)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        if self._over or self._audio is not None:
            return
        self._audio = active_audio(self)
        if self._audio is not None:
            self._operator.begin(self._caller_number, self._follow)

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:
        # Some telephones send each key twice: as an RTP event and as SIP INFO. Accept only the method of the first key.
        if self._method is None:
            self._method = prm.method
        if prm.method == self._method:
            self._keys.press(prm.digit, time.monotonic())

    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:
        if not prm.finalNotify or self._transfer_until is None:
            return
        if 200 <= prm.statusCode < 300:
            prm.cont = False
            self._hang_up()
        else:
            log.warning("a transfer was refused with %d", prm.statusCode)
            self._transfer_until = None
            self._follow(self._operator.apology())

    # --- the clock ----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Do what is due now: play the next sound, take keys, notice silence, or end the call."""
        if self._over or self._instruction is None:
            return
        if now - self._began > LONGEST_S:
            self._hang_up()
        elif self._transfer_until is not None:
            if now > self._transfer_until:
                self._transfer_until = None
                self._follow(self._operator.apology())
        elif self._instruction.act == "listen":
            self._listen(now)
        elif self._played(now):
            self._act(now)

    def _listen(self, now: float) -> None:
        assert self._instruction is not None  # noqa: S101
        if self._keys.waiting:
            self._stop_playing()
            self._quiet_since = now
        keys = self._keys.take(now)
        if keys is None and not (self._played(now) and now - self._quiet_since > SILENCE_S):
            return
        session_id, self._instruction = self._instruction.session_id, None
        self._operator.step(session_id, keys, self._follow)

    def _act(self, now: float) -> None:
        assert self._instruction is not None  # noqa: S101
        if self._instruction.act == "hang_up":
            self._hang_up()
            return
        self._transfer_until = now + TRANSFER_S
        to = self._instruction.to
        uri = self._settings.fraud_desk_uri
        if to != FRAUD_DESK:
            uri = self._settings.officer_uri.replace("{officer}", quote(to, safe=""))
        try:
            self.xfer(f"<{uri}>", pj.CallOpParam(True))
        except pj.Error as error:
            log.warning("a transfer could not be requested: %s", error.reason)
            self._transfer_until = None
            self._follow(self._operator.apology())

    # --- sound ------------------------------------------------------------------------------------------------

    def _follow(self, instruction: Instruction) -> None:
        if self._over:
            _discard(instruction.sounds)
            return
        self._stop_playing()
        self._instruction = instruction
        self._sounds = list(instruction.sounds)
        self._played(time.monotonic())

    def _played(self, now: float) -> bool:
        """Start the next sound if the previous sound has ended. Return whether all sounds have been played."""
        if now < self._next_at:
            return False
        if not self._sounds:
            if self._player is not None:
                self._silence_player()
                self._quiet_since = now
            return True
        if not self._sounds[0].done():
            return False
        self._silence_player()
        try:
            sound = self._sounds.pop(0).result()
        except CannotSpeak as error:
            log.warning("%s", error)
            self._follow(self._operator.apology())
            return False
        try:
            self._player = pj.AudioMediaPlayer()
            self._player.createPlayer(str(sound.path), pj.PJMEDIA_FILE_NO_LOOP)
            self._player.startTransmit(self._audio)
        except pj.Error as error:
            log.warning("a sound could not be played: %s", error.reason)
            self._hang_up()
        self._next_at = now + sound.seconds
        # The player has already opened the file, so a temporary file can be deleted.
        _delete(sound)
        return False

    def _stop_playing(self) -> None:
        _discard(self._sounds)
        self._sounds = []
        self._next_at = 0.0
        self._silence_player()

    def _silence_player(self) -> None:
        player, self._player = self._player, None
        if player is None:
            return
        if self._audio is not None and not self._over:
            try:
                player.stopTransmit(self._audio)
            except pj.Error as error:
                log.debug("the call ended before its sound was stopped: %s", error.reason)
        self._retire(player)

    def _hang_up(self) -> None:
        self._instruction = None
        try:
            self.hangup(pj.CallOpParam(True))
        except pj.Error as error:
            log.debug("the call had already ended: %s", error.reason)


def _discard(sounds: Iterable[Future[Sound]]) -> None:
    for each in sounds:
        if not each.cancel():
            each.add_done_callback(lambda made: None if made.exception() else _delete(made.result()))


def _delete(sound: Sound) -> None:
    if sound.temporary:
        sound.path.unlink(missing_ok=True)
