/**
 * Runs the page of the WeChat sample with a `wx` and a `Page` of its own, against the service. It reads acts from standard
 * input, one JSON list a line, and writes the page's data after each: ["enter", "482177306"], ["status", 200],
 * ["wait", "ended"], ["network", false], ["again"], ["leave"].
 */

const { createInterface } = require("node:readline");

const [folder, service, token] = process.argv.slice(2);
let network = true;
const keys = [];

globalThis.getApp = () => ({ verificationService: service, accessToken: async () => token || null });
globalThis.wx = {
  request: ({ url, method, data, header, success, fail }) => {
    if (header["Idempotency-Key"]) keys.push(header["Idempotency-Key"]);
    if (!network) return setTimeout(fail, 10);
    const body = data === undefined ? undefined : JSON.stringify(data);
    fetch(url, { method, headers: header, body }).then(async (answer) => success({ statusCode: answer.status, data: await answer.json() }), fail);
  },
};
let page;
globalThis.Page = (made) => {
  page = { ...made, setData: (changed) => Object.assign(page.data, changed) };
};
require(`${folder}/call-check.js`);
page.onShow();

const settled = async (until) => {
  for (let tried = 0; tried < 200 && !until(); tried += 1) await new Promise((resolve) => setTimeout(resolve, 50));
};
const ACTS = {
  enter: async (code) => {
    page.typed({ detail: { value: code } });
    page.check();
    await settled(() => page.data.view !== "asking");
  },
  wait: (view) => settled(() => page.data.view === view),
  status: () => settled(() => page.data.status.includes("更新") || !page.data.status.includes("正在查询")),
  network: async (on) => void (network = on),
  again: async () => page.again(),
  leave: async () => page.onHide(),
};

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    const [act, given] = JSON.parse(line);
    await ACTS[act](given);
    console.log(JSON.stringify({ ...page.data, keys: [...new Set(keys)].length }));
  }
  process.exit(0);
})();
