/** The borrower and the people of both forms of a registration (specs/protocol.md sections 3.1 and 3.3). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, bearer, borrowerOf, peopleOf } from "../src/client.js";
import { GENUINE, json, serve, withReceipt } from "./server.js";

const numbers = [{ number: "+8613800138000", added_at: "2026-01-05T00:00:00Z" }];
const rest = { officers: [{ id: "4412", name: "李伟", branch: "北京" }], product: "贷款" };
const AGREED = { service_calls: true, marketing_calls: false };

test("a loan of one person has that person as its borrower and its only contact", () => {
  const alone = { ...rest, customer: { id: "cust-1", name: "赵敏", language: "en" }, numbers, consents: { marketing_calls: true } };
  assert.deepEqual(borrowerOf(alone), { id: "cust-1", name: "赵敏", kind: "person" });
  assert.deepEqual(peopleOf(alone), [
    {
      id: "cust-1",
      name: "赵敏",
      language: "en",
      time_zone: "Asia/Shanghai",
      role: "borrower",
      rights: ["called", "confirm", "details"],
      numbers,
      consents: { service_calls: true, marketing_calls: true },
    },
  ]);
});

test("every other loan has its borrower and its contacts, with the defaults of the service", () => {
  const borrower = { id: "9133", name: "东海机械有限公司", kind: "company" };
  const legal = { name: "沈海东", role: "legal_representative", rights: ["confirm"], id: "cust-2", time_zone: "Asia/Tokyo" };
  const several = { ...rest, borrower, contacts: [legal] };
  assert.deepEqual(borrowerOf(several), borrower);
  assert.deepEqual(peopleOf(several), [{ ...legal, language: "zh-CN", numbers: [], consents: AGREED }]);
  assert.throws(() => borrowerOf(rest), TypeError);
  assert.throws(() => peopleOf(rest), TypeError);
});

const never = () => assert.fail("a handler was called");
const called = { role: "finance", name: "周敏" };
const confirm = async (t, call) => {
  const { url } = await serve(t, (response) => json(response, 200, withReceipt({ ...GENUINE, call: { ...GENUINE.call, ...call } })));
  const client = new Client(url, { credential: bearer("token"), tries: 1 });
  const genuine = (verdict) => verdict.call.called;
  return client.confirmations.confirm({ code: "482177306" }, { genuine, notGenuine: never, ended: never });
};

test("a genuine verdict names the contact whom the bank called, and may hide purpose and number from the others", async (t) => {
  for (const call of [{ called }, { called, purpose: null }, { called, purpose: null, number: null }, { called: { role: "finance", name: null }, purpose: null }]) {
    assert.deepEqual(await confirm(t, call), call.called);
  }
});

test("a verdict that hides its facts from the called contact, or names nobody, is not understood", async (t) => {
  for (const call of [{ purpose: null }, { number: null }, { called, number: "" }, { purpose: null, called: null }, { called: {} }, { called: "finance" }]) {
    await assert.rejects(confirm(t, call), { name: "CannotCheck" });
  }
});
