/**
 * The whole cycle against a running service (specs/protocol.md section 1). The environment describes the service:
 * VERIFIER_URL, OFFICER_TOKEN, SUPERVISOR_TOKEN, AUDITOR_TOKEN, CUSTOMER_TOKEN, CLERK_TOKEN and SYSTEM_KEYS, a folder of
 * PEM files.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, test } from "node:test";
import { Client, Problem, bearer, systemKey } from "../src/client.js";
import { EXCEPTION, HISTORY, RECEIPT, REPORT, TICKET, readReceipt, verifyEvidence } from "../src/receipts.js";

const {
  VERIFIER_URL: url = "",
  OFFICER_TOKEN = "",
  SUPERVISOR_TOKEN = "",
  AUDITOR_TOKEN = "",
  CUSTOMER_TOKEN = "",
  CLERK_TOKEN = "",
  SYSTEM_KEYS = "",
} = process.env;
const APPLICATION = "LN-2026-0001";
const NUMBER = "+8613800138000";
const ASKED = { purpose: /** @type {const} */ ("documents"), number: NUMBER, caller_number: "+861082345678" };

const same = (verdict) => ({ ...verdict });
const answered = { genuine: same, notGenuine: same, ended: same };
const spoken = { ...answered, unavailable: same };

describe("the story", { skip: url === "" && "VERIFIER_URL is not set" }, () => {
  const officer = new Client(url || "http://none", { credential: bearer(OFFICER_TOKEN) });
  const supervisor = new Client(url || "http://none", { credential: bearer(SUPERVISOR_TOKEN) });
  const auditor = new Client(url || "http://none", { credential: bearer(AUDITOR_TOKEN) });
  const customer = new Client(url || "http://none", { credential: bearer(async () => CUSTOMER_TOKEN) });
  const clerk = new Client(url || "http://none", { credential: bearer(CLERK_TOKEN) });
  const anybody = new Client(url || "http://none");
  /** @type {Record<string, Client>} */
  const systems = {};
  /** @type {any} */
  let trust;

  before(async () => {
    for (const keyId of ["loan-origination", "pbx", "ivr"]) {
      const privateKey = await readFile(`${SYSTEM_KEYS}/${keyId}.pem`, "utf8");
      systems[keyId] = new Client(url, { credential: systemKey({ keyId, privateKey }) });
    }
    trust = await anybody.description();
  });

  const leg = { legId: "sip-1", number: NUMBER };
  const connect = (callId) => systems.pbx.legs.connected(callId, leg);
  const hangUp = (callId) => systems.pbx.legs.ended(callId, { ...leg, at: new Date() });

  test("a genuine call is issued, connected, confirmed and ended", async () => {
    const shown = customer.me.events();
    assert.equal((await shown.next()).value?.state, "none");
    const { call, ticket, code: early } = await officer.calls.issue(APPLICATION, ASKED);
    assert.equal(early, null);
    assert.equal((await verifyEvidence(ticket, trust, { typ: TICKET })).claims.jti, call.call_id);
    await assert.rejects(officer.calls.code(call.call_id), { slug: "leg_not_connected", status: 409 });

    const watched = officer.calls.events(call.call_id);
    assert.equal((await watched.next()).value?.state, "issued");
    assert.equal((await connect(call.call_id)).state, "live");
    assert.equal((await watched.next()).value?.state, "live");
    await watched.return();
    let status = (await shown.next()).value;
    if (status?.state === "expected") status = (await shown.next()).value;
    assert.deepEqual([status?.state, status?.on_call], ["connected", true]);
    assert.equal(status?.calls[0]?.officer.id, "4412");
    await shown.return();

    const code = (await officer.calls.code(call.call_id)).shown;
    const told = await customer.confirmations.confirm({ code }, answered, { idempotencyKey: `story-${call.call_id}` });
    assert.equal(told.verdict, "genuine");
    assert.equal(told.call.officer.name, "李伟");
    const again = await customer.confirmations.confirm({ code }, answered, { idempotencyKey: `story-${call.call_id}` });
    assert.deepEqual(again, told);

    const { typ, claims } = await verifyEvidence(told.receipt, trust, { typ: RECEIPT });
    assert.equal(typ, RECEIPT);
    assert.equal("verdict" in claims && claims.verdict, "genuine");
    assert.equal((await anybody.receipts.verify(told.receipt)).result, "valid");
    assert.deepEqual((await customer.receipts.get(told.receipt_id)).receipt.statement, told.receipt.statement);

    assert.equal((await hangUp(call.call_id)).state, "ended");
    const ended = await customer.confirmations.confirm({ code }, answered, { idempotencyKey: `story-${call.call_id}` });
    assert.deepEqual(ended, { ...told, verdict: "ended", words: ended.words });
    const replay = await customer.confirmations.confirm({ code }, answered);
    assert.deepEqual([replay.verdict, replay.call?.call_id], ["ended", call.call_id]);
    const past = await verifyEvidence(replay.receipt, trust);
    assert.equal("verdict" in past.claims && past.claims.verdict, "ended");
  });

  test("by telephone, a call is genuine, and a withheld number gets unavailable", async () => {
    const { call } = await officer.calls.issue(APPLICATION, ASKED);
    await connect(call.call_id);
    const { digits } = await officer.calls.code(call.call_id);
    await hangUp(call.call_id);
    const keyed = { digits, dialled_number: "+861095588", caller_number: NUMBER };
    const told = await systems.ivr.ivr.confirm(keyed, spoken);
    assert.deepEqual([told.verdict, told.transfer_to], ["genuine", "4412"]);
    const withheld = await systems.ivr.ivr.confirm({ ...keyed, caller_number: null }, spoken);
    assert.deepEqual([withheld.verdict, withheld.receipt_id], ["unavailable", null]);
  });

  test("typing errors and strangers are refused, and a call can be revoked", async () => {
    await assert.rejects(customer.confirmations.confirm({ code: "123" }, answered), { slug: "malformed_code" });
    await assert.rejects(customer.calls.issue(APPLICATION, ASKED), { slug: "forbidden", name: "Problem" });
    await assert.rejects(anybody.me.callStatus(), { slug: "unauthenticated", status: 401 });
    const stranger = new Client(url, {
      credential: systemKey({ keyId: "nobody", privateKey: await readFile(`${SYSTEM_KEYS}/pbx.pem`, "utf8") }),
    });
    await assert.rejects(stranger.applications.get(APPLICATION), { slug: "unauthenticated" });
    const { call } = await officer.calls.issue(APPLICATION, ASKED);
    assert.equal((await officer.calls.revoke(call.call_id)).state, "revoked");
    assert.equal((await officer.calls.get(call.call_id)).state, "revoked");
  });

  test("an application says which purposes it allows, and why not the others", async () => {
    const { purposes = [] } = await officer.applications.get("LN-2026-0004");
    const refused = Object.fromEntries(purposes.map(({ purpose, refusals = [] }) => [purpose, refusals.map(({ rule }) => rule)]));
    assert.deepEqual([refused.documents, refused.marketing], [["purpose"], ["consent"]]);
  });

  test("the policy refuses a call, and a supervisor can grant an exception or decline one", async () => {
    const marketing = { ...ASKED, purpose: /** @type {const} */ ("marketing") };
    await assert.rejects(officer.calls.issue("LN-2026-0005", { ...marketing, number: "+8615800158000" }), (error) => {
      assert.ok(error instanceof Problem && error.slug === "policy_refused" && error.refusals.length > 0);
      return true;
    });
    const lifted = {
      officer_id: "4412",
      rules: [/** @type {const} */ ("daily_cap")],
      reason: "asked for by the customer",
    };
    const { evidence } = await supervisor.applications.grantException(APPLICATION, lifted);
    await verifyEvidence(evidence, trust, { typ: EXCEPTION });
    const { purpose, number } = ASKED;
    const { rules, reason } = lifted;
    const request = await officer.exceptions.request(APPLICATION, { purpose, number, rules, reason });
    const open = (await supervisor.exceptions.list()).requests;
    assert.ok(open.some((each) => each.request_id === request.request_id));
    const decided = await supervisor.exceptions.decide(request.request_id, { granted: false, reason: "not today" });
    assert.equal(decided.state, "declined");
  });

  test("a clerk asks for a customer who is present, and prints a slip that verifies", async () => {
    const present = { application_id: APPLICATION, reason: "asks about a call" };
    assert.deepEqual(await clerk.counter.find(present), { name: "王芳", language: "zh-CN" });
    await assert.rejects(clerk.counter.find({ ...present, application_id: "LN-0" }), { slug: "not_found" });
    const { call } = await officer.calls.issue(APPLICATION, ASKED);
    await connect(call.call_id);
    const { shown } = await officer.calls.code(call.call_id);
    const verdict = await clerk.counter.confirm({ ...present, code: shown }, answered);
    assert.equal(verdict.verdict, "genuine");
    await hangUp(call.call_id);
    const now = Date.now();
    const window = { from: new Date(now - 3_600_000).toISOString(), until: new Date(now).toISOString() };
    const history = await clerk.counter.checkCalls({ ...present, ...window });
    assert.equal(history.calls[0]?.call_id, call.call_id);
    const taken = await clerk.counter.report({ ...present, at: new Date(now).toISOString(), said: "低息贷款" });
    for (const [{ receipt }, typ] of [[verdict, RECEIPT], [history, HISTORY], [taken, REPORT]]) {
      const { symbols } = await clerk.receipts.draw(receipt);
      const read = await readReceipt(symbols.map(({ text }) => text).join("\n"));
      assert.deepEqual(read, receipt);
      await verifyEvidence(read, trust, { typ });
    }
  });

  test("the other operations of bank systems, customers and officers", async () => {
    const loans = systems["loan-origination"];
    const { registration } = await loans.applications.get(APPLICATION);
    const copy = { ...registration, customer: { ...registration.customer, id: "cust-story" } };
    const id = `LN-${crypto.randomUUID()}`;
    assert.equal((await loans.applications.put(id, copy)).application_id, id);
    assert.equal((await loans.applications.erase(id)).application_id, id);
    await assert.rejects(loans.applications.get(id), { slug: "erased" });
    const taken = await customer.reports.send({ at: new Date().toISOString(), said: "低息贷款" });
    await verifyEvidence(taken.receipt, trust, { typ: REPORT });
    assert.ok((await customer.me.calls({ limit: 1 })).next_cursor);
    assert.equal((await officer.calls.list({ limit: 1 })).calls.length, 1);
    assert.ok((await officer.applications.search({ query: "王芳" })).applications.length > 0);
    assert.ok((await customer.me.applications()).applications.length > 0);
    const wishes = await customer.me.preferences();
    assert.deepEqual(await customer.me.putPreferences(wishes), wishes);
    assert.ok((await anybody.log.checkpoint()).startsWith(trust.log.origin));
  });

  test("an auditor searches for looks, and the customer is told", async () => {
    await officer.applications.get(APPLICATION);
    await assert.rejects(supervisor.looks.search(), { slug: "forbidden" });
    const { looks, next_cursor: next } = await auditor.looks.search({ staff_id: "4412", limit: 1 });
    assert.deepEqual([looks[0]?.operation, looks[0]?.application_id], ["get_application", APPLICATION]);
    assert.equal((await auditor.looks.search({ limit: 1, cursor: next })).looks.length, 1);
    const [told] = (await customer.me.looks({ limit: 1 })).looks;
    assert.deepEqual([told?.name, told?.words[1]?.text], ["李伟", "Opened the file of this loan"]);
  });
});
