/** The texts of the letter that a receipt is shown as, zh-CN first, en second. Implements specs/protocol.md section 8.6. */

import { both } from "../web/words.js";

/** @typedef {import("../web/language.js").Both} Both */

export const WORDS = {
  kinds: {
    verdict: both("来电核实凭证", "Receipt of a call check"),
    report: both("举报回执", "Receipt of a report"),
    history: both("来电查询凭证", "Receipt of a call search"),
  },
  number: both("凭证编号：{id}", "Receipt number: {id}"),
  result: both("结果", "Result"),

  results: {
    genuine: both("核实时，这是我行的来电", "At that moment, this was our call"),
    not_genuine: both("无法核实", "Not confirmed"),
    ended: both("这是一个旧核实码", "This was an old code"),
    report: both("我行已收到举报", "We received the report"),
    calls: both("我行与客户的通话共{count}次", "Our calls with the customer: {count}"),
    noCalls: both("我行没有与客户通话", "We had no call with the customer"),
  },
  what: {
    genuine: both(
      "{time}，客户通过{channel}输入了一个核实码。它属于我行当时正在进行的一通电话。",
      "On {time}, the customer entered a code {channel}. It was the code of a call of ours that was going on.",
    ),
    not_genuine: both(
      "{time}，客户通过{channel}输入了一个核实码。我行当时没有与这位客户进行中的来电使用这个核实码。",
      "On {time}, the customer entered a code {channel}. We had no call with this customer then that carried it.",
    ),
    impossible: both(
      "我行的系统不会产生这样的号码，它不可能是我行的核实码。",
      "Our system never makes such digits, so they cannot have been a code of ours.",
    ),
    ended: both(
      "{time}，客户通过{channel}输入了一个核实码。它属于我行的一通电话，但那通电话当时已经结束（{began} 至 {over}）。之后用这个核实码的人，不是我行工作人员。",
      "On {time}, the customer entered a code {channel}. It was the code of a call of ours that was already over ({began} to {over}). Anybody who gave that code later was not from us.",
    ),
    report: both(
      "{time}，我行收到客户对一通可疑来电的举报。",
      "On {time}, we received a customer's report of a suspicious call.",
    ),
    history: both(
      "{time}，客户查询了 {from} 至 {until} 我行打来的电话。就我行当时为该客户办理的贷款，结果如下，再无其他。",
      "On {time}, the customer asked about our calls from {from} to {until}. On the loans that we held for this customer, there were these calls and no others.",
    ),
    historyNone: both(
      "{time}，客户查询了 {from} 至 {until} 我行打来的电话。就我行当时为该客户办理的贷款，这段时间没有通话记录。",
      "On {time}, the customer asked about our calls from {from} to {until}. On the loans that we held for this customer, there was no call in that time.",
    ),
  },
  channels: {
    app: both("手机银行或网点", "in our app or at a branch"),
    ivr: both("客服电话", "by telephone"),
  },
  askedFrom: both("查询的来电号码", "Number asked about"),
  officer: both("来电人", "Who called"),
  officerLine: both("{name}，工号 {id}，{branch}", "{name}, staff no. {id}, {branch}"),
  purpose: both("来电事由", "About"),
  loan: both("贷款", "Loan"),
  loanLine: both("{product}，编号 {reference}", "{product}, reference {reference}"),
  orig: both("主叫号码", "Call from"),
  dest: both("被叫号码", "Call to"),
  withheld: both("这笔贷款的另一位联系人，号码不列出", "another contact of the loan; the number is not given"),
  connected: both("接通时间", "Connected at"),
  notSeen: both("我行看不到是否接通", "We could not see whether it was connected"),
  callId: both("通话编号", "Call"),
  asks: both("这通电话可能会问", "This call could ask for"),
  never: both("我行绝不会索要", "We never ask for"),
  itemComma: both("；", "; "),
  calls: both("通话记录", "Calls"),
  issued: both("{time} 发起", "Issued {time}"),
  connectedAt: both("{time} 接通", "connected {time}"),
  endedAt: both("{time} 结束", "ended {time}"),
  notConnected: both("没有接通记录", "no connection on record"),

  proves: both("本凭证证明什么", "What this receipt proves"),
  provesItems: {
    verdict: both(
      "我行在上述时间，就客户输入的核实码给出了上述答复。",
      "At that time, we gave that answer on the code that the customer entered.",
    ),
    report: both("我行在上述时间收到了这份举报，内容此后不能更改。", "We received the report at that time, and its words cannot be changed since."),
    history: both("我行在上述时间就上述时段给出了这份答复。", "At that time, we gave this answer about our calls in that window."),
    signed: both(
      "凭证有我行的电子签名，并登记在公开日志里。此后任何人，包括我行，都不能悄悄改动或删除。",
      "It carries our digital signature and is in a public log. Since then nobody, not even we, can change or remove it unnoticed.",
    ),
  },
  provesNot: both("本凭证不证明什么", "What it does not prove"),
  provesNotItems: {
    now: both(
      "不证明之后或现在来电的人是谁。每一通来电都要重新核实。",
      "Who calls later or now. Every call must be checked again.",
    ),
    caller: both("不证明打电话的人一定不是我行员工，只说明核实码没有通过。", "Who the caller was. It only says that the code was not confirmed."),
    talk: both("不记录通话内容。", "What was said in the call."),
    rights: both(
      "不代表贷款获批，也不代表客户同意或授权了任何事。",
      "That a loan was approved, or that the customer agreed to anything.",
    ),
    holder: both(
      "不证明持有人的身份。凭证里没有客户姓名，只有可由我行核对的加密标识。",
      "Who holds it. It has no customer's name, only an encrypted mark that we can compare.",
    ),
    words: both("不含举报的文字，只有其数字指纹。", "What the report says. It holds only a fingerprint of the words."),
    others: both(
      "不证明其他号码、其他人或其他机构没有来电。",
      "That nobody else called, from another number or another company.",
    ),
  },
  keeping: both("保管与出示", "Keeping and showing it"),
  keepingWhat: both(
    "请妥善保管，只出示给公安机关、法院、您的律师或我行。不要发给来电的人，也不要发到网上：拿到完整凭证的人，能试出当时的核实码，也能验证对客户登录名的猜测。",
    "Keep it safe, and show it only to the police, a court, your lawyer or us. Send it to no caller, and do not publish it: whoever has the whole receipt can work out the code, and can test a guess of the customer's login.",
  ),
  keepingFresh: both(
    "这个核实码可能属于另一通尚未结束的电话。当天请不要把凭证给不认识的人看。",
    "The code may belong to another call that is still going on. Show this receipt to no stranger on the same day.",
  ),
  paper: both(
    "纸上的文字本身不是证据，任何人都能打印。证据在二维码里：用“验证凭证”页面或任何符合协议的工具扫描即可验证，不需要联系我行。",
    "The words on this paper are no evidence by themselves, since anybody can print them. The evidence is in the QR code. The page \"Check a receipt\", or any tool that follows the protocol, verifies it without asking us.",
  ),
  file: both(
    "这张纸只是凭证文件的阅读版，证据是文件本身。请同时保存文件。",
    "This paper only shows what the receipt file says. The evidence is the file. Keep it too.",
  ),
  question: both("如有疑问，请拨打我行电话 {number}。", "Questions? Ring us at {number}."),
  technical: both(
    "公开日志 {origin}，截至第 {size} 条 · 签发于 {time}",
    "Public log {origin}, at size {size} · signed {time}",
  ),

  states: {
    issued: both("准备拨打", "about to ring"),
    ringing: both("正在响铃", "ringing"),
    live: both("通话中，未核实", "going on, not confirmed"),
    confirmed: both("通话中，已核实", "going on, confirmed"),
    ended: both("已结束", "ended"),
    expired: both("核实码已过期", "code expired"),
    revoked: both("已作废", "withdrawn"),
    locked: both("核实码多次输错，已锁定", "locked after wrong codes"),
  },
};
