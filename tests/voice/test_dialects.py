"""VoiceXML and TwiML over real HTTP: what callers hear, and requests that the service refuses."""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.api.conftest import RunningBank
from tests.customers import Customer
from tests.voice.platforms import HOTLINE, PASSWORD, Platform, TwimlPlatform, VoiceXmlPlatform, parsed, settings
from tests.world import another_code
from verifier.demo.bank import DemoBank
from verifier.voice.dialects import e164

UNAVAILABLE = "现在无法核实。请不要继续通话，稍后再试。"


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder), **settings()) as running:
        yield running


@pytest.fixture(params=[VoiceXmlPlatform, TwimlPlatform])
def platform(request: pytest.FixtureRequest, bank: DemoBank) -> Platform:
    made: Platform = request.param(bank)
    return made


@pytest.fixture
def customer(bank: DemoBank) -> Customer:
    return Customer(bank)


def test_a_caller_enters_the_code_hears_the_officer_and_is_put_through(platform: Platform, customer: Customer) -> None:
    code = customer.is_rung()
    greeted = platform.begin(customer.number)
    assert greeted.act == "listen"
    assert "示范银行" in greeted.text
    told = platform.press(code + "#")
    assert "李伟" in told.said[1][1]
    assert "4412" in told.said[1][1]
    assert platform.press("*") == told
    assert platform.press("*8").slow
    assert platform.press("*9").said[0][1].startswith("This is a genuine call from us.")
    connected = platform.press("0")
    assert (connected.act, connected.transfer) == ("transfer", "sip:4412@pbx.bank.example")


def test_after_a_wrong_code_zero_leads_to_the_fraud_desk(platform: Platform, customer: Customer) -> None:
    code = customer.is_rung()
    platform.begin(customer.number)
    assert "李伟" not in platform.press(another_code(code)).text
    connected = platform.press("0")
    assert connected.act == "transfer"
    assert connected.transfer.removeprefix("tel:") == "+861095599"


def test_typing_errors_and_silence_use_no_attempt(platform: Platform, customer: Customer) -> None:
    code = customer.is_rung()
    platform.begin(customer.number)
    assert "没有听到按键" in platform.press(None).text
    assert "没有听到按键" in platform.press("#").text
    for slip in ("12", code[:-1] + str((int(code[-1]) + 1) % 10), "7" * 90, "AB", "*7"):
        assert "不计入错误次数" in platform.press(slip).text
    assert "李伟" in platform.press(code).text


def test_four_silences_end_the_call(platform: Platform, customer: Customer) -> None:
    customer.is_rung()
    platform.begin(customer.number)
    assert [platform.press(None).act for _ in range(4)] == ["listen", "listen", "listen", "hang_up"]


@pytest.mark.shows("CVP-7.8-3")
@pytest.mark.parametrize("caller", [None, "+8613700000001", "anonymous", "+86137'; DROP TABLE", ""])
def test_a_withheld_or_unknown_number_gets_no_verdict(platform: Platform, caller: str | None) -> None:
    greeted = platform.begin(caller)
    assert (greeted.act, len(greeted.said)) == ("listen", 4)
    told = platform.press("482177302")
    assert told.act == "listen"
    assert "请用您在银行登记的号码拨打" in told.text


@pytest.mark.shows("CVP-7.7-7")
def test_every_caller_hears_the_same_greeting(platform: Platform, bank: DemoBank, customer: Customer) -> None:
    customer.is_rung()
    callers = (customer.number, "+8613700000001", None)
    assert len({tuple(type(platform)(bank).begin(caller).said) for caller in callers}) == 1


@pytest.mark.shows("CVP-7.8-2")
def test_a_refetched_document_is_the_same_and_uses_no_second_attempt(platform: Platform, customer: Customer) -> None:
    code = customer.is_rung()
    platform.begin(customer.number)
    told = platform.press(another_code(code))
    for _ in range(5):
        assert platform.again() == told
    genuine = platform.press(code)
    assert "李伟" in genuine.text, "refetching did not count as another attempt"
    assert platform.again() == genuine


@pytest.mark.shows("CVP-7.12-1", "CVP-7.12-3")
def test_a_document_refetched_after_the_call_says_that_it_ended(platform: Platform, customer: Customer) -> None:
    code = customer.is_rung()
    platform.begin(customer.number)
    genuine = platform.press(code)
    assert "已核实" in genuine.text
    customer.is_left()
    for heard in (platform.again(), platform.press("*")):
        assert "现在已经结束" in heard.text
        assert "李伟" in heard.text
        assert "已核实" not in heard.text
        assert "可能会请您提供" not in heard.text
    assert platform.press("0").transfer == "sip:4412@pbx.bank.example"


@pytest.mark.shows("CVP-7.8-4")
def test_after_a_failure_the_caller_hears_in_both_languages_that_we_cannot_check(
    platform: Platform, bank: DemoBank
) -> None:
    platform.begin("+8613800138000")
    platform.next = f"{bank.url}{platform.path}/ivr_{'0' * 32}/1"
    heard = platform.press("482177302")
    assert heard.act == "hang_up"
    assert heard.said[0][1] == UNAVAILABLE
    assert heard.said[1][1].startswith("We cannot check now.")


