/**
 * Asks the verification service, and understands its answers. What is not understood is "cannot check", never genuine.
 * Implements specs/protocol.md sections 7.2 and 7.12.
 */

// The domain must be in the mini-program's list of request domains.
const SERVICE = "https://verify.bank.example";
const TIMEOUT_MS = 5_000;
const TRIES = 3;

/** Send a request with the customer's token, which the mini-program holds. Resolves to null if there is no answer. */
async function request(method, path, body, key) {
  const token = await getApp().accessToken();
  if (!token) return { statusCode: 401, data: {} };
  return new Promise((resolve) =>
    wx.request({
      url: `${getApp().verificationService || SERVICE}${path}`,
      method,
      data: body,
      header: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...(key && { "Idempotency-Key": key }) },
      timeout: TIMEOUT_MS,
      success: resolve,
      fail: () => resolve(null),
    }),
  );
}

/**
 * Confirm a code. A lost answer is asked for again under the same key, which gets the same verdict.
 * Returns the kind of the verdict and the answer.
 */
async function confirm({ digits, key }) {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const answer = await request("POST", "/v1/confirmations", { code: digits }, key);
    if (answer !== null && answer.statusCode !== 503) return { kind: kindOf(answer), answer: answer.data };
  }
  return { kind: "unavailable", answer: null };
}

function kindOf({ statusCode, data }) {
  if (statusCode === 401) return "signed_out";
  if (statusCode === 422 && data.slug === "malformed_code") return "slip";
  if (statusCode === 429) return "wait";
  const call = data && data.call;
  if (statusCode !== 200 || !Array.isArray(data.words)) return "unavailable";
  if (data.verdict === "not_genuine") return "not_genuine";
  if (!call || !call.call_id || !call.officer) return "unavailable";
  if (data.verdict === "ended") return "ended";
  if (data.verdict === "genuine") return call.called ? "to_another" : "genuine";
  return "unavailable";
}

/** Whether a confirmed call goes on: "on", "over", or "lost" if that is not known now. */
async function goesOn(asked, call) {
  const answer = await request("GET", "/v1/me/call-status");
  if (answer === null || answer.statusCode !== 200 || answer.data.state === "unknown") return "lost";
  if (call.called) {
    // The status does not name a call to another contact. Under the same key, its verdict is `ended` when it is over.
    const { kind } = await confirm(asked);
    return kind === "to_another" ? "on" : kind === "ended" ? "over" : "lost";
  }
  const { on_call: onCall, calls } = answer.data;
  const named = calls.some((each) => each.call_id === call.call_id && each.state === "confirmed");
  return named && (onCall || call.leg.mode !== "required") ? "on" : "over";
}

async function callStatus() {
  const answer = await request("GET", "/v1/me/call-status");
  return answer !== null && answer.statusCode === 200 && Array.isArray(answer.data.words) ? said(answer.data.words) : null;
}

/** The Chinese text of the service. */
function said(words) {
  return (words.find((each) => each.language === "zh-CN") || words[0] || { text: "" }).text;
}

module.exports = { callStatus, confirm, goesOn, said };