@pytest.mark.shows("CVP-7.8-4")
def test_a_voicexml_page_contains_the_apology_for_when_the_next_cannot_be_fetched(
    bank: DemoBank, customer: Customer
) -> None:
    platform = VoiceXmlPlatform(bank)
    platform.begin(customer.number)
    vxml = {"v": "http://www.w3.org/2001/vxml"}
    caught = parsed(platform.document).find("v:catch[@event='error']", vxml)
    assert caught is not None
    assert "".join(caught.itertext()).startswith(UNAVAILABLE)
    assert caught.find("v:disconnect", vxml) is not None


@pytest.mark.shows("CVP-7.8-5")
def test_markup_in_an_officers_name_is_spoken_and_not_interpreted(platform: Platform, bank: DemoBank) -> None:
    name = "</prompt></Say><Dial>+861</Dial>&amp;"
    rung = Customer(bank, officer_name=name)
    code = rung.is_rung()
    platform.begin(rung.number)
    told = platform.press(code)
    assert name in told.text
    assert told.act == "listen"


@pytest.mark.shows("CVP-7.8-1")
@pytest.mark.parametrize("shown", ["", "Basic", "Basic !!", "Basic eDp5", "Bearer x", "Basic " + "A" * 4000])
def test_voicexml_without_the_password_is_refused(bank: DemoBank, shown: str) -> None:
    headers = {"Authorization": shown} if shown else {}
    form = {"caller": "tel:+8613800138000", "dialled": HOTLINE}
    answer = requests.post(f"{bank.url}/voice/voicexml", data=form, headers=headers, timeout=10)
    assert answer.status_code == 403
    assert "vxml" not in answer.text


@pytest.mark.shows("CVP-7.8-1")
def test_a_twiml_request_changed_in_transit_is_refused(bank: DemoBank, customer: Customer) -> None:
    platform = TwimlPlatform(bank)
    platform.begin(customer.number)
    url, form = platform.last
    good = platform.raw(url, form)
    assert good.status_code == 200
    signature = good.request.headers["X-Twilio-Signature"]
    for changed in (form | {"From": "+8613800138000"}, form | {"Extra": "1"}, {}):
        sent = requests.post(url, data=changed, headers={"X-Twilio-Signature": signature}, timeout=10)
        assert sent.status_code == 403
    assert (
        requests.post(url + "?a=1", data=form, headers={"X-Twilio-Signature": signature}, timeout=10).status_code == 403
    )
    assert requests.post(url, data=form, timeout=10).status_code == 403
    twice = [*form.items(), ("From", "+8613800138000")]
    assert requests.post(url, data=twice, headers={"X-Twilio-Signature": signature}, timeout=10).status_code == 403


def test_a_file_upload_is_refused(bank: DemoBank) -> None:
    upload = {"caller": ("x.txt", b"+8613800138000")}
    assert requests.post(f"{bank.url}/voice/voicexml", files=upload, timeout=10).status_code == 403


def test_a_large_form_is_refused(platform: Platform) -> None:
    assert platform.raw(platform.next, {"caller": "1" * 3_000_000}).status_code == 413


def _credentials(platform: Platform) -> dict[str, str]:
    """The password of a VoiceXML platform. For TwiML any signature, since the service reads the form first."""
    if isinstance(platform, VoiceXmlPlatform):
        return {"Authorization": "Basic " + base64.b64encode(f"platform:{PASSWORD}".encode()).decode()}
    return {"X-Twilio-Signature": "x"}


FORM = "application/x-www-form-urlencoded"


@pytest.mark.shows("CVP-7.8-6")
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": f"{FORM}; charset=bogus"}, b"From=1", 415),
        ({"Content-Type": f"{FORM}; charset=gb18030"}, b"From=1", 415),
        ({"Content-Type": "multipart/form-data"}, b"From=1", 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\nContent-Disposition: form-data\r\n\r\n", 415),
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({"Content-Type": FORM, "Content-Encoding": "gzip"}, b"From=1", 415),
        ({"Content-Type": FORM, "Content-Encoding": "identity"}, b"From=1", 415),
        ({"Content-Type": FORM}, b"From=%ff", 400),
        ({"Content-Type": FORM}, b"From=\xff", 400),
        ({"Content-Type": FORM}, b"&".join(b"f%d=1" % n for n in range(201)), 400),
        ({"Content-Type": FORM}, b"From=" + b"1" * 70_000, 413),
        ({"Content-Type": FORM}, b"From=1&From=2", 403),
        ({"Content-Type": FORM}, b"caller=1&caller=1", 403),
    ],
)
def test_a_malformed_form_is_refused(platform: Platform, headers: dict[str, str], body: bytes, status: int) -> None:
    answer = requests.post(platform.next, data=body, headers=_credentials(platform) | headers, timeout=10)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.shows("CVP-7.8-1")
@pytest.mark.parametrize("shown", ["\xff", "é", "Basic \xff\xfe", "x" * 8000])
def test_a_malformed_secret_is_refused_as_forbidden(platform: Platform, shown: str) -> None:
    for name in ("Authorization", "X-Twilio-Signature"):
        sent = {name: shown.encode("latin-1")}
        answer = requests.post(platform.next, data={"caller": "x"}, headers=sent, timeout=10)
        assert (answer.status_code, answer.json()["slug"]) == (403, "forbidden")


@pytest.mark.shows("CVP-7.8-4", "CVP-7.8-7")
def test_an_out_of_bounds_form_value_makes_the_caller_hear_an_apology(platform: Platform) -> None:
    """An authenticated platform never gets an error page because of what it says about the caller."""
    name = "caller" if isinstance(platform, VoiceXmlPlatform) else "From"
    for told in ({"CallSid": "CA\n1"}, {"CallSid": "王" * 9}, {"CallSid": "C" * 256}):
        heard = platform.send(platform.next, {name: "+8613800138000", "To": HOTLINE, **told})
        assert (heard.act, heard.said[0][1]) == ("hang_up", UNAVAILABLE)
    platform.begin("+8613800138000")
    keyed = "keys" if isinstance(platform, VoiceXmlPlatform) else "Digits"
    for keys in ("４８２", "1\n2", "x", "\x00", "48217730e"):
        heard = platform.send(platform.next, {keyed: keys})
        assert (heard.act, heard.said[0][1]) == ("hang_up", UNAVAILABLE)


@pytest.mark.parametrize("dialled", ["sip:95588@pbx.bank.example", "95588", "", "tel:+861095588"])
def test_a_call_to_a_short_number_works_like_any_other(platform: Platform, customer: Customer, dialled: str) -> None:
    customer.is_rung()
    name = "caller" if isinstance(platform, VoiceXmlPlatform) else "From"
    told = {name: f"sip:{customer.number}@carrier.example", "dialled": dialled, "To": dialled}
    assert platform.send(platform.next, told).act == "listen"


@pytest.mark.shows("CVP-7.8-1")
def test_a_dialect_is_off_until_its_secret_is_set(tmp_path: Path) -> None:
    with RunningBank(tmp_path) as without:
        for path in ("/voice/voicexml", "/voice/twiml"):
            assert requests.post(without.url + path, timeout=10).status_code == 404


@pytest.mark.shows("CVP-7.8-3")
@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("+8613800138000", "+8613800138000"),
        ("tel:+8613800138000", "+8613800138000"),
        ("sip:+8613800138000@carrier.example;user=phone", "+8613800138000"),
        ("sips:+8613800138000@carrier.example", "+8613800138000"),
        ("tel:+8613800138000;phone-context=x", "+8613800138000"),
        ("13800138000", None),
        ("sip:wang@carrier.example", None),
        ("+0013800138000", None),
        ("+86138001380001234567", None),
        ("+86１３８００１３８０００", None),
        ("sip:x@+8613800138000", None),
        ("", None),
    ],
)
def test_a_number_that_is_not_e164_counts_as_withheld(address: str, number: str | None) -> None:
    assert e164(address) == number


# The children and attributes that VoiceXML 2.0 and 2.1 and SRGS 1.0 allow for each element.
_CHILDREN = {
    "vxml": {"property", "catch", "form"},
    "form": {"var", "block", "field", "transfer"},
    "block": {"prompt", "submit", "disconnect"},
    "catch": {"prompt", "disconnect"},
    "field": {"property", "grammar", "prompt", "noinput", "nomatch", "filled"},
    "noinput": {"assign", "submit"},
    "nomatch": {"assign", "submit"},
    "filled": {"submit"},
    "transfer": {"prompt"},
    "prompt": {"prosody"},
    "grammar": {"rule"},
    "rule": {"item"},
    "item": {"one-of"},
    "one-of": {"item"},
}
_ATTRIBUTES = {
    "vxml": {"version", "lang"},
    "form": {"id"},
    "property": {"name", "value"},
    "catch": {"event"},
    "var": {"name", "expr"},
    "assign": {"name", "expr"},
    "submit": {"next", "method", "namelist"},
    "field": {"name"},
    "transfer": {"name", "dest", "type"},
    "prompt": {"bargein", "lang"},
    "prosody": {"rate"},
    "grammar": {"mode", "version", "root"},
    "rule": {"id", "scope"},
    "item": {"repeat"},
}


def test_the_documents_contain_only_elements_and_attributes_of_the_recommendation(
    bank: DemoBank, customer: Customer
) -> None:
    platform = VoiceXmlPlatform(bank)
    documents = [requests.get(platform.next, timeout=10).content]
    code = customer.is_rung()
    platform.begin(customer.number)
    documents.append(platform.document)
    for keys in (code, "*8", None, "0", "1"):
        platform.press(keys)
        documents.append(platform.document)
    for document in documents:
        for element in parsed(document).iter():
            name = _local(element.tag)
            assert {_local(each.tag) for each in element} <= _CHILDREN.get(name, set()), document
            assert {_local(each) for each in element.attrib} <= _ATTRIBUTES.get(name, set()), document


def _local(name: str) -> str:
    return re.sub(r"^{.*}", "", name)
